"""The line of calls that wait for a slot: who goes before whom, and who is no longer there.

Better priority goes first, and inside a priority whoever asked first, whichever process it is in.
A rank that has been left out for long is owed a turn, so that nobody waits for ever. A waiter says
until when it is surely alive; one that was killed is passed over from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from rf_core.governor import BULK, Turn, Window

_LONGEST_NAP_WINDOWS: Final = 1 / 12
_GRACE_WINDOWS: Final = 1 / 12
_LONGEST_GRACE_SECONDS: Final = 1.0
_NEVER: Final = float("inf")


class Waiter(NamedTuple):
    """A call in line; in order, the line is sorted."""

    rank: int
    asked_at: float
    id: int
    alive_until: float = 0.0


def turn_of(
    me: Waiter, line: Sequence[Waiter], window: Window, now: float, *, by_bulk: int = 0
) -> Turn:
    """Say where a call stands, whether it is in the line already or not.

    Args:
        by_bulk: Slots that bulk calls hold. What they are owed comes out of the reserve only as
            long as they have not filled all the rest of the window themselves.
    """
    owed_at = _owed_at(window, me, by_bulk)
    if not line:
        return Turn(me.rank, 0, owed_at <= now, owed_at)
    mine = me[:3]
    others = [other for other in line if other.id != me.id and other.alive_until > now]
    ahead = sum(other[:3] < mine for other in others)
    # The first of each other rank, if it is owed a turn.
    firsts = {other.rank: other for other in reversed(others)}
    favoured = [
        rank
        for rank, first in firsts.items()
        if rank != me.rank and _owed_at(window, first, by_bulk) <= now
    ]
    if me.rank in firsts and firsts[me.rank][:3] < mine:
        owed_at = _NEVER
    if owed_at <= now:
        return Turn(me.rank, sum(rank < me.rank for rank in favoured), True, owed_at)
    return Turn(me.rank, ahead + sum(rank > me.rank for rank in favoured), False, owed_at)


def _owed_at(window: Window, waiter: Waiter, by_bulk: int) -> float:
    if waiter.rank == BULK and by_bulk >= window.limit - window.reserve:
        return _NEVER
    return window.owed_at(waiter.rank, waiter.asked_at)


def nap_seconds(wait_seconds: float, window_seconds: float) -> float:
    """How long to sleep before asking again: until the slot is due, or for a while.

    Things may turn out better than they looked: a limit is raised, a call never leaves.
    """
    return min(wait_seconds, window_seconds * _LONGEST_NAP_WINDOWS)


def alive_until(now: float, nap: float, window_seconds: float) -> float:
    """Until when a waiter that asks again after this nap keeps its place."""
    return now + nap + min(_LONGEST_GRACE_SECONDS, window_seconds * _GRACE_WINDOWS)
