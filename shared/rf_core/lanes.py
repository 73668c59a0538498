"""The live set: a bounded number of lanes, each holding one credential at a time.

A request carries a lane's number instead of a credential, so nothing secret travels through the
crawler and the number of sockets does not grow with the size of an order. Invariants:

* a refused credential is never handed out again;
* a lane changes its credential only when nothing of it is in flight and its connections are gone;
* fewer credentials than lanes is fine: they are shared (C-072), and never a reason to order again;
* a session's credential has a lane to itself, apart from those of other requests;
* a credential that a target has banned is not sent there again while another is left;
* a lane that turns after so many requests carries no more than these on one credential and one set
  of connections, also when they are in flight at once;
* however many targetings there are, there are no more lanes: who asks gets a fair part of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rf_core.models import Proxy
from rf_core.share import Lane, Share
from rf_core.stock import Credential, Stock

__all__ = ["Credential", "Lane", "Lanes", "Share"]

_RECENTLY: Final = 8
"""A share that has not been asked for so many requests a lane has no claim on lanes any more."""


class Lanes:
    """The lanes of one crawl and the credentials waiting for a place in them.

    Args:
        size: How many lanes there are.
        requests_each: After how many requests a lane turns to its next credential and to new
            connections; None keeps both for as long as they work.

    Attributes:
        own: The share of requests that ask for nothing. It has every lane until others ask.
    """

    def __init__(self, size: int, requests_each: int | None = None) -> None:
        if size < 1 or (requests_each is not None and requests_each < 1):
            message = f"a live set needs at least one lane and one request each, not {size}"
            raise ValueError(message)
        self._refused: set[str] = set()
        self._used: set[str] = set()
        self._stocks: list[Stock] = []
        self._shares: list[Share] = []
        self.own: Share = self.open(self.new_stock(size), requests_each)
        self._lanes = tuple(Lane(number, self.own) for number in range(size))
        self.own.lanes.extend(self._lanes)
        self._held = tuple(Lane(number) for number in range(size, 2 * size))
        self._turns = 0
        self._asked = 0

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    def __len__(self) -> int:
        return len(self._lanes)

    def __repr__(self) -> str:
        return (
            f"<Lanes {self.live}/{len(self._lanes)} live, "
            f"{self.spare} spare, {len(self._refused)} refused>"
        )

    @property
    def live(self) -> int:
        """Lanes that can carry a request now."""
        return sum(1 for lane in self._lanes if lane.credential and not lane.retired)

    @property
    def spare(self) -> int:
        """Credentials never used yet, of all targetings."""
        return sum(stock.spare for stock in self._stocks)

    @property
    def used(self) -> int:
        """Distinct credentials that have had a lane."""
        return len(self._used)

    @property
    def refused(self) -> int:
        """Credentials that were refused for good."""
        return len(self._refused)

    # Shares

    def new_stock(self, ready: int | None = None) -> Stock:
        """Make room for the credentials of one more targeting."""
        stock = Stock(ready or len(self._lanes), self._refused)
        self._stocks.append(stock)
        return stock

    def open(self, stock: Stock, requests_each: int | None = None) -> Share:
        """Begin a share. It has no lane yet: it claims some when it is asked."""
        share = Share(stock, requests_each)
        self._shares.append(share)
        return share

    def claim(self, share: Share) -> Lane | None:
        """Let a share have one lane more, up to what is fair.

        Returns a lane with nothing in flight, to hang up and to renew. None when it has enough, or
        when one is coming to it: a busy one that turns when it is empty.
        """
        coming = sum(1 for lane in self._lanes if lane.goes_to is share)
        if coming + len(share.lanes) >= self._fair(share) or (coming and not share.lanes):
            return None
        others = [lane for lane in self._lanes if lane.share is not share and lane.goes_to is None]
        surplus = {id(one): len(one.lanes) - self._fair(one) for one in self._shares}
        # What has come to a share for a request that waits is not taken away from it unused.
        others = [
            lane
            for lane in others
            if surplus[id(lane.share)] > 0 or (not share.lanes and (lane.served or lane.retired))
        ]

        def ease(lane: Lane) -> tuple[bool, bool, float, int]:
            """What is given up the most easily comes first."""
            rests = not lane.in_flight and not lane.retired
            asked = lane.share.asked if lane.share else 0
            return not rests, surplus[id(lane.share)] <= 0, asked, lane.in_flight

        lane = min(others, key=ease, default=None)
        if lane is None:
            return None
        free = not lane.in_flight and not lane.retired
        lane.goes_to = share
        lane.retired = True
        return lane if free else None

    def _fair(self, share: Share) -> int:
        """How many lanes a share may have: none when nobody has asked for it of late."""
        recent = self._asked - _RECENTLY * len(self._lanes)
        asking = [one for one in self._shares if one.asked > recent or one is share]
        if share.asked <= recent and not any(lane.in_flight for lane in share.lanes):
            return 0
        return max(1, len(self._lanes) // len(asking))

    # Credentials

    def add(self, credentials: Iterable[Credential], share: Share | None = None) -> int:
        """Take in what an order brought; return how many of them were new."""
        share = share or self.own
        fresh = sum(share.stock.add(credential) for credential in credentials)
        self._fill(share.stock)
        return fresh

    def stock(self, proxies: Sequence[Proxy], pool: str, share: Share | None = None) -> None:
        """Take in what an order brought, however many: objects are made when it is their turn."""
        share = share or self.own
        share.stock.deliver(proxies, pool)
        self._fill(share.stock)

    def _fill(self, stock: Stock) -> None:
        for lane in self._lanes:
            if lane.credential is None and not lane.in_flight:
                bound_for = lane.goes_to or lane.share
                if bound_for is not None and bound_for.stock is stock:
                    self.renew(lane)

    def credential(self, handle: str) -> Credential | None:
        """Return the credential of that name, if it is in use and works."""
        stock = self.stock_of(handle)
        return None if stock is None else stock.get(handle)

    def stock_of(self, handle: str) -> Stock | None:
        """Return where a credential that works belongs."""
        return next((stock for stock in self._stocks if stock.get(handle)), None)

    def lane(self, number: int) -> Lane | None:
        """Return the lane of that number, or None."""
        lanes = self._lanes if number < len(self._lanes) else self._held
        return lanes[number % len(lanes)] if 0 <= number < 2 * len(lanes) else None

    # Requests

    def take(self, target: str, share: Share | None = None) -> Lane | None:
        """Put a request on the least busy lane of a share; None when no lane can carry it there."""
        share = share or self.own
        self._asked += 1
        share.asked = self._asked
        return share.take(target)

    def can_serve(self, target: str, share: Share | None = None) -> bool:
        """Whether a credential is left that works and is not banned there."""
        return (share or self.own).stock.can_serve(target)

    def hold(self, credential: Credential, target: str) -> Lane | None:
        """Put a request on the lane of its session's credential; None while that has none."""
        handle = credential.handle
        for lane in self._held:
            if lane.handle == handle and not lane.retired:
                lane.board(target)
                return lane
        return None

    def carries(self, credential: Credential) -> bool:
        """Whether a request of a session is under way on its lane."""
        handle = credential.handle
        return any(lane.handle == handle and lane.in_flight for lane in self._held)

    def make_room_for(self, credential: Credential) -> Lane | None:
        """Retire the lane that has rested longest, for a session's credential to get it.

        None when all are busy, or when one is on its way to it already.
        """
        handle = credential.handle
        if any(lane.promised == handle for lane in self._held):
            return None
        empty = [lane for lane in self._held if not lane.in_flight and not lane.retired]
        lane = min(empty, key=lambda one: one.turned, default=None)
        if lane is not None:
            lane.retired = True
            lane.promised = handle
        return lane

    def release(self, lane: Lane, target: str) -> bool:
        """Take a request off its lane; True when a retired lane has just become free of requests.

        The caller then hangs up what is still connected for it and calls :meth:`renew`.
        """
        if lane.targets[target] < 1:
            message = f"{lane!r} carries nothing to {target} that could be released"
            raise ValueError(message)
        lane.in_flight -= 1
        lane.targets[target] -= 1
        if not lane.targets[target]:
            del lane.targets[target]
        return lane.retired and not lane.in_flight

    # Turns

    def refuse(self, handle: str) -> tuple[Lane, ...]:
        """Retire a credential everywhere; return the lanes that can be hung up at once."""
        self._refused.add(handle)
        for stock in self._stocks:
            stock.drop(handle)
        free = []
        for lane in (*self._lanes, *self._held):
            if lane.handle == handle and not lane.retired:
                lane.retired = True
                if not lane.in_flight:
                    free.append(lane)
        return tuple(free)

    def turn(self, number: int, handle: str) -> Lane | None:
        """Let a lane take no more requests on a credential; return it when it is empty already."""
        lane = self.lane(number)
        if lane is None or lane.handle != handle or lane.retired:
            return None
        lane.retired = True
        return None if lane.in_flight else lane

    def ban(self, handle: str, target: str) -> None:
        """Send a credential to that target no more; see :meth:`Stock.ban`."""
        stock = self.stock_of(handle)
        if stock is not None:
            stock.ban(handle, target)

    def make_room(self, target: str, share: Share | None = None) -> Lane | None:
        """Retire an empty lane, so that a credential which the target has not banned gets one.

        None when no lane is empty, or none is needed.
        """
        share = share or self.own
        if not share.stock.banned(target) or not share.stock.can_serve(target):
            return None
        lane = next((one for one in share.lanes if not one.in_flight and not one.retired), None)
        if lane is not None:
            lane.retired = True
        return lane

    def renew(self, lane: Lane, target: str = "", held: Credential | None = None) -> bool:
        """Give an unused lane its next credential; False when there is none left that works.

        Args:
            target: Whom it is for: one that is banned there will not do, if there is another.
            held: The session's credential that it is for; a lane of sessions is empty without one.
        """
        if lane.in_flight:
            message = f"{lane!r} still carries requests"
            raise ValueError(message)
        credential = held
        if lane.share is not None:
            share = self._moved(lane, lane.share)
            taken = Counter(one.handle for one in self._lanes if not one.retired)
            credential = share.stock.next(taken, share.stock.banned(target))
        lane.credential = credential
        lane.handle = credential.handle if credential else ""
        if credential:
            self._used.add(lane.handle)
        self._turns += 1
        lane.turned = self._turns
        lane.promised = ""
        lane.served = 0
        lane.retired = False
        return credential is not None

    def _moved(self, lane: Lane, share: Share) -> Share:
        """Give a lane over to the share that it goes to; return whose it is now."""
        if lane.goes_to is None:
            return share
        share.lanes.remove(lane)
        lane.share, lane.goes_to = lane.goes_to, None
        lane.share.lanes.append(lane)
        return lane.share
