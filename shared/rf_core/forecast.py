"""How long a pool lasts: a runway as an interval that holds four times out of five.

The window is what has been seen since the drain last changed: since a crawl of ours started or
stopped, or since a change that the curve itself shows. Resampling blocks of it says how well its
mean is known and how far the future may stray from it; how often such intervals held within the
window says how much wider this one has to be.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from random import Random
from statistics import NormalDist
from typing import Final

from rf_core.changes import block_length, changed_at
from rf_core.consumption import Curve, curve, unseen_bytes
from rf_core.drain import Reading
from rf_core.snapshot import Runway
from rf_core.units import BALANCE_QUANTUM

COVERAGE: Final = 0.80
"""How often the pool runs dry within the interval."""

_DRAWS: Final = 160
_MOST_CELLS: Final = 48
_FEWEST_CELLS: Final = 4
_ENOUGH_BYTES: Final = 4 * BALANCE_QUANTUM
_QUIET_GAPS: Final = 2.0
_FAR_WINDOWS: Final = 2.0
_MOST_BLOCKS: Final = 10_000
_FARTHEST_SECONDS: Final = 3_650 * 86_400.0
"""Whoever lasts ten years lasts."""
_SLOWEST_SHARE: Final = 0.05
_MOST_CHANGES: Final = 3
_ROUNDING: Final = 1.5
"""Interpolated edges of cells carry that much more of the rounding than readings do."""

_FEW_BLOCKS: Final = 1.07
_LEARNING: Final = 0.06
_NARROWEST, _WIDEST = 0.95, 3.0
_DEVIATIONS: Final = NormalDist().inv_cdf((1 + COVERAGE) / 2)
_FEWEST_TRIALS: Final = 12


@dataclass(frozen=True, slots=True)
class Cells:
    """A window, cut into pieces of the same length.

    Attributes:
        begin: When it begins (Unix seconds).
        seconds: The length of one cell.
        bytes: What left the pool in each.
        noise_bytes: How far the sum may be off.
    """

    begin: float
    seconds: float
    bytes: tuple[float, ...]
    noise_bytes: float

    @property
    def window_seconds(self) -> float:
        """How long the window is."""
        return self.seconds * len(self.bytes)

    @property
    def bytes_per_second(self) -> float:
        """The mean drain."""
        return sum(self.bytes) / self.window_seconds


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of one pool.

    Attributes:
        bytes_per_second: The mean drain since it last changed.
        since: When that was (Unix seconds).
        runway: How long the pool lasts from now.
        widened: How much wider than resampling alone says the interval was made.
    """

    bytes_per_second: float
    since: float
    runway: Runway
    widened: float


def forecast(
    readings: Sequence[Reading],
    *,
    now: float,
    changes: Iterable[float],
    chance: Random,
    coverage: float = COVERAGE,
) -> Forecast | None:
    """Say how long a pool lasts; None while there is too little to say.

    Args:
        readings: Oldest first.
        now: Unix seconds.
        changes: When crawls of ours started and stopped.
        chance: The same one for the same pool, or the interval flickers.
        coverage: How often the interval is to hold.
    """
    drawn = curve(readings)
    if drawn is None:
        return None
    cells = _newest(drawn, max((at for at in changes if at <= now), default=0.0))
    if cells is None or sum(cells.bytes) < max(1.0, 4 * cells.noise_bytes):
        return None
    if drawn.source == "provider" and sum(cells.bytes) < _ENOUGH_BYTES:
        return None
    left = readings[-1].balance_bytes - unseen_bytes(readings)
    lasting = runways(cells, max(0.0, float(left)), chance)
    widened = _FEW_BLOCKS * widening(cells.bytes)
    gone = now - (cells.begin + cells.window_seconds)
    middle = lasting[len(lasting) // 2]

    def until(lasts: float) -> float:
        stretched = middle * (lasts / middle) ** widened if middle > 0 else 0.0
        return min(max(0.0, stretched - gone), _FARTHEST_SECONDS)

    tail = (1 - coverage) / 2
    low, high = (lasting[round(share * (len(lasting) - 1))] for share in (tail, 1 - tail))
    return Forecast(
        cells.bytes_per_second,
        cells.begin,
        Runway(until(middle), until(low), until(high)),
        widened,
    )


def cells_of(curve: Curve, begin: float) -> Cells | None:
    """Cut the curve from a moment on; None while that is too little."""
    first, last = max(begin, curve.times[0]), _end(curve)
    points = sum(first <= at <= last for at in curve.times)
    number = min(_MOST_CELLS, points - 1)
    if number < _FEWEST_CELLS:
        return None
    seconds = (last - first) / number
    edges = [curve.total_at(first + seconds * n) for n in range(number + 1)]
    return Cells(first, seconds, tuple(b - a for a, b in pairwise(edges)), curve.noise_bytes)


def runways(cells: Cells, left_bytes: float, chance: Random, draws: int = _DRAWS) -> list[float]:
    """Draw how many seconds the pool lasts from the window's end, shortest first.

    Each draw has its own mean, as far as the window leaves it open, and its own future: block by
    block while that is short, and by the spread of such means where it is long.
    """
    rate, window = cells.bytes_per_second, cells.window_seconds
    means = _means(cells, chance, draws)
    expected = left_bytes / rate
    if expected <= _FAR_WINDOWS * window:
        return sorted(_walk(cells, left_bytes * rate / mean, chance) for mean in means)
    shorter = math.sqrt(window / expected)
    floor = rate * _SLOWEST_SHARE
    return sorted(
        left_bytes / max(floor, mean + shorter * (means[int(chance.random() * draws)] - rate))
        for mean in means
    )


def widening(cells: Sequence[float]) -> float:
    """Learn how much wider intervals must be to hold as often as they say.

    At each block of the window, the mean so far forecasts the next one. After a miss the intervals
    grow, after a hit they shrink, in the ratio that keeps the rate of misses at its target
    (adaptive conformal inference, Gibbs and Candès 2021).
    """
    number, block = len(cells), block_length(len(cells))
    if number < _FEWEST_TRIALS:
        return 1.0
    sums = list(accumulate(cells, initial=0.0))
    mean = sums[-1] / number * block
    blocks = [sums[n + block] - sums[n] for n in range(number - block + 1)]
    variance = sum((one - mean) ** 2 for one in blocks) / len(blocks) / block
    wider = 1.0
    for seen in range(block, number - block + 1):
        missed_by = abs(sums[seen + block] - sums[seen] - sums[seen] / seen * block)
        allowed = _DEVIATIONS * wider * math.sqrt(variance * (block + block * block / seen))
        wider *= math.exp(_LEARNING * ((missed_by > allowed) - (1 - COVERAGE)))
    return min(_WIDEST, max(_NARROWEST, wider))


def finish_chance(
    left_bytes: float, need_bytes: float, *, others_bytes: float = 0.0, doubt: float = 0.1
) -> float:
    """How likely a pool outlasts what a crawl still needs.

    Args:
        left_bytes: What the pool has.
        need_bytes: What the crawl needs: its requests left, times what one has taken so far.
        others_bytes: What everybody else is expected to take meanwhile.
        doubt: The relative deviation of both.
    """
    spread = doubt * math.hypot(need_bytes, others_bytes)
    room = left_bytes - need_bytes - others_bytes
    if spread <= 0:
        return 1.0 if room >= 0 else 0.0
    return NormalDist(0.0, spread).cdf(room)


def _newest(curve: Curve, begin: float) -> Cells | None:
    """The window since the last change, known or found."""
    cells = cells_of(curve, begin)
    for _ in range(_MOST_CHANGES):
        cut = changed_at(cells.bytes) if cells is not None else None
        if cells is None or cut is None:
            break
        later = cells_of(curve, cells.begin + cut * cells.seconds)
        if later is None:
            break
        cells = later
    return cells


def _end(curve: Curve) -> float:
    """Where the window ends: at the last point, unless it has been quiet for unusually long."""
    gap = (curve.times[-1] - curve.times[0]) / (len(curve.times) - 1)
    quiet = curve.until - curve.times[-1] > _QUIET_GAPS * gap
    return curve.until if quiet else curve.times[-1]


def _means(cells: Cells, chance: Random, draws: int) -> list[float]:
    """Means that the window's process might as well have shown, rounding told from bursts."""
    number, block = len(cells.bytes), block_length(len(cells.bytes))
    sums = list(accumulate(cells.bytes * 2, initial=0.0))
    rate, window = cells.bytes_per_second, cells.window_seconds
    pieces = number // block
    drawn = []
    for _ in range(draws):
        starts = [int(chance.random() * number) for _ in range(pieces)]
        total = sum(sums[start + block] - sums[start] for start in starts)
        drawn.append(total / (pieces * block * cells.seconds))
    variance = sum((mean - rate) ** 2 for mean in drawn) / draws
    spread = variance * (pieces * block * cells.seconds) ** 2
    rounding = pieces * _ROUNDING * cells.noise_bytes**2 / 6
    real = math.sqrt(max(0.0, 1 - rounding / spread)) if spread > 0 else 0.0
    scale = real * math.sqrt(number / (number - block))
    return [
        max(
            rate * _SLOWEST_SHARE,
            rate
            + scale * (mean - rate)
            + (chance.random() - chance.random()) * cells.noise_bytes / window,
        )
        for mean in drawn
    ]


def _walk(cells: Cells, rest: float, chance: Random) -> float:
    """Seconds until that much has left, if the future is made of blocks of the window."""
    number, block = len(cells.bytes), block_length(len(cells.bytes))
    sums = list(accumulate(cells.bytes * 2, initial=0.0))
    seconds, start = 0.0, 0
    for _ in range(_MOST_BLOCKS):
        start = int(chance.random() * number)
        piece = sums[start + block] - sums[start]
        if piece >= rest:
            break
        rest -= piece
        seconds += block * cells.seconds
    goal = sums[start] + rest
    cell = max(start + 1, bisect_left(sums, goal, start, start + block))
    whole = sums[cell] - sums[cell - 1]
    part = (goal - sums[cell - 1]) / whole if whole > 0 else 0.0
    return seconds + (cell - 1 - start + part) * cells.seconds
