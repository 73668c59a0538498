"""When a pace is worth waking somebody: seen over two windows at once, and not let go at once.

A level ("less than 2 GB") says nothing of when; one window alone either cries at each burst or
wakes up late. So both a long and a short window have to say that the pool will not last, and it is
over only when the short one says that it lasts a good deal longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rf_core.consumption import Curve

_RELIEF: Final = 1.25
"""How much longer than asked for a pool must last for an alert to be over."""


@dataclass(frozen=True, slots=True)
class PaceRule:
    """Tell somebody when, at this pace, a pool is empty within that time.

    Attributes:
        within_seconds: How soon is too soon.
        long_seconds, short_seconds: The windows that must both say so.
    """

    name: str
    within_seconds: float
    long_seconds: float
    short_seconds: float


RULES: Final = (
    PaceRule("empty within the hour", 3_600.0, 600.0, 60.0),
    PaceRule("empty within the day", 86_400.0, 7_200.0, 600.0),
)


def alerting(
    rules: Iterable[PaceRule], on: frozenset[str], curve: Curve, left_bytes: float, now: float
) -> frozenset[str]:
    """Return the names of the rules that hold now.

    Args:
        on: Those that held before.
    """
    return frozenset(
        rule.name for rule in rules if _holds(rule, curve, left_bytes, now, on=rule.name in on)
    )


def _holds(rule: PaceRule, curve: Curve, left_bytes: float, now: float, *, on: bool) -> bool:
    short = _lasts(curve, left_bytes, now, rule.short_seconds)
    if on:
        return short < rule.within_seconds * _RELIEF
    seen = now - curve.times[0]
    long = _lasts(curve, left_bytes, now, min(rule.long_seconds, seen))
    return seen >= rule.short_seconds and max(short, long) < rule.within_seconds


def _lasts(curve: Curve, left_bytes: float, now: float, window_seconds: float) -> float:
    """Seconds until the pool is empty at the pace of the last so many."""
    if left_bytes <= 0:
        return 0.0
    gone = curve.total_at(now) - curve.total_at(now - window_seconds)
    clear = gone > 2 * curve.noise_bytes
    return left_bytes / gone * window_seconds if clear else float("inf")
