"""Credentials taken in turn: a few at once, each for so many requests.

For tools that hold their connections for as long as they like. A connection keeps the credential it
began with, so nobody ever waits for a turn. Invariants:

* a refused credential is never handed out again;
* no more than `live` credentials are in turn at once, fewer when fewer are left;
* with a limit, a credential serves no more than so many in a row, and comes round again only after
  all others that work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from rf_core.lanes import Credential


@dataclass(slots=True)
class _Place:
    handle: str
    credential: Credential
    served: int = 0


class Carousel:
    """The credentials of one relay.

    Args:
        live: How many are in turn at once.
        requests_each: How many requests each serves before the next takes its place; None is as
            long as it works.
    """

    def __init__(self, live: int, requests_each: int | None = None) -> None:
        if live < 1 or (requests_each is not None and requests_each < 1):
            message = f"a carousel needs at least one place and one request each, not {live}"
            raise ValueError(message)
        self._size = live
        self._each = requests_each
        self._places: deque[_Place] = deque()
        self._resting: deque[_Place] = deque()
        self._known: set[str] = set()
        self._used: set[str] = set()
        self.refused = 0

    def __repr__(self) -> str:
        return f"<Carousel {self.live}/{self._size} live, {len(self._resting)} resting>"

    @property
    def live(self) -> int:
        """Credentials in turn now."""
        return len(self._places)

    @property
    def used(self) -> int:
        """Distinct credentials that have served."""
        return len(self._used)

    def add(self, credentials: Iterable[Credential]) -> int:
        """Take in what an order brought; return how many of them were new."""
        before = len(self._known)
        for credential in credentials:
            handle = credential.handle
            if handle not in self._known:
                self._known.add(handle)
                self._resting.append(_Place(handle, credential))
        self._fill()
        return len(self._known) - before

    def take(self) -> Credential | None:
        """The next in turn, for one request or tunnel; None when none is left that works."""
        if not self._places:
            return None
        place = self._places.popleft()
        place.served += 1
        self._used.add(place.handle)
        if self._each is not None and place.served >= self._each:
            place.served = 0
            self._resting.append(place)
            self._fill()
        else:
            self._places.append(place)
        return place.credential

    def refuse(self, handle: str) -> None:
        """Never hand a credential out again. Repeatable."""
        for places in (self._places, self._resting):
            for place in list(places):
                if place.handle == handle:
                    places.remove(place)
                    self.refused += 1
        self._fill()

    def _fill(self) -> None:
        while len(self._places) < self._size and self._resting:
            self._places.append(self._resting.popleft())
