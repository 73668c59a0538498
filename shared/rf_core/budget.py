"""A cap on what a crawl may spend: asked before a request leaves, told what it took afterwards.

The cap holds in two ways. Nothing is started that would, by what such requests usually take, reach
beyond it; near the end fewer run at once, and what was set aside and not used is free again. What
turns out larger than that is cut at the cap by whoever counts the bytes.
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


class Leave(StrEnum):
    """What a budget says to a request that wants to leave."""

    GO = "go"
    WAIT = "wait"
    SPENT = "spent"


@dataclass(slots=True)
class Budget:
    """The budget of one crawl, in billed wire bytes.

    Attributes:
        limit_bytes: What may be spent.
        reserved_bytes: What requests under way are expected to take, all together.
        is_shared: Whether the limit is a part of something that others have parts of, too. It may
            be tiny, and requests that nothing is known of are then not let out by a tiny guess:
            several at once would reach beyond it together, each cut too late for all.
    """

    limit_bytes: int
    reserved_bytes: int = 0
    is_shared: bool = False
    _taken: dict[str, deque[int]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Budget {self.limit_bytes} bytes, {self.reserved_bytes} reserved>"

    def expected(self, domain: str) -> int:
        """What a request of that domain takes, 19 times out of 20; a guess until some are known."""
        taken = self._taken.get(domain)
        if not taken:
            small = self.limit_bytes // _MOST_OF_LIMIT
            return _FIRST_GUESS if self.is_shared else min(_FIRST_GUESS, small)
        ordered = sorted(taken)
        return max(_LEAST, ordered[min(len(ordered) - 1, int(len(ordered) * _USUAL_SHARE))])

    def ask(self, domain: str, spent_bytes: int) -> Leave:
        """Whether a request may leave now. It is not reserved by asking.

        Args:
            domain: Where it goes: what went there before tells what it will take.
            spent_bytes: Billed so far, by requests under way too.
        """
        # What is under way has been billed in part and is reserved in full: the safe side.
        room = self.limit_bytes - spent_bytes - self.reserved_bytes
        if self.expected(domain) <= room and room > 0:
            return Leave.GO
        return Leave.WAIT if self.reserved_bytes else Leave.SPENT

    def reserve(self, domain: str) -> int:
        """Set aside what a request that leaves now is expected to take; return how much."""
        count = self.expected(domain)
        self.reserved_bytes += count
        return count

    def settle(self, domain: str, reserved: int, taken: int | None) -> None:
        """Give a reservation back; remember what the request took, if that is known."""
        self.reserved_bytes -= reserved
        if taken is not None:
            self._taken.setdefault(domain, deque(maxlen=_REMEMBERED)).append(taken)
