"""What other machines of an account spent, laid beside this one's readings of a pool."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rf_core.drain import Reading


@dataclass(frozen=True, slots=True)
class Beside:
    """Readings of a time that every machine knows, and what the others had spent at each.

    Attributes:
        readings: This machine's, oldest first.
        spent_bytes: Of all others together, one for each reading.
        unsure_seconds: How far apart two of the others' readings are at most: when within it
            something was spent is not known.
    """

    readings: tuple[Reading, ...]
    spent_bytes: tuple[int, ...]
    unsure_seconds: float


def beside(readings: Sequence[Reading], others: Sequence[Sequence[Reading]]) -> Beside:
    """Lay the readings of other machines beside these; what only one knows is left out.

    Args:
        readings: Oldest first; so are the others'. A machine without readings of the pool has
            spent nothing there.
    """
    told = [other for other in others if other]
    begin = max((other[0].at for other in told), default=float("-inf"))
    end = min((other[-1].at for other in told), default=float("inf"))
    known = tuple(reading for reading in readings if begin <= reading.at <= end)
    spent = tuple(round(sum(_spent_at(other, one.at) for other in told)) for one in known)
    gaps = (
        after.at - before.at
        for other in told
        for before, after in pairwise(other)
        if known and before.at <= known[-1].at and after.at >= known[0].at
    )
    return Beside(known, spent, max(gaps, default=0.0))


def _spent_at(readings: Sequence[Reading], moment: float) -> float:
    after = bisect_left(readings, moment, key=lambda reading: reading.at)
    later = readings[after]
    if later.at == moment:
        return later.spent_bytes
    sooner = readings[after - 1]
    share = (moment - sooner.at) / (later.at - sooner.at)
    return sooner.spent_bytes + share * (later.spent_bytes - sooner.spent_bytes)
