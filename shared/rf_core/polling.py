"""When to ask the API again: often while something drains, rarely while nothing does.

Everything is bounded by a share of the reads window that all monitors of a machine have together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from rf_core.call import WINDOW_SECONDS
from rf_core.errors import (
    AccountDisabledError,
    ApiError,
    DeadlineError,
    RateLimitedError,
    ResiFactoryError,
    UnauthorizedError,
)
from rf_core.freshness import FRESH_SECONDS
from rf_core.parts import ACCOUNT, BALANCE, DISCOVERY, USAGE


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long one part stays good enough, and what part of the allowance it may take.

    Attributes:
        busy_seconds, idle_seconds: Its age before it is asked for again, while something drains and
            while nothing does.
        share: Its part of the calls that polling may make.
    """

    busy_seconds: float
    idle_seconds: float
    share: float


RHYTHMS: Final[Mapping[str, Rhythm]] = {
    ACCOUNT: Rhythm(FRESH_SECONDS, FRESH_SECONDS, 0.05),
    DISCOVERY: Rhythm(FRESH_SECONDS, FRESH_SECONDS, 0.05),
    BALANCE: Rhythm(8.0, 30.0, 0.65),
    USAGE: Rhythm(20.0, 60.0, 0.25),
}
"""In the order they are asked for: first who we are, last what only decorates."""


def allowance(limit: int, share: float) -> int:
    """Calls that polling may have in any one window; one at least, or nothing would be seen."""
    return max(1, int(limit * share))


def due(
    ages: Mapping[str, float | None], *, busy: bool, allowed: int, used: int
) -> tuple[str, ...]:
    """Return the parts to ask for now, in order, no more than the allowance has left.

    Args:
        ages: Seconds since each part was last asked for; None for never. Parts that are not named
            cannot be had and are never due.
        busy: Something drains or may drain.
        allowed: Calls in any one window, see :func:`allowance`.
        used: How many of those are taken.
    """
    wanted = [part for part, age in ages.items() if _is_due(part, age, busy=busy, allowed=allowed)]
    wanted.sort(key=list(RHYTHMS).index)
    return tuple(wanted[: max(0, allowed - used)])


def _is_due(part: str, age: float | None, *, busy: bool, allowed: int) -> bool:
    if age is None or age < 0:
        return True
    rhythm = RHYTHMS[part]
    # A small allowance stretches the rhythm, so that no part starves the others.
    stretched = WINDOW_SECONDS / (allowed * rhythm.share)
    return age >= max(rhythm.busy_seconds if busy else rhythm.idle_seconds, stretched)


@dataclass(frozen=True, slots=True)
class Outage:
    """What stands between us and the API, and when it is worth asking again.

    Attributes:
        failures: Failed calls in a row.
        until: Nothing is asked before this moment (seconds since boot); infinite when asking again
            is for the user to decide.
    """

    failures: int = 0
    until: float = float("-inf")

    @property
    def is_final(self) -> bool:
        """Whether only a user may have the API asked again."""
        return self.until == float("inf")


_FIRST_PAUSE_SECONDS: Final = 2.0
_LONGEST_PAUSE_SECONDS: Final = 30.0
_SUSPENDED_SECONDS: Final = 60.0


def failed(outage: Outage, error: ResiFactoryError, now: float) -> Outage:
    """Take in a failed call: wait longer each time, for ever when the key is refused (C-013)."""
    outage = replace(outage, failures=outage.failures + 1)
    match error:
        case UnauthorizedError():
            return replace(outage, until=float("inf"))
        case AccountDisabledError():
            return replace(outage, until=now + _SUSPENDED_SECONDS)
        case RateLimitedError() | DeadlineError():
            pause = _FIRST_PAUSE_SECONDS
        case _:
            doubled = _FIRST_PAUSE_SECONDS * 2.0 ** min(outage.failures - 1, 10)
            pause = min(doubled, _LONGEST_PAUSE_SECONDS)
    asked = (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
    return replace(outage, until=now + max(pause, min(asked, _SUSPENDED_SECONDS)))
