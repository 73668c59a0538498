"""A lane, and the part of all lanes that requests of one targeting have."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from rf_core.stock import Credential, Stock


@dataclass(slots=True, eq=False)
class Lane:
    """One place in the live set.

    Attributes:
        share: Whose lane it is; None for those of sessions.
        goes_to: The share that gets it when it has turned, if it is another.
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
    share: Share | None = None
    goes_to: Share | None = None
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


@dataclass(slots=True, eq=False)
class Share:
    """What one targeting, in one way of rotating, has of the live set.

    Attributes:
        stock: Where its credentials come from.
        requests_each: After how many requests its lanes turn; None is as long as they work.
        lanes: The lanes it has, now or when they have turned.
        asked: When it was asked for a lane last, counted in requests of all shares.
    """

    stock: Stock
    requests_each: int | None = None
    lanes: list[Lane] = field(default_factory=list)
    asked: float = -math.inf
    _next: int = 0

    def __repr__(self) -> str:
        return f"<Share of {len(self.lanes)} lanes, {self.stock!r}>"

    @property
    def is_busy(self) -> bool:
        """Whether all of its lanes have something to do."""
        return all(lane.in_flight or lane.retired for lane in self.lanes)

    def take(self, target: str) -> Lane | None:
        """Put a request on the least busy lane, in turn; None when no lane can carry it there."""
        lanes = self.lanes
        size = len(lanes)
        banned = self.stock.banned(target)
        best: Lane | None = None
        at = 0
        for step in range(size):
            number = (self._next + step) % size
            lane = lanes[number]
            if lane.credential is None or lane.retired or lane.handle in banned:
                continue
            if best is None or lane.in_flight < best.in_flight:
                best, at = lane, number
                if not lane.in_flight:
                    break
        if best is None:
            return None
        self._next = at + 1
        best.board(target)
        if self.requests_each is not None and best.served >= self.requests_each:
            best.retired = True
        return best
