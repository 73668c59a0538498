"""How a provider may count a window: four ways to read the same list of arrivals (C-129)."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Standing:
    """How a window stands. Times are Unix seconds.

    Attributes:
        left: Calls that are still welcome.
        free_at: When the next call is welcome if none is now.
        oldest_leaves_at: When the first of those that count stops counting.
        all_left_at: When none of them counts any more.
    """

    left: int
    free_at: float
    oldest_leaves_at: float
    all_left_at: float


def _log(times: Sequence[float], now: float, limit: int, seconds: float) -> Standing:
    """Every call counts for exactly the window's length: what is documented (C-120)."""
    return _rolling(times, bisect_right(times, now - seconds), limit, seconds)


def _log_1s(times: Sequence[float], now: float, limit: int, seconds: float) -> Standing:
    """The same, on a clock that knows whole seconds only."""
    first = math.floor(math.floor(now) - seconds) + 1
    return _rolling(times, bisect_left(times, first), limit, seconds, whole=True)


def _rolling(
    times: Sequence[float],
    first: int,
    limit: int,
    seconds: float,
    *,
    whole: bool = False,
) -> Standing:
    used = len(times) - first
    if not used:
        return Standing(limit, 0.0, 0.0, 0.0)
    clock: Callable[[float], float] = math.floor if whole else float
    free_at = clock(times[-limit]) + seconds if used >= limit else 0.0
    return Standing(
        max(0, limit - used),
        math.ceil(free_at) if whole else free_at,
        clock(times[first]) + seconds,
        clock(times[-1]) + seconds,
    )


def _fixed(times: Sequence[float], now: float, limit: int, seconds: float) -> Standing:
    """Windows that begin with the clock's own and forget everything at their end."""
    start = now // seconds * seconds
    used = len(times) - bisect_left(times, start)
    end = start + seconds
    return Standing(max(0, limit - used), end, end, end)


def _counter(times: Sequence[float], now: float, limit: int, seconds: float) -> Standing:
    """Two fixed windows, the older one weighed by how much of it a rolling one would still hold."""
    start = now // seconds * seconds
    border = bisect_left(times, start)
    current = len(times) - border
    before = border - bisect_left(times, start - seconds)
    estimate = before * (1 - (now - start) / seconds) + current
    room = limit - 1
    if current <= room:
        share = 0.0 if before <= room - current else 1 - (room - current) / before
        free_at = start + seconds * share
    else:
        free_at = start + seconds * (2 - room / current)
    return Standing(
        max(0, math.floor(limit - estimate + _ROUNDING)),
        max(now, free_at),
        start + seconds,
        start + seconds * (2 if current else 1),
    )


def _empty(now: float, limit: int, seconds: float) -> Standing:
    return Standing(limit, now, now + seconds, now + seconds)


ALGORITHMS: Final[dict[str, Callable[[Sequence[float], float, int, float], Standing]]] = {
    "log": _log,
    "log_1s": _log_1s,
    "counter": _counter,
    "fixed": _fixed,
}
"""Name → how a window stands, from arrivals in order, now, the limit and the length in seconds."""


def standing(
    algorithm: str, times: Sequence[float], now: float, limit: int, seconds: float
) -> Standing:
    """Say how a window stands that has seen these arrivals, oldest first."""
    found = ALGORITHMS[algorithm](times, now, limit, seconds)
    return found if found.all_left_at else _empty(now, limit, seconds)
