"""How fast a pool is emptying, told from balances that are rounded and crawls that are not.

The provider rounds balances to a quantum of about 107 kB (C-091): one step down may be one byte or
two quanta. So nothing is concluded from less than two quanta, except that nothing moved for long
enough. A reading that is higher than the one before is a top-up and never a negative drain.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rf_core.snapshot import Drain
from rf_core.units import BALANCE_QUANTUM

LOOKBACK_SECONDS: Final = 90.0
"""Readings older than this say nothing of now."""

ENOUGH_SECONDS: Final = 45.0
"""Readings that span this long may say that nothing moves, or that little does."""

CLEAR_BYTES: Final = 2 * BALANCE_QUANTUM
"""A fall that rounding alone cannot explain."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One balance of one pool.

    Attributes:
        at: Unix seconds.
        balance_bytes: The provider's number.
        spent_bytes: Wire bytes of this machine's crawls in that pool, in all, at that moment.
    """

    at: float
    balance_bytes: int
    spent_bytes: int = 0


def drain(readings: Sequence[Reading], *, now: float, crawl_rate: float) -> Drain:
    """Say how fast a pool empties.

    Args:
        readings: Oldest first.
        now: Unix seconds.
        crawl_rate: Bytes per second that this machine's running crawls take from the pool. They
            know it to the byte and at once; it is the answer when it is more than the provider's
            meter shows.
    """
    measured = _measured(readings, now)
    if crawl_rate > measured.bytes_per_second:
        return Drain("draining", crawl_rate, "crawls")
    return measured


def balances_of(readings: Sequence[Reading]) -> tuple[tuple[float, int], ...]:
    """Return readings as (time, bytes), for a chart."""
    return tuple((reading.at, reading.balance_bytes) for reading in readings)


def topped_up_at(readings: Sequence[Reading]) -> float | None:
    """Return the time of the newest reading that was higher than the one before."""
    for before, after in reversed(list(pairwise(readings))):
        if after.balance_bytes > before.balance_bytes:
            return after.at
    return None


def consumed_bytes(before: Reading, after: Reading) -> int:
    """What left the pool between two readings; across a top-up, what our crawls know of."""
    if after.balance_bytes > before.balance_bytes:
        return max(0, after.spent_bytes - before.spent_bytes)
    return before.balance_bytes - after.balance_bytes


def _measured(readings: Sequence[Reading], now: float) -> Drain:
    first = bisect_left(readings, now - LOOKBACK_SECONDS, key=lambda reading: reading.at)
    recent = [reading for reading in readings[first:] if reading.at <= now]
    if len(recent) < 2:  # noqa: PLR2004 - a rate takes two
        return Drain("measuring")
    span = recent[-1].at - recent[0].at
    fallen = sum(consumed_bytes(before, after) for before, after in pairwise(recent))
    if span <= 0 or (fallen <= CLEAR_BYTES and span < ENOUGH_SECONDS):
        return Drain("measuring")
    if fallen == 0:
        return Drain("idle")
    return Drain("draining", fallen / span, "provider")
