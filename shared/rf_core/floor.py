"""What a pool has left at least, told from readings that may be late, rounded, or topped up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rf_core.drain import Reading
from rf_core.units import BALANCE_QUANTUM

LATEST_SECONDS: Final = 1_800.0
"""No meter is later than this."""


def left_bytes(readings: Sequence[Reading], spent_bytes: int, now: float) -> int:
    """Return what a pool has at least by what is known, if nobody but us spends.

    Each reading says so, less what we have spent since; a late meter's newest one too much, an
    older one not. So the least of them holds: a reading can tighten it and never loosen it. Only a
    balance that rises adds something, just as much as it has risen: what was spent meanwhile, or
    was not on a late meter yet, is not given back by that, before no meter can be that late.

    Args:
        readings: Oldest first, at least one.
        spent_bytes: What our crawls have spent in the pool in all.
        now: As the readings tell time.
    """
    added = 0
    before = readings[0].balance_bytes
    least = before + readings[0].spent_bytes
    for reading in readings:
        if reading.balance_bytes > before:
            # Both may be rounded, by half a step each.
            added += reading.balance_bytes - before - BALANCE_QUANTUM
        before = reading.balance_bytes
        least = min(least, before + reading.spent_bytes - added)
    left = least + added - spent_bytes
    shown = [one.spent_bytes for one in readings if one.at <= now - LATEST_SECONDS]
    if shown:
        left = max(left, before - (spent_bytes - shown[-1]))
    return left - BALANCE_QUANTUM // 2
