"""What has left a pool by when, told from balances that are rounded and crawls that are not.

The provider rounds balances to a quantum of about 107 kB (C-091), may publish them seldom and late,
and a top-up lifts them. Consumption only ever grows: everything that is said of a drain is said of
this curve, never of balances. Where our own crawls explain all of it, their count is the curve: it
is exact, and it is never late.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median
from typing import Final, Literal

from rf_core.drain import Reading, consumed_bytes
from rf_core.units import BALANCE_QUANTUM

_STRANGE_SHARE: Final = 0.03
"""What the provider counts beyond ours and may still be overhead instead of somebody else."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Consumption over time.

    Attributes:
        times, totals: At `times[n]`, `totals[n]` bytes had left the pool since the first reading.
        until: The time of the newest reading: since `times[-1]` nothing was seen to move.
        noise_bytes: How far the difference of two totals may be off.
        source: Whose count it is.
    """

    times: tuple[float, ...]
    totals: tuple[float, ...]
    until: float
    noise_bytes: float
    source: Literal["provider", "crawls"]

    def total_at(self, moment: float) -> float:
        """What had left by then, on a straight line between two points."""
        after = bisect_right(self.times, moment)
        if after == 0:
            return self.totals[0]
        if after == len(self.times):
            return self.totals[-1]
        begin, end = self.times[after - 1], self.times[after]
        share = (moment - begin) / (end - begin)
        return self.totals[after - 1] + share * (self.totals[after] - self.totals[after - 1])


def unseen_bytes(readings: Sequence[Reading]) -> int:
    """What our crawls spent and the provider's newest balance does not show yet.

    Rounding alone explains two quanta, which are not counted. The first reading is taken to have
    shown all that was spent before it.
    """
    behind = sum(
        max(0, after.spent_bytes - before.spent_bytes) - consumed_bytes(before, after)
        for before, after in pairwise(readings)
    )
    return behind if behind > 2 * BALANCE_QUANTUM else 0


def curve(readings: Sequence[Reading]) -> Curve | None:
    """Draw the curve; None when nothing has moved.

    Args:
        readings: Oldest first.
    """
    theirs = _provider_curve(readings)
    ours = _own_curve(readings)
    if ours is None or theirs is None:
        return ours or theirs
    counted = ours.totals[-1] - ours.totals[0]
    fallen = sum(consumed_bytes(before, after) for before, after in pairwise(readings))
    explained = counted >= fallen * (1 - _STRANGE_SHARE) - 2 * BALANCE_QUANTUM
    return ours if explained else theirs


def cadence_seconds(readings: Sequence[Reading]) -> float:
    """How often the provider publishes a new balance, as far as asking for it can tell; else 0."""
    moved = [b.at for a, b in pairwise(readings) if a.balance_bytes != b.balance_bytes]
    gaps = [after - before for before, after in pairwise(moved)]
    return median(gaps) if gaps else 0.0


def _provider_curve(readings: Sequence[Reading]) -> Curve | None:
    """Points only where the balance moved: between them it stood still or was not published.

    A slow drain crosses a step of the rounding just before such a point, which is then known far
    better than to a quantum. What went while a top-up hid it is taken to be as before.
    """
    points: list[tuple[float, float]] = []
    total = 0
    for before, after in pairwise(readings):
        left = consumed_bytes(before, after)
        if not left and after.balance_bytes > before.balance_bytes and points:
            left = round(total / (before.at - readings[0].at) * (after.at - before.at))
        total += left
        if after.balance_bytes != before.balance_bytes:
            points.append((after.at, float(total)))
    if len(points) == 1:
        points.insert(0, (readings[0].at, 0.0))
    if len(points) < 2 or points[-1][0] <= points[0][0]:  # noqa: PLR2004 - a line takes two
        return None
    (begin, first), (end, last) = points[0], points[-1]
    gap = median(after.at - before.at for before, after in pairwise(readings))
    return Curve(
        tuple(at for at, _ in points),
        tuple(total for _, total in points),
        readings[-1].at,
        min(float(BALANCE_QUANTUM), (last - first) / (end - begin) * gap),
        "provider",
    )


def _own_curve(readings: Sequence[Reading]) -> Curve | None:
    """Our crawls' count at each reading, from just before it first moved.

    It goes down when a crawl of long ago is forgotten: nothing was spent by that.
    """
    steps = [max(0, after.spent_bytes - before.spent_bytes) for before, after in pairwise(readings)]
    moved = [number for number, step in enumerate(steps) if step]
    if not moved:
        return None
    first, last = moved[0], moved[-1] + 2
    return Curve(
        tuple(reading.at for reading in readings[first:last]),
        tuple(map(float, accumulate(steps[first : last - 1], initial=0))),
        readings[-1].at,
        0.0,
        "crawls",
    )
