"""What may still be spent before a pool's floor, when several crawls spend at once.

Each crawl claims a part of what is left and spends it without asking. What others have claimed and
not reported as spent counts as gone: claims never add up to more than there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rf_core.drain import Reading
from rf_core.units import BALANCE_QUANTUM


@dataclass(frozen=True, slots=True)
class Claim:
    """What one crawl may have spent in all, and what it has, as far as it has said so."""

    until_bytes: int
    spent_bytes: int

    @property
    def open_bytes(self) -> int:
        """What it may have spent unseen, or may spend yet."""
        return max(0, self.until_bytes - self.spent_bytes)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a crawl may spend from now on.

    Attributes:
        may_grow: Others hold claims: what they do not use comes back.
    """

    count: int
    may_grow: bool


def left_bytes(readings: Sequence[Reading], spent_bytes: int) -> int:
    """Return what a pool has at least by what is known, if nobody but us spends.

    Every reading since the last top-up says so, less what we have spent since; a late meter's
    newest one too much, an older one not. The least of them holds, less what rounding may hide.

    Args:
        readings: Oldest first, at least one.
        spent_bytes: What our crawls have spent in the pool in all.
    """
    since = 0
    for number, (before, after) in enumerate(pairwise(readings), 1):
        if after.balance_bytes > before.balance_bytes:
            since = number
    least = min(reading.balance_bytes + reading.spent_bytes for reading in readings[since:])
    return least - spent_bytes - BALANCE_QUANTUM // 2


def grant(left: int, others: Iterable[Claim], *, need_bytes: int = 0) -> Grant:
    """Say how much one crawl may claim.

    Args:
        left: What is left above the floor, by all that crawls have reported.
        others: Claims of the other crawls.
        need_bytes: What the crawl's next request needs to leave; 0 when it does not wait.
    """
    open_claims = [claim.open_bytes for claim in others]
    free = left - sum(open_claims)
    fair = min(free, left // (len(open_claims) + 1))
    if fair < need_bytes <= free:
        fair = need_bytes
    if fair < need_bytes and any(open_claims):
        # Too little to go on with is left to the others, lest each waits for the rest of it.
        fair = 0
    return Grant(max(0, fair), may_grow=any(open_claims))
