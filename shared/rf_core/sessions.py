"""Sessions: which credential belongs to a key of the spider's, and until when.

A session is a stretch of requests that must share one exit and one cookie jar. It holds one sticky
credential until its lease ends. When the provider's clock for a sticky credential starts is not
documented (C-164): the lease counts from the order, which is the earliest of all readings, so an
exit never changes inside a session whatever the reading.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

from rf_core.lanes import Credential
from rf_core.snapshot import SessionCounts

_MARGIN_SHARE: Final = 0.1
_LONGEST_MARGIN: Final = 30.0
_FRESH_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Held:
    """A session that is going on.

    Attributes:
        key: The spider's name for it.
        epoch: How many sessions of that key there have been, this one included: each has a cookie
            jar of its own.
        ends_at: When it takes no more requests, in the crawl's seconds.
        kind: What was ordered for it, where there are several kinds.
    """

    key: str
    epoch: int
    credential: Credential
    ends_at: float
    kind: Hashable = None

    @property
    def jar(self) -> str:
        """Name of its cookie jar."""
        return f"rf:{self.key}:{self.epoch}"


@dataclass(frozen=True, slots=True)
class _Spare:
    """A credential that waits for a session: ordered when, and for how long."""

    credential: Credential
    ordered_at: float
    lease: float

    def is_fresh(self, now: float) -> bool:
        """Whether a session that begins now has most of the lease before it."""
        return now - self.ordered_at <= self.lease * (1 - _FRESH_SHARE)

    @property
    def ends_at(self) -> float:
        """When its session takes no more requests."""
        return self.ordered_at + self.lease - min(_LONGEST_MARGIN, self.lease * _MARGIN_SHARE)


class Sessions:
    """The sessions of one crawl, and the credentials that wait for one.

    Args:
        lease_seconds: How long a credential keeps its exit, counted from its order.
    """

    def __init__(self, lease_seconds: float) -> None:
        self._lease = lease_seconds
        self._held: dict[str, Held] = {}
        self._epochs: dict[str, int] = {}
        self._spare: dict[Hashable, deque[_Spare]] = {}
        self._known: set[str] = set()
        self.renewed = 0
        self.resumed = 0
        self.broken = 0

    def __len__(self) -> int:
        """Sessions that are going on, or have not been missed since they ended."""
        return len(self._held)

    def __repr__(self) -> str:
        return f"<Sessions {len(self._held)} held, {self.spare} spare>"

    @property
    def begun(self) -> int:
        """Sessions so far, of all keys."""
        return sum(self._epochs.values())

    def counts(self, now: float) -> SessionCounts:
        """Count them for whoever watches."""
        live = sum(now < held.ends_at for held in self._held.values())
        return SessionCounts(live, self.begun, self.renewed, self.broken, self.resumed)

    @property
    def spare(self) -> int:
        """Credentials that wait for a session."""
        return sum(map(len, self._spare.values()))

    def add(
        self,
        credentials: Iterable[Credential],
        ordered_at: float,
        *,
        kind: Hashable = None,
        lease_seconds: float | None = None,
    ) -> int:
        """Take in what an order brought; return how many of them were new.

        Args:
            ordered_at: When the order was sent, in the crawl's seconds.
            kind: What was ordered, where there are several kinds.
            lease_seconds: For how long these keep their exit, if not for as long as all others.
        """
        lease = self._lease if lease_seconds is None else lease_seconds
        fresh = [one for one in credentials if one.handle not in self._known]
        self._known.update(one.handle for one in fresh)
        waiting = self._spare.setdefault(kind, deque())
        waiting.extend(_Spare(one, ordered_at, lease) for one in fresh)
        return len(fresh)

    def going_on(self, key: str, now: float) -> Held | None:
        """Return the session of a key if it is going on; nothing is counted by asking."""
        held = self._held.get(key)
        return held if held is not None and now < held.ends_at else None

    def find(self, key: str, now: float) -> Held | None:
        """Return the session of a key, unless there is none or its lease is over."""
        held = self._held.get(key)
        if held is not None and now >= held.ends_at:
            del self._held[key]
            self.renewed += 1
            return None
        return held

    def begin(self, key: str, now: float, kind: Hashable = None) -> Held | None:
        """Begin a session on a credential of its own; None when none is left that is fresh enough.

        One that has lost half of its lease by waiting would end sessions early: it is dropped.
        """
        waiting = self._spare.get(kind)
        while waiting:
            spare = waiting.popleft()
            if spare.is_fresh(now):
                self._epochs[key] = self._epochs.get(key, 0) + 1
                held = Held(key, self._epochs[key], spare.credential, spare.ends_at, kind)
                self._held[key] = held
                return held
        return None

    def note_jar(self, key: str, jar: str) -> None:
        """Count a request whose jar is that of a session of another run: a job that was resumed.

        What it went on with is over; its key begins anew here, with an empty jar.
        """
        prefix, _, epoch = jar.rpartition(":")
        if prefix == f"rf:{key}" and epoch.isdecimal() and int(epoch) > self._epochs.get(key, 0):
            self.resumed += 1

    def end(self, key: str) -> None:
        """End a session because its spider says so. Repeatable."""
        self._held.pop(key, None)

    def lose(self, handle: str) -> bool:
        """End the session of a credential that is refused or not wanted; False if it has none.

        Its next request begins another, with an exit and a jar of its own.
        """
        lost = [key for key, held in self._held.items() if held.credential.handle == handle]
        for key in lost:
            del self._held[key]
            self.broken += 1
        return bool(lost)
