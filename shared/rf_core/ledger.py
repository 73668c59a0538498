"""One window's slots, line and figures, as one value that fits a row of any store.

A store does nothing but swap this value as one step, so what happens in a window is decided here
and is the same in all of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rf_core import turns
from rf_core.governor import (
    BULK,
    RANKS,
    Priority,
    Turn,
    Window,
    granted,
    lease_end,
    observe,
    permits,
    refused,
    settled_end,
    wait_seconds,
)
from rf_core.protocol import RateHeaders
from rf_core.snapshot import Headroom
from rf_core.turns import Waiter, turn_of

_KEPT_WINDOWS: Final = 1 / 12
_SETTLED: Final = 1
_RANK_SHIFT: Final = 1
_HOLDER_SHIFT: Final = 3
_ID_SHIFT: Final = 19
_HOLDERS: Final = 0xFFFF
_HOLDER_BYTES: Final = 100

ID_BITS: Final = 45
"""A tag's 64 bits: the slot's number, 16 of holder, 2 of rank, and whether it is settled."""


class Ask(NamedTuple):
    """One call that wants a slot.

    Attributes:
        id: Its own number, below `2 ** ID_BITS`, the same each time it asks.
        timeout_seconds: How long the call may take: the bound of its slot's lease.
        patience_seconds: How long it is ready to wait; beyond that it does not stand in line.
        asked_at: When it asked first, by the store's clock; None at that very moment.
    """

    id: int
    holder: str
    priority: Priority
    timeout_seconds: float
    patience_seconds: float = 0.0
    asked_at: float | None = None

    def again(self, *, asked_at: float, patience_seconds: float) -> Ask:
        """Make the same call's next question."""
        return self._replace(asked_at=asked_at, patience_seconds=patience_seconds)


class Taken(NamedTuple):
    """A slot in hand.

    Attributes:
        taken_at: By the store's clock.
    """

    id: int
    holder: str
    taken_at: float


@dataclass(frozen=True, slots=True)
class Later:
    """No slot yet.

    Attributes:
        seconds: The earliest that it may come to.
        nap_seconds: When to ask again.
        asked_at: Ask again with this, to keep the place in line.
    """

    seconds: float
    nap_seconds: float
    asked_at: float


class Report(NamedTuple):
    """What came of a call.

    Attributes:
        refused_after: For a 429, the seconds it asked to wait (0 when it did not say).
    """

    headers: RateHeaders
    refused_after: float | None = None


@dataclass(slots=True)
class Ledger:
    """What is held in one window and who waits for it.

    Attributes:
        ends: When each slot comes free, soonest first; those of calls without an answer are leases.
        tags: Whose they are, in the same order.
        line: Calls that wait, sorted.
        names: Holders, by the number in the tags.
    """

    window: Window
    ends: array[float] = field(default_factory=lambda: array("d"))
    tags: array[int] = field(default_factory=lambda: array("Q"))
    line: list[Waiter] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)

    def take(self, ask: Ask, now: float) -> Taken | Later:
        """Take a slot, or stand in line for one."""
        asked_at = now if ask.asked_at is None else ask.asked_at
        me = Waiter(RANKS[ask.priority], asked_at, ask.id)
        turn = self._turn(me, now)
        if permits(self.window, self.held(now), turn, now):
            return self._grant(ask, me, now)
        seconds = wait_seconds(self.window, self._earliest_ends(now), turn, now)
        return self._stand_in_line(me, seconds, ask.patience_seconds, now)

    def settle(self, taken: Taken, report: Report, now: float) -> bool:
        """Take in the answer of a call: its slot is held for one more window. Always done: True."""
        number = self._find(taken.id)
        if number is None:
            tag = self._tag(taken.id, taken.holder, 0)
        else:
            tag = self.tags[number]
            self._remove(number)
        self._insert(settled_end(now, window_seconds=self.window.seconds), tag | _SETTLED)
        if now - taken.taken_at <= self.window.seconds * _KEPT_WINDOWS:
            # Whatever was held at any time since the call left may be in what the server says.
            ours = self.held(taken.taken_at)
            self.window = observe(
                self.window, report.headers, asked_at=taken.taken_at, now=now, ours=ours
            )
        if report.refused_after is not None:
            self.window = refused(
                self.window, asked_at=taken.taken_at, now=now, retry_after=report.refused_after
            )
        return True

    def withdraw(self, call: int) -> bool:
        """Let a call go that was never sent: give back its slot, or its place in line. True."""
        number = self._find(call)
        if number is not None:
            self._remove(number)
        self._leave(call)
        return True

    def held(self, now: float) -> int:
        """How many slots are held."""
        return len(self.ends) - bisect_right(self.ends, now)

    def headroom(self, group: str, now: float) -> Headroom:
        """Say what is left, without a call."""
        first = bisect_right(self.ends, now)
        names = [self._holder(tag) for tag in self.tags[first:]]
        holders = tuple(Counter(names).most_common())
        places = {name: place for place, (name, _) in enumerate(holders)}
        turn = self._turn(Waiter(0, now, -1), now)
        free = permits(self.window, self.held(now), turn, now)
        wait = 0.0 if free else wait_seconds(self.window, self._earliest_ends(now), turn, now)
        return Headroom(
            group=group,
            limit=self.window.limit,
            used=self.held(now),
            foreign=self.window.strangers(now),
            next_slot_seconds=wait,
            holders=holders,
            frees_in_seconds=tuple(end - now for end in self.ends[first:]),
            held_by=tuple(places[name] for name in names),
            foreign_for_seconds=self.window.strangers_seconds(now),
            window_seconds=self.window.seconds,
        )

    def _turn(self, me: Waiter, now: float) -> Turn:
        by_bulk = self._held_by_bulk(now) if self.line or me.rank == BULK else 0
        return turn_of(me, self.line, self.window, now, by_bulk=by_bulk)

    def _grant(self, ask: Ask, me: Waiter, now: float) -> Taken:
        self._forget(now)
        self._leave(ask.id)
        end = lease_end(
            now, timeout_seconds=ask.timeout_seconds, window_seconds=self.window.seconds
        )
        self._insert(end, self._tag(ask.id, ask.holder, me.rank))
        self.window = granted(self.window, me.rank, now)
        return Taken(ask.id, ask.holder, now)

    def _leave(self, call: int) -> None:
        if self.line:
            self.line = [waiter for waiter in self.line if waiter.id != call]

    def _stand_in_line(self, me: Waiter, seconds: float, patience: float, now: float) -> Later:
        nap = turns.nap_seconds(seconds, self.window.seconds)
        self._leave(me.id)
        self.line = [other for other in self.line if self._hopes(other, now)]
        if seconds <= patience:
            until = turns.alive_until(now, nap, self.window.seconds)
            insort(self.line, me._replace(alive_until=until))
        return Later(seconds, nap, me.asked_at)

    def _hopes(self, waiter: Waiter, now: float) -> bool:
        """Whoever was silent for a window has been killed; before, it may just be slow."""
        return waiter.alive_until + self.window.seconds > now

    def _earliest_ends(self, now: float) -> list[float]:
        """A slot whose answer is still out frees after a window at the earliest, if it came now."""
        first = bisect_right(self.ends, now)
        soonest = settled_end(now, window_seconds=self.window.seconds)
        return sorted(
            end if tag & _SETTLED or end < soonest else soonest
            for end, tag in zip(self.ends[first:], self.tags[first:], strict=True)
        )

    def _held_by_bulk(self, now: float) -> int:
        first = bisect_right(self.ends, now)
        return sum(tag >> _RANK_SHIFT & 3 == BULK for tag in self.tags[first:])

    def _find(self, slot: int) -> int | None:
        """Leases end last, so it is among the last ones."""
        for number in range(len(self.tags) - 1, -1, -1):
            if self.tags[number] >> _ID_SHIFT == slot:
                return number
        return None

    def _tag(self, slot: int, holder: str, rank: int) -> int:
        number = self._holder_number(holder)
        return slot << _ID_SHIFT | number << _HOLDER_SHIFT | rank << _RANK_SHIFT

    def _insert(self, end: float, tag: int) -> None:
        number = bisect_right(self.ends, end)
        self.ends.insert(number, end)
        self.tags.insert(number, tag)

    def _remove(self, number: int) -> None:
        del self.ends[number], self.tags[number]

    def _forget(self, now: float) -> None:
        """Drop what ended so long ago that no answer still speaks of it."""
        if self.ends and self.ends[0] <= (before := now - self.window.seconds * _KEPT_WINDOWS):
            count = bisect_left(self.ends, before)
            del self.ends[:count], self.tags[:count]

    def _holder(self, tag: int) -> str:
        number = tag >> _HOLDER_SHIFT & _HOLDERS
        return self.names[number].decode(errors="replace") if number < len(self.names) else ""

    def _holder_number(self, name: str) -> int:
        wanted = name.replace("\0", "").encode(errors="replace")[:_HOLDER_BYTES]
        if wanted not in self.names:
            self._forget_names()
            self.names.append(wanted)
        return self.names.index(wanted)

    def _forget_names(self) -> None:
        """Drop the holders that hold nothing any more, and number the others anew."""
        used = sorted({tag >> _HOLDER_SHIFT & _HOLDERS for tag in self.tags})
        anew = {number: index for index, number in enumerate(used)}
        self.names = [self.names[number] for number in used if number < len(self.names)]
        others = ~(_HOLDERS << _HOLDER_SHIFT)
        self.tags = array(
            "Q",
            [
                tag & others | anew[tag >> _HOLDER_SHIFT & _HOLDERS] << _HOLDER_SHIFT
                for tag in self.tags
            ],
        )
