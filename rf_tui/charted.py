"""Which balances a page charts, over how long, and how many of them there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rf_core.snapshot import PoolState, Snapshot
from rf_tui.balance_chart import chart_panel, whole_seconds
from rf_tui.cells import Line
from rf_tui.panels import watched
from rf_tui.places import Place, Whereabouts
from rf_tui.reach import Reach

LOWEST_CHART: Final = 6
_HIGHEST_CHART: Final = 20


def drawn(snapshot: Snapshot, here: Place) -> list[PoolState]:
    """Whose balance is charted: of a pool's own page its own, of the overview those that move."""
    if here.page == "overview":
        return watched(snapshot)
    if here.page == "pool":
        return [pool for pool in snapshot.pools if pool.id == here.subject and pool.history]
    return []


def charted_seconds(snapshot: Snapshot, where: Whereabouts) -> float:
    """How long what is charted has been watched."""
    at = snapshot.taken_at
    return max([0.0, *(whole_seconds(pool, at) for pool in drawn(snapshot, where.here))])


def charts_of(
    pools: Sequence[PoolState], seen_at: float, width: int, room: int, reach: Reach
) -> list[Line]:
    """As many charts, one below the other, as there is room for."""
    number = min(len(pools), (room + 1) // (LOWEST_CHART + 1))
    if number < 1:
        return []
    each = min(_HIGHEST_CHART, (room + 1) // number - 1)
    panels = [chart_panel(pool, seen_at, width, each, reach) for pool in pools[:number]]
    return [line for panel in panels for line in (*panel, ())][:-1]
