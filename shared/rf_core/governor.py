"""The interval ledger: a rate-limit window that cannot be overrun, as pure decisions.

A server counts a call when it arrives, which is some time between our sending and its answer. So
a slot is held from before the call is sent until a window after its answer was received, plus a
margin for servers that count in whole seconds (C-129): whenever in between it arrived, the server's
window holds no more than ours. A call whose outcome is unknown keeps its slot for as long as it may
still arrive. Every attempt counts, refused ones too (C-128).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from rf_core.protocol import WINDOW_SECONDS, RateHeaders

MARGIN_SECONDS: Final = 1.0

_LONGEST_HOLD_SECONDS: Final = 120.0

Priority = Literal["interactive", "normal", "bulk"]

_RESERVES: Final[dict[Priority, float]] = {"interactive": 0.0, "normal": 0.0, "bulk": 0.2}
"""Share of a window that calls of this priority leave to others."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One permitted call.

    Attributes:
        frees_at: When it can be used again; while unsettled, the end of its lease.
    """

    id: int
    taken_at: float
    frees_at: float
    holder: str = ""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """One group's window of one key, as far as it is known. All times by one monotonic clock.

    Attributes:
        limit: Calls in any rolling window (C-130).
        foreign: Slots that strangers on the same key seem to hold (C-132), until `foreign_until`.
        hold_until: After an unexplained 429, nothing is granted before this.
        observed_at: When the newest headers taken into account were asked for.
        seconds: Length of the window.
    """

    group: str
    limit: int
    foreign: int = 0
    foreign_until: float = float("-inf")
    hold_until: float = float("-inf")
    observed_at: float = float("-inf")
    seconds: float = WINDOW_SECONDS

    def strangers(self, now: float) -> int:
        """Slots kept free for others on the same key."""
        return self.foreign if now < self.foreign_until else 0


@dataclass(frozen=True, slots=True)
class Granted:
    """A call may be sent now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """No call can be sent before that many seconds have passed; then ask again.

    It is the earliest that things may come to: an answer that is still out may take longer.
    """

    seconds: float


def decide(window: Window, slots: Sequence[Slot], now: float, priority: Priority) -> Granted | Wait:
    """Say whether one more call may be sent.

    Args:
        slots: All slots of this window, in any order; expired ones do not count.
    """
    if now < window.hold_until:
        return Wait(window.hold_until - now)
    held = sorted(_earliest_end(slot, window, now) for slot in slots if slot.frees_at > now)
    # A bulk call leaves a reserve, but not the whole of a very small window.
    reserve = min(int(window.limit * _RESERVES[priority]), window.limit - 1)
    room = window.limit - reserve - window.strangers(now)
    if len(held) < room:
        return Granted()
    # The slot whose expiry brings us below the room again.
    index = len(held) - max(room, 0)
    moments = []
    if index < len(held):
        moments.append(held[index])
    if window.strangers(now):
        moments.append(window.foreign_until)
    return Wait(max(min(moments) - now, 0.0) if moments else window.seconds)


def _earliest_end(slot: Slot, window: Window, now: float) -> float:
    """A slot whose answer is still out frees after a window at the earliest, if it came now."""
    if slot.settled:
        return slot.frees_at
    return min(slot.frees_at, settled_end(now, window_seconds=window.seconds))


def lease_end(taken_at: float, *, timeout_seconds: float, window_seconds: float) -> float:
    """When a call that is never heard of again has surely left the server's window."""
    return taken_at + timeout_seconds + window_seconds + MARGIN_SECONDS


def settled_end(received_at: float, *, window_seconds: float) -> float:
    """When a call whose answer came at `received_at` has left the server's window."""
    return received_at + window_seconds + MARGIN_SECONDS


def observe(
    window: Window,
    headers: RateHeaders,
    *,
    asked_at: float,
    now: float,
    ours: int,
) -> Window:
    """Take in the headers of an answer; older ones than the newest seen are ignored.

    Args:
        asked_at: When the call that brought them was sent.
        ours: Slots of ours that the server may count, that call included.
    """
    if asked_at < window.observed_at:
        return window
    limit = headers.limit or window.limit
    window = replace(window, limit=limit, observed_at=asked_at)
    if headers.remaining is None:
        return window
    foreign = max(0, limit - headers.remaining - ours)
    until = now + window.seconds + MARGIN_SECONDS
    return replace(window, foreign=foreign, foreign_until=until if foreign else float("-inf"))


def refused(window: Window, *, now: float, retry_after: float | None) -> Window:
    """Take in a 429 that the ledger did not expect: pause the whole window.

    The pause is what the server asks for, within reason: asking again every other minute harms
    nobody, and a mistaken header must not silence this machine for a day.
    """
    pause = min(max(1.0, retry_after or 0.0), _LONGEST_HOLD_SECONDS) + MARGIN_SECONDS
    return replace(window, hold_until=max(window.hold_until, now + pause))
