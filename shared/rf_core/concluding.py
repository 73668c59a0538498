"""What the readings of each pool tell, concluded once for each new one and not at every look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rf_core.consumption import Curve, curve
from rf_core.drain import Reading
from rf_core.reconcile import reconcile_all
from rf_core.snapshot import Reconciliation


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What follows from the readings of one pool.

    Attributes:
        curve: What left it by when; None while nothing has.
        meters: Whether the provider took what our crawls spent, in the latest stretch.
    """

    curve: Curve | None
    meters: Reconciliation | None


class Conclusions:
    """Those of all pools. What was concluded is kept for as long as its readings are the newest."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[tuple[Reading, Reading, int], Conclusion]] = {}

    def of(self, readings: Mapping[str, Sequence[Reading]]) -> dict[str, Conclusion]:
        """Return what follows from each pool's readings, oldest first."""
        self._kept = {
            pool: self._concluded(pool, series) for pool, series in readings.items() if series
        }
        return {pool: conclusion for pool, (_, conclusion) in self._kept.items()}

    def _concluded(
        self, pool: str, series: Sequence[Reading]
    ) -> tuple[tuple[Reading, Reading, int], Conclusion]:
        state = (series[0], series[-1], len(series))
        known = self._kept.get(pool)
        if known is not None and known[0] == state:
            return known
        stretches = reconcile_all(series)
        return state, Conclusion(curve(series), stretches[-1] if stretches else None)
