"""A cap on what a crawl may spend: asked before a request leaves, told what it took afterwards.

The cap holds in two ways. Nothing is started that would, by what such requests usually take, reach
beyond it; near the end fewer run at once, and what was set aside and not used is free again. What
turns out larger than that is cut at the cap by whoever counts the bytes.

While little is known of how much requests take, only so many run at once as answers have shown:
a few and twice as many as that, if as many large ones would reach beyond the cap.

Where the next request would not fit and nothing is under way, one may still dare, alone, as long as
more than a fiftieth of the budget is left: it is cut a little before the cap if it does not fit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_REMEMBERED: Final = 64
_USUAL_SHARE: Final = 0.95
_FIRST_GUESS: Final = 64 * 1024
_MOST_OF_LIMIT: Final = 8
_LEAST: Final = 2 * 1024
_KINDS: Final = 10_000
_TWICE: Final = 2
_LARGE: Final = 16 * 1024 * 1024
"""As much may a request take of which nothing is known."""
MOST_LEFT: Final = 50
"""A crawl may end with so small a part of its budget unspent: a fiftieth."""
_MARGIN: Final = 100
_MOST_MARGIN: Final = 64 * 1024
_GOODBYES: Final = 4 * 1024
"""The ends of connections that are still open are on the meter, too."""


class Leave(StrEnum):
    """What a budget says to a request that wants to leave.

    `SOON` waits for an answer, whatever it takes; `WAIT` for money.
    """

    GO = "go"
    SOON = "soon"
    WAIT = "wait"
    SPENT = "spent"


@dataclass(slots=True)
class Sizes:
    """What the last requests of one kind took, and what 19 of 20 of them did."""

    usual: int = 0
    _last: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def add(self, taken: int) -> None:
        """Remember one more."""
        self._last.append(taken)
        ordered = sorted(self._last)
        self.usual = ordered[min(len(ordered) - 1, int(len(ordered) * _USUAL_SHARE))]


@dataclass(slots=True)
class Budget:
    """The budget of one crawl, in billed wire bytes.

    Attributes:
        limit_bytes: What may be spent, as far as is known now.
        whole_bytes: What may be spent in all; the limit without it.
        end_bytes: Where all that there is ends, drawn or not, as far as is known.
        reserved_bytes: What requests under way are expected to take, all together.
        under_way: How many they are.
        surcharge_bytes: What a request takes beyond what is learnt of it: tunnels, answers that
            never came.
        at_first: How many may leave together while nothing is known of their size.
        is_shared: Whether the limit is a part of something that others have parts of, too. It may
            be tiny, and requests that nothing is known of are then not let out by a tiny guess:
            several at once would reach beyond it together, each cut too late for all.
        is_dared: Whether a request is under way that may not fit.
    """

    limit_bytes: int
    whole_bytes: int = 0
    end_bytes: int = 0
    reserved_bytes: int = 0
    under_way: int = 0
    surcharge_bytes: int = 0
    at_first: int = 2
    is_shared: bool = False
    is_dared: bool = False
    _sizes: dict[str, Sizes] = field(default_factory=dict)
    _learnt_bytes: int = 0
    _learnt: int = 0
    _of_all: Sizes = field(default_factory=Sizes)
    _known: int = 0

    def __post_init__(self) -> None:
        self.whole_bytes = self.whole_bytes or self.limit_bytes
        self.end_bytes = self.end_bytes or self.limit_bytes

    def __repr__(self) -> str:
        return f"<Budget {self.limit_bytes} bytes, {self.reserved_bytes} reserved>"

    def expected(self, kind: str) -> int:
        """What a request of that kind takes, 19 times out of 20; a guess until some are known."""
        known = self._sizes.get(kind) or (self._of_all if self._of_all.usual else None)
        if known is None:
            small = (self.whole_bytes - self.goodbye_bytes) // _MOST_OF_LIMIT
            return _FIRST_GUESS if self.is_shared else min(_FIRST_GUESS, max(1, small))
        return max(_LEAST, known.usual + self.surcharge_bytes)

    def ask(self, kind: str, spent_bytes: int) -> Leave:
        """Whether a request may leave now. It is not reserved by asking.

        Args:
            kind: Where it goes, and as what: what such requests took before tells what it will.
            spent_bytes: Billed so far, by requests under way too.
        """
        expected, reserved = self.expected(kind), self.reserved_bytes
        if self._known < _REMEMBERED:
            if self._is_unsure(spent_bytes):
                return Leave.SOON
            if self._of_all.usual:
                # What left as a guess is taken to be as large as what is known by now.
                reserved = max(reserved, self.under_way * expected)
        # What is under way has been billed in part and is reserved in full: the safe side.
        room = self.limit_bytes - spent_bytes - reserved
        if expected + self.goodbye_bytes <= room and room > 0:
            return Leave.GO
        return Leave.WAIT if self.reserved_bytes else Leave.SPENT

    def _is_unsure(self, spent_bytes: int) -> bool:
        """Whether more are under way than answers have shown to be harmless."""
        one_more = self.under_way + 1
        return one_more > self._as_many and one_more * _LARGE > self.end_bytes - spent_bytes

    def wait_no_longer(self) -> None:
        """A while has passed: answers that have not come by now are late, and not large."""
        if self.under_way >= self._as_many:
            self._known += self.at_first // _TWICE + self._known

    @property
    def _as_many(self) -> int:
        return self.at_first + _TWICE * self._known

    def dare(self, spent_bytes: int) -> bool:
        """Whether a request that is not expected to fit may leave all the same, alone."""
        if self.reserved_bytes:
            return False
        self.is_dared = self.limit_bytes - spent_bytes > self.whole_bytes // MOST_LEFT
        return self.is_dared

    def reserve(self, kind: str) -> int:
        """Set aside what a request that leaves now is expected to take; return how much."""
        count = self.expected(kind)
        self.reserved_bytes += count
        self.under_way += 1
        return count

    def announce(self, kind: str, size_bytes: int, reserved: int) -> int:
        """A request under way is known to take that much; return what is set aside for it now."""
        self._saw(kind, size_bytes)
        count = max(reserved, size_bytes + self.surcharge_bytes)
        self.reserved_bytes += count - reserved
        return count

    def settle(self, reserved: int) -> None:
        """Give a reservation back."""
        self.reserved_bytes -= reserved
        self.under_way -= 1
        if not self.reserved_bytes:
            self.is_dared = False

    def learn(
        self, kind: str, taken: int, *, spent_bytes: int | None = None, is_announced: bool = False
    ) -> None:
        """Remember what a request of that kind took.

        Args:
            taken: As far as it can be told apart.
            spent_bytes: Billed so far in all, when more is billed than is told apart: each request
                is expected to take its part of the rest, too.
            is_announced: It was remembered when it was announced.
        """
        if not is_announced:
            self._saw(kind, taken)
        if spent_bytes is not None:
            self._learnt += 1
            self._learnt_bytes += taken
            self.surcharge_bytes = max(0, (spent_bytes - self._learnt_bytes) // self._learnt)

    def _saw(self, kind: str, size_bytes: int) -> None:
        known = self._sizes.get(kind)
        is_new = known is None
        if known is None:
            if len(self._sizes) >= _KINDS:
                self._sizes.clear()
            known = self._sizes[kind] = Sizes()
        known.add(size_bytes)
        if is_new or self._known < _REMEMBERED:
            self._of_all.add(size_bytes)
        self._known += 1

    def lower(self, limit_bytes: int) -> None:
        """Let no more than that be spent in all. It never becomes more by this."""
        self.whole_bytes = min(self.whole_bytes, max(0, limit_bytes))
        self.limit_bytes = min(self.limit_bytes, self.whole_bytes)

    @property
    def goodbye_bytes(self) -> int:
        """What is kept for the ends of connections."""
        return min(_GOODBYES, self.whole_bytes // _MARGIN)

    @property
    def cut_bytes(self) -> int:
        """Where what is under way is cut: a little earlier for one that has dared."""
        margin = min(_MOST_MARGIN, self.whole_bytes // _MARGIN) if self.is_dared else 0
        return self.limit_bytes - margin
