"""Where a drain changed: the split of a window that its own noise does not explain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

_FEWEST: Final = 8
_EDGE: Final = 3
_STRIKING: Final = 5.5
"""Deviations of the noise; below 4.5 bursts are taken for changes, above 8 changes for bursts."""
_WORTH_IT: Final = 0.2


def block_length(number: int) -> int:
    """How many neighbouring cells are kept together, because bursts last longer than a cell."""
    return max(1, round(math.sqrt(number)))


def changed_at(cells: Sequence[float]) -> int | None:
    """Return the first cell of the newest drain, when it clearly differs from what was before it.

    Args:
        cells: What left in equal pieces of time, oldest first.
    """
    number = len(cells)
    if number < _FEWEST:
        return None
    sums = list(accumulate(cells, initial=0.0))

    def means(cut: int) -> tuple[float, float]:
        return sums[cut] / cut, (sums[-1] - sums[cut]) / (number - cut)

    def contrast(cut: int) -> float:
        before, after = means(cut)
        return abs(before - after) * math.sqrt(cut * (number - cut) / number)

    cut = max(range(_EDGE, number - _EDGE + 1), key=contrast)
    before, after = means(cut)
    noise = _noise([cell - (before if n < cut else after) for n, cell in enumerate(cells)])
    striking = contrast(cut) > _STRIKING * math.sqrt(noise)
    return cut if striking and abs(before - after) > _WORTH_IT * max(before, after) else None


def _noise(rests: Sequence[float]) -> float:
    """The variance of a mean times its number of cells: neighbours move together (Bartlett)."""
    number, reach = len(rests), block_length(len(rests))
    own = sum(rest * rest for rest in rests) / number
    together = sum(
        2
        * (1 - lag / (reach + 1))
        * sum(a * b for a, b in zip(rests, rests[lag:], strict=False))
        / number
        for lag in range(1, reach + 1)
    )
    return max(own + together, own / 2)
