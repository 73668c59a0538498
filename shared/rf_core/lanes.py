"""The live set: a bounded number of lanes, each holding one credential at a time.

A request carries a lane's number instead of a credential, so nothing secret travels through the
crawler and the number of sockets does not grow with the size of an order. Invariants:

* a refused credential is never handed out again;
* a lane changes its credential only when nothing of it is in flight and its connections are gone;
* fewer credentials than lanes is fine: they are shared (C-072), and never a reason to order again;
* a session's credential has a lane to itself, apart from those of other requests;
* a credential that a target has banned is not sent there again while another is left;
* a lane that turns after so many requests carries no more than these on one credential and one set
  of connections, also when they are in flight at once.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from rf_core.models import Proxy

_NOBODY: Final[AbstractSet[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Credential:
    """A proxy, the pool that pays for it, and a short name for it that is no secret."""

    proxy: Proxy
    pool: str

    @property
    def handle(self) -> str:
        """Eight hex digits that name this credential in stats, ledger and monitor."""
        name = f"{self.proxy.host}:{self.proxy.port}:{self.proxy.username}".encode()
        return hashlib.blake2b(name, digest_size=4).hexdigest()


@dataclass(slots=True)
class _Stock:
    """What an order brought, and how much of it has been looked at."""

    proxies: Sequence[Proxy]
    pool: str
    taken: int = 0


@dataclass(slots=True, eq=False)
class Lane:
    """One place in the live set.

    Attributes:
        handle: Name of its credential, or "".
        in_flight: Requests that carry its number.
        served: Requests that have carried it since it got its credential.
        turned: When it got its credential, counted in turns of all lanes.
        promised: The session's credential that it turns to.
        retired: It takes no more requests and gets its next credential when it is empty.
        targets: The same by target, as `host:port`: a connection with a request under way is
            never hung up to make room.
    """

    number: int
    credential: Credential | None = None
    handle: str = ""
    in_flight: int = 0
    served: int = 0
    turned: int = 0
    promised: str = ""
    retired: bool = False
    targets: Counter[str] = field(default_factory=Counter)

    def board(self, target: str) -> None:
        """Take a request on."""
        self.in_flight += 1
        self.served += 1
        self.targets[target] += 1

    def __repr__(self) -> str:
        state = "retired" if self.retired else self.handle or "empty"
        return f"<Lane {self.number} {state}, {self.in_flight} in flight>"


class Lanes:
    """The lanes of one crawl and the credentials waiting for a place in them.

    Args:
        size: How many lanes there are.
        requests_each: After how many requests a lane turns to its next credential and to new
            connections; None keeps both for as long as they work.
    """

    def __init__(self, size: int, requests_each: int | None = None) -> None:
        if size < 1 or (requests_each is not None and requests_each < 1):
            message = f"a live set needs at least one lane and one request each, not {size}"
            raise ValueError(message)
        self._requests_each = requests_each
        self._lanes = tuple(Lane(number) for number in range(size))
        self._held = tuple(Lane(number) for number in range(size, 2 * size))
        self._spare: deque[Credential] = deque()
        self._stocks: deque[_Stock] = deque()
        self._good: dict[str, Credential] = {}
        self._refused: set[str] = set()
        self._used: set[str] = set()
        self._banned: dict[str, set[str]] = {}
        self._next = 0
        self._turns = 0

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

    def can_serve(self, target: str) -> bool:
        """Whether a credential is left that works and is not banned there."""
        banned = self._banned.get(target, _NOBODY)
        return any(handle not in banned for handle in self._good)

    @property
    def spare(self) -> int:
        """Credentials never used yet; repeats among them are found when it is their turn."""
        return len(self._spare) + sum(len(one.proxies) - one.taken for one in self._stocks)

    @property
    def used(self) -> int:
        """Distinct credentials that have had a lane."""
        return len(self._used)

    @property
    def refused(self) -> int:
        """Credentials that were refused for good."""
        return len(self._refused)

    def add(self, credentials: Iterable[Credential]) -> int:
        """Take in what an order brought; return how many of them were new."""
        fresh = sum(self._add(credential) for credential in credentials)
        self._fill_lanes()
        return fresh

    def stock(self, proxies: Sequence[Proxy], pool: str) -> None:
        """Take in what an order brought, however many: objects are made when it is their turn."""
        self._stocks.append(_Stock(proxies, pool))
        self._draw()
        self._fill_lanes()

    def _add(self, credential: Credential) -> bool:
        handle = credential.handle
        if handle in self._good or handle in self._refused:
            return False
        self._good[handle] = credential
        self._spare.append(credential)
        return True

    def _draw(self) -> None:
        """Have as many spare as there are lanes, for as long as stocks last."""
        while self._stocks and len(self._spare) < len(self._lanes):
            stock = self._stocks[0]
            if stock.taken == len(stock.proxies):
                self._stocks.popleft()
                continue
            self._add(Credential(stock.proxies[stock.taken], stock.pool))
            stock.taken += 1

    def _fill_lanes(self) -> None:
        for lane in self._lanes:
            if lane.credential is None and not lane.in_flight:
                self.renew(lane)

    def credential(self, handle: str) -> Credential | None:
        """Return the credential of that name, if it is in use and works."""
        return self._good.get(handle)

    def lane(self, number: int) -> Lane | None:
        """Return the lane of that number, or None."""
        lanes = self._lanes if number < len(self._lanes) else self._held
        return lanes[number % len(lanes)] if 0 <= number < 2 * len(lanes) else None

    def take(self, target: str) -> Lane | None:
        """Put a request on the least busy lane, in turn; None when no lane can carry it there."""
        size = len(self._lanes)
        banned = self._banned.get(target, _NOBODY)
        best: Lane | None = None
        for step in range(size):
            lane = self._lanes[(self._next + step) % size]
            if lane.credential is None or lane.retired or lane.handle in banned:
                continue
            if best is None or lane.in_flight < best.in_flight:
                best = lane
                if not lane.in_flight:
                    break
        if best is None:
            return None
        self._next = (best.number + 1) % size
        best.board(target)
        if self._requests_each is not None and best.served >= self._requests_each:
            best.retired = True
        return best

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

    def refuse(self, handle: str) -> tuple[Lane, ...]:
        """Retire a credential everywhere; return the lanes that can be hung up at once."""
        self._refused.add(handle)
        self._good.pop(handle, None)
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
        """Send a credential to that target no more.

        When all of them are banned there the target begins anew: it may have forgotten by now.
        """
        banned = self._banned.setdefault(target, set())
        banned.add(handle)
        if not self.can_serve(target):
            banned.clear()

    def make_room(self, target: str) -> Lane | None:
        """Retire an empty lane, so that a credential which the target has not banned gets one.

        None when no lane is empty, or none is needed.
        """
        banned = self._banned.get(target, _NOBODY)
        if not banned or not self.can_serve(target):
            return None
        lane = next((one for one in self._lanes if not one.in_flight and not one.retired), None)
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
        if lane.number < len(self._lanes):
            credential = self._next_credential(self._banned.get(target, _NOBODY))
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

    def _next_credential(self, banned: AbstractSet[str]) -> Credential | None:
        """A new one, or else the one that has rested longest, in no other lane if possible."""
        if self._spare:
            credential = self._spare.popleft()
            self._draw()
            return credential
        taken = Counter(lane.handle for lane in self._lanes if not lane.retired)
        # As many as there are lanes are in lanes: the search soon ends, but for those banned.
        handle = next((one for one in self._good if not taken[one] and one not in banned), None)
        if handle is None and self._good:
            handle = min(self._good, key=taken.__getitem__)
        if handle is None:
            return None
        credential = self._good.pop(handle)
        self._good[handle] = credential
        return credential
