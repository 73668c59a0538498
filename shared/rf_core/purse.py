"""What several processes may spend of one budget: each draws a block and spends it unasked.

All that was ever drawn counts as spent, until whoever drew it says what it really took. So nothing
that is killed, late or asleep can lead beyond the budget: it takes its block with it, no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rf_core.budget import MOST_LEFT

_BLOCKS: Final = 256
_LEAST_BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Draw:
    """What one process may have spent in all, and what it has, as far as it has said so.

    Attributes:
        is_open: It is at work: what it does not use comes back.
    """

    until: int
    spent: int
    is_open: bool

    @property
    def rest(self) -> int:
        """What may come back of it."""
        return max(0, self.until - self.spent) if self.is_open else 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a process may spend from now on.

    Attributes:
        left: What is left for it and for all that come after it.
        may_grow: There is more, or others may give some back.
        must_wait: It is not enough to go on with, but what others give back may be.
    """

    count: int
    left: int
    may_grow: bool
    must_wait: bool = False


def block_of(limit: int, rate: int) -> int:
    """How much is drawn at a time: little enough that a crash does not matter."""
    return max(limit // _BLOCKS, min(_LEAST_BLOCK * rate, limit // 8))


def draw(
    limit: int,
    spent: int,
    others: Iterable[Draw],
    *,
    under_way: int,
    need: int,
    block: int,
) -> Drawn:
    """Say how much one process may spend from now on.

    Args:
        limit: Of the whole budget.
        spent: By this process, so far.
        under_way: What its requests under way are expected to take.
        need: What it needs to go on, these included; 0 when it does not wait.
        block: What it draws beyond that.
    """
    others = list(others)
    free = max(0, limit - spent - sum(other.until for other in others))
    back = sum(other.rest for other in others)
    if free < need and back and (need <= free + back or free + back > limit // MOST_LEFT):
        # Too little to go on with is left to the others, lest each waits for the rest of it, or
        # each ends with a rest of its own.
        return Drawn(min(free, under_way), free, may_grow=True, must_wait=True)
    count = min(free, max(need, under_way) + block)
    grows = free > count or (back > 0 and free >= need)
    return Drawn(count, free, may_grow=grows)
