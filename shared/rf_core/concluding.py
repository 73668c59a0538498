"""What the readings of each pool tell, concluded once for each new one and not at every look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from rf_core.consumption import Curve, curve
from rf_core.drain import Reading, balances_of, topped_up_at
from rf_core.forecast import forecast
from rf_core.meters import Reconciliation, Usual
from rf_core.reconcile import reconcile_all, usual_after
from rf_core.snapshot import Runway

_LATE_SECONDS: Final = 1_800.0
"""So long after the last movement a late meter may still catch up."""

_AGAIN_SECONDS: Final = 60.0
"""At first so often; the longer nothing has moved, the more seldom."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What follows from the readings of one pool.

    Attributes:
        curve: What left it by when; None while nothing has.
        meters: Whether the provider took what our crawls spent, in the latest stretch.
        history: Its balances as (time, bytes), oldest first.
        topped_up_at: When it was topped up last.
        usual: What it takes on top of that while nobody else is there.
    """

    curve: Curve | None
    meters: Reconciliation | None
    history: tuple[tuple[float, int], ...] = ()
    topped_up_at: float | None = None
    usual: Usual | None = None


@dataclass(frozen=True, slots=True)
class Foretold:
    """A runway, and what it was told from.

    Attributes:
        at: When it was (Unix seconds).
    """

    state: tuple[Reading, Reading, int] | None
    changes: tuple[float, ...]
    at: float
    runway: Runway | None

    def after(self, now: float) -> Runway | None:
        """Return what is left of it."""
        if self.runway is None:
            return None
        passed = now - self.at
        found = self.runway
        times = (found.seconds, found.low_seconds, found.high_seconds)
        return Runway(*(max(0.0, seconds - passed) for seconds in times))


def foretold(
    pool: str, readings: Sequence[Reading], changes: Sequence[float], now: float
) -> Runway | None:
    """Say how long a pool lasts.

    The same draws at each look: what moves on the screen is the pool, and not the dice.

    Args:
        changes: When crawls of ours started and stopped in it.
    """
    expected = forecast(readings, now=now, changes=changes, chance=Random(pool))  # noqa: S311 - no secret
    return expected.runway if expected else None


@dataclass(slots=True)
class _Kept:
    """What was concluded of one pool.

    Attributes:
        state: The readings it was concluded from: the first, the last, how many.
        judged_at: The last reading of those that the meters were compared with; None before they
            were.
    """

    state: tuple[Reading, Reading, int]
    conclusion: Conclusion
    judged_at: float | None = None


class Conclusions:
    """Those of all pools. What was concluded is kept for as long as its readings are the newest.

    Comparing both meters takes some 20 ms a pool, so it is done when there is something new to be
    compared, and where somebody waits for a screen, for a few pools at a time.

    Args:
        at_once: Of how many pools meters are compared at one look; None is all of them.
    """

    def __init__(self, at_once: int | None = None) -> None:
        self._at_once = at_once
        self._foretold: dict[str, Foretold] = {}
        self._kept: dict[str, _Kept] = {}

    def of(
        self,
        readings: Mapping[str, Sequence[Reading]],
        usual: Mapping[str, Usual] | None = None,
    ) -> dict[str, Conclusion]:
        """Return what follows from each pool's readings, oldest first.

        Args:
            usual: Pool → what was known of its usual share before.
        """
        self._kept = {
            pool: self._concluded(pool, series) for pool, series in readings.items() if series
        }
        # Pools come and go for as long as somebody looks.
        self._foretold = {pool: one for pool, one in self._foretold.items() if pool in self._kept}
        waiting = [pool for pool, kept in self._kept.items() if _is_to_judge(kept, readings[pool])]
        waiting.sort(key=lambda pool: self._kept[pool].judged_at or 0.0)
        for pool in waiting[: self._at_once]:
            self._judge(self._kept[pool], readings[pool], (usual or {}).get(pool))
        return {pool: kept.conclusion for pool, kept in self._kept.items()}

    def _concluded(self, pool: str, series: Sequence[Reading]) -> _Kept:
        state = (series[0], series[-1], len(series))
        known = self._kept.get(pool)
        if known is not None and known.state == state:
            return known
        if known is not None and _is_still(known.state[1], series):
            drawn = known.conclusion.curve
            same = drawn and replace(drawn, until=series[-1].at)
            topped_up = known.conclusion.topped_up_at
        else:
            same, topped_up = curve(series), topped_up_at(series)
        meters = known.conclusion.meters if known else None
        usual = known.conclusion.usual if known else None
        conclusion = Conclusion(same, meters, balances_of(series), topped_up, usual)
        return _Kept(state, conclusion, known.judged_at if known else None)

    def _judge(self, kept: _Kept, series: Sequence[Reading], usual: Usual | None) -> None:
        stretches = reconcile_all(series, usual=usual)
        for one in stretches:
            usual = usual_after(one, usual)
        meters = stretches[-1] if stretches else None
        kept.conclusion = replace(kept.conclusion, meters=meters, usual=usual)
        kept.judged_at = series[-1].at

    def runway(
        self, pool: str, readings: Sequence[Reading], changes: Sequence[float], now: float
    ) -> Runway | None:
        """Say how long a pool lasts. What was foretold before grows shorter with each second."""
        state = (readings[0], readings[-1], len(readings)) if readings else None
        past = tuple(at for at in changes if at <= now)
        kept = self._foretold.get(pool)
        if kept is None or kept.state != state or kept.changes != past or now < kept.at:
            found = foretold(pool, readings, changes, now)
            kept = self._foretold[pool] = Foretold(state, past, now, found)
        return kept.after(now)


def _is_still(last: Reading, series: Sequence[Reading]) -> bool:
    """Whether nothing has moved since that reading, which is one of these."""
    known = next((n for n in range(len(series) - 1, -1, -1) if series[n] == last), None)
    if known is None:
        return False
    return all(_same(last, later) for later in series[known + 1 :])


def _same(before: Reading, after: Reading) -> bool:
    moved = before.balance_bytes != after.balance_bytes or before.spent_bytes != after.spent_bytes
    return not moved


def _is_to_judge(kept: _Kept, series: Sequence[Reading]) -> bool:
    """Whether meters have something new to say.

    A meter that is late comes into its own while nothing moves: for a while that is looked at, too.
    """
    if kept.judged_at is None:
        return True
    newest = series[-1].at
    if newest <= kept.judged_at:
        return newest < kept.judged_at
    moved_at = _moved_at(series)
    if moved_at is None:
        return False
    if moved_at > kept.judged_at:
        return True
    quiet = newest - moved_at
    pause = max(_AGAIN_SECONDS, quiet / 2)
    return quiet < _LATE_SECONDS and newest - kept.judged_at >= pause


def _moved_at(series: Sequence[Reading]) -> float | None:
    """When something moved last."""
    for number in range(len(series) - 1, 0, -1):
        if not _same(series[number - 1], series[number]):
            return series[number].at
    return None
