"""The rules of a rate-limit window that cannot be overrun, as pure decisions.

A server counts a call when it arrives, which is some time between our sending and its answer. So
a slot is held from before the call is sent until a window after its answer was received, plus a
margin for servers whose clock ticks (C-129): whenever in between it arrived, the server's window
holds no more than ours. A call whose outcome is unknown keeps its slot for as long as it may still
arrive. Every attempt counts, refused ones too (C-128).

All times are seconds by one monotonic clock, whichever the store of the windows goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from rf_core.call import WINDOW_SECONDS
from rf_core.protocol import RateHeaders

Priority = Literal["interactive", "normal", "bulk"]

RANKS: Final[dict[Priority, int]] = {"interactive": 0, "normal": 1, "bulk": 2}
"""Who goes first among those who wait."""

NEVER: Final = float("-inf")

BULK: Final = RANKS["bulk"]

_RESERVE: Final = 0.2
"""Share of a window that bulk calls leave to others."""

_OWED: Final = (1.0, 0.25, 0.1)
"""Share of the window's pace that a rank gets however many of better rank wait."""

_LONGEST_OWED_WAIT: Final = 0.5
_TICKS: Final = 60
_LONGEST_MARGIN_SECONDS: Final = 1.0
_LONGEST_HOLD_SECONDS: Final = 120.0
_PACE_SHARE: Final = 0.9
_PACE_STEP: Final = 1.5
_PACE_WINDOWS: Final = 10
_SLOWEST_PACE_WINDOWS: Final = 2
_FADES_BY_HALF_IN: Final = 0.25


class Window(NamedTuple):
    """One group's window of one key, as far as it is known.

    A tuple because every call takes one apart and puts it together again twice.

    Attributes:
        limit: Calls in any rolling window (C-130).
        seconds: Length of the window.
        foreign: Slots that strangers on the same key seemed to hold at `foreign_at` (C-132); none
            of them is believed in after `foreign_until`.
        reset_at: When the server said that there is room again, if it said that there is none.
        observed_at: When the newest headers taken into account were asked for.
        hold_until: After a 429, nothing is granted before this.
        pace_seconds: While above 0 and before `pace_until`, calls keep this distance; it was last
            widened at `paced_at`.
        granted_at: When the latest call was permitted.
        normal_at, bulk_at: When the latest call of that priority was.
    """

    limit: int
    seconds: float = WINDOW_SECONDS
    foreign: float = 0.0
    foreign_at: float = NEVER
    foreign_until: float = NEVER
    reset_at: float = float("inf")
    observed_at: float = NEVER
    hold_until: float = NEVER
    pace_seconds: float = 0.0
    pace_until: float = NEVER
    paced_at: float = NEVER
    granted_at: float = NEVER
    normal_at: float = NEVER
    bulk_at: float = NEVER

    def strangers(self, now: float) -> int:
        """Slots kept free for others on the same key."""
        return round(self.foreign) if now < self.foreign_until else 0

    def strangers_seconds(self, now: float) -> float:
        """How much longer anybody believes in them."""
        return self.foreign_until - now if self.strangers(now) else 0.0

    @property
    def reserve(self) -> int:
        """Slots that bulk calls leave to others, but not the whole of a very small window."""
        return min(int(self.limit * _RESERVE), self.limit - 1)

    def owed_at(self, rank: int, asked_at: float) -> float:
        """When a rank has been left out for so long that its first in line goes before all.

        It has to have stood in line itself: the reserve is not for whoever just came along.

        Args:
            asked_at: When that one asked first.
        """
        if not rank:
            return float("inf")
        served_at = self.bulk_at if rank == BULK else self.normal_at
        pace = self.seconds / (_OWED[rank] * self.limit)
        return max(served_at + pace, asked_at + min(pace, self.seconds * _LONGEST_OWED_WAIT))


class Turn(NamedTuple):
    """Where a call stands among those who wait.

    Attributes:
        rank: Its priority's.
        ahead: How many are served before it.
        owed: Whether its rank has been left out for so long that the reserve is open to it.
        owed_at: When that will be.
    """

    rank: int
    ahead: int = 0
    owed: bool = False
    owed_at: float = float("inf")


def margin_seconds(window_seconds: float) -> float:
    """How long a slot is held beyond the window: a tick of a server that cuts it into sixty.

    For the documented minute that is one second, which covers clocks of whole seconds (C-129) and
    any drift between two clocks that keep time at all.
    """
    return min(_LONGEST_MARGIN_SECONDS, window_seconds / _TICKS)


def lease_end(taken_at: float, *, timeout_seconds: float, window_seconds: float) -> float:
    """When a call that is never heard of again has surely left the server's window."""
    return settled_end(taken_at + timeout_seconds, window_seconds=window_seconds)


def settled_end(received_at: float, *, window_seconds: float) -> float:
    """When a call whose answer came at `received_at` has left the server's window."""
    return received_at + window_seconds + margin_seconds(window_seconds)


def room(window: Window, turn: Turn, now: float) -> int:
    """How many slots may be held at most when this call gets one."""
    free = window.limit - window.strangers(now)
    if free <= 0 and now >= window.reset_at:
        free = 1
    return free - window.reserve if turn.rank == BULK and not turn.owed else free


def opens_at(window: Window, turn: Turn, now: float) -> float:
    """The earliest that a refusal lets anybody send, this call in its turn."""
    opens = window.hold_until
    if now < window.pace_until:
        paced = max(opens, window.granted_at + window.pace_seconds)
        opens = paced + turn.ahead * window.pace_seconds
    return opens


def permits(window: Window, held: int, turn: Turn, now: float) -> bool:
    """Say whether one more call may be sent while that many slots are held."""
    fits = held + turn.ahead < room(window, turn, now)
    return fits and opens_at(window, turn, now) <= now


def wait_seconds(window: Window, ends: Sequence[float], turn: Turn, now: float) -> float:
    """The earliest that things may come to: an answer that is still out may take longer.

    Args:
        ends: When the slots that are held come free at the earliest, soonest first.
    """
    opens = opens_at(window, turn, now)
    free = room(window, turn, now)
    moment = max(_enough_end_at(window, ends, turn.ahead, free, now), opens)
    if not turn.owed and turn.owed_at < moment:
        # Sooner than by waiting for a place: when it is this rank's turn whoever else waits.
        free = room(window, Turn(turn.rank, owed=True), now)
        rightful = _enough_end_at(window, ends, 0, free, now)
        moment = min(moment, max(rightful, turn.owed_at, opens))
    return max(moment - now, 0.0)


def _enough_end_at(
    window: Window, ends: Sequence[float], ahead: int, free: int, now: float
) -> float:
    """When so many slots have come free that this call and those before it have one each."""
    lap = settled_end(0.0, window_seconds=window.seconds)
    needed = len(ends) + ahead + 1 - free
    moments = [_nth_end(ends, needed, lap, now)] if free > 0 else []
    strangers = window.strangers(now)
    if strangers:
        ours = _nth_end(ends, needed - strangers, lap, now)
        moments.append(max(window.foreign_until, ours))
        if now < window.reset_at:
            moments.append(window.reset_at)
    return min(moments, default=now + lap)


def _nth_end(ends: Sequence[float], count: int, lap: float, now: float) -> float:
    """When `count` slots have come free, each of them again a lap later."""
    if count <= 0:
        return now
    if not ends:
        return now + lap
    laps, index = divmod(count - 1, len(ends))
    return ends[index] + laps * lap


def granted(window: Window, rank: int, now: float) -> Window:
    """Remember that a call of this rank was permitted."""
    if rank == BULK:
        return window._replace(granted_at=now, bulk_at=now)
    if rank:
        return window._replace(granted_at=now, normal_at=now)
    return window._replace(granted_at=now)


def observe(
    window: Window,
    headers: RateHeaders,
    *,
    asked_at: float,
    now: float,
    ours: int,
) -> Window:
    """Take in the headers of an answer; older ones than the newest seen are ignored.

    More strangers are believed in at once; fewer only little by little, for who sends in bursts
    comes back.

    Args:
        asked_at: When the call that brought them was sent.
        ours: Slots of ours that the server may count, that call included.
    """
    if asked_at < window.observed_at:
        return window
    limit = headers.limit or window.limit
    if headers.remaining is None:
        return window._replace(limit=limit, observed_at=asked_at)
    seen = float(min(limit, max(0, limit - headers.remaining - ours)))
    if not seen and not window.foreign:
        return window._replace(limit=limit, observed_at=asked_at)
    foreign, until = seen, window.foreign_until
    if now < until and seen < window.foreign:
        halves = (now - window.foreign_at) / (window.seconds * _FADES_BY_HALF_IN)
        foreign += (window.foreign - seen) * 0.5**halves
    if seen:
        until = settled_end(now, window_seconds=window.seconds)
    reset_at = float("inf")
    if headers.remaining == 0 and headers.reset_seconds is not None:
        reset_at = now + headers.reset_seconds + margin_seconds(window.seconds)
    return window._replace(
        limit=limit,
        observed_at=asked_at,
        foreign=foreign,
        foreign_at=now,
        foreign_until=until,
        reset_at=reset_at,
    )


def refused(window: Window, *, asked_at: float, now: float, retry_after: float | None) -> Window:
    """Take in a 429, which the ledger did not expect: pause the window, then keep a distance.

    The pause is what the server asks for, within reason: asking again every other minute harms
    nobody, and a mistaken header must not silence this machine for a day. Whoever counts otherwise
    than in a rolling window is met with calls at an even distance, and a wider one each time that
    is not enough. Calls that were under way together and refused together are one step (C-127).
    """
    pause = min(max(1.0, retry_after or 0.0), _LONGEST_HOLD_SECONDS)
    hold_until = now + pause + margin_seconds(window.seconds)
    window = window._replace(hold_until=max(window.hold_until, hold_until))
    if asked_at <= window.paced_at:
        return window
    pace = window.seconds / max(1.0, window.limit * _PACE_SHARE)
    if now < window.pace_until:
        pace = window.pace_seconds * _PACE_STEP
    return window._replace(
        pace_seconds=min(pace, window.seconds * _SLOWEST_PACE_WINDOWS),
        pace_until=hold_until + window.seconds * _PACE_WINDOWS,
        paced_at=now,
    )
