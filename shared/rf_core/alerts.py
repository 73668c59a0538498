"""When a pool is worth waking somebody: rules by pace, by level and by strangers, with hysteresis.

A level ("less than 2 GB") says nothing of when; one window alone either cries at each burst or
wakes up late. So for a pace both a long and a short window have to say that the pool will not last.
No rule lets go at the first relief, and one that holds again soon after is the same alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

from rf_core.alert import Alert, AlertKind
from rf_core.alert_settings import ForeignRule, LevelRule, PaceRule, Rule
from rf_core.consumption import Curve
from rf_core.snapshot import PoolState
from rf_core.units import format_bytes, format_rate, format_seconds

SAME_SECONDS: Final = 600.0
"""An alert that was over for no longer than that and is on again is the same one, and silent."""

_STALE_SECONDS: Final[Mapping[AlertKind, float]] = {
    "pace": 300.0,
    "level": 3_600.0,
    "foreign": 300.0,
}
"""Readings that are older than that prove nothing of now."""

_RELIEF: Final = 1.25
"""How much longer than asked for a pool must last for an alert to be over."""

_FILLED: Final = 1.1
"""How much more than asked for a pool must have for an alert to be over."""


def judged(
    rules: Iterable[Rule],
    pools: Iterable[PoolState],
    curves: Mapping[str, Curve | None],
    known: Sequence[Alert],
    now: float,
) -> tuple[Alert, ...]:
    """Say which alerts are on now: those that are on, the newest first, then those that were.

    Args:
        curves: Pool → what left it by when.
        known: What was on before, and what was lately.
    """
    newest: dict[tuple[str, str], Alert] = {}
    for alert in known:
        name = (alert.pool, alert.rule)
        if name not in newest or alert.since > newest[name].since:
            newest[name] = alert
    found: dict[tuple[str, str], Alert] = {}
    chosen = tuple(rules)
    for pool in pools:
        for rule in _for_pool(chosen, pool.id):
            before = newest.get((pool.id, rule.name))
            after = _after(rule, pool, curves.get(pool.id), before, now)
            if after is not None:
                found[pool.id, rule.name] = after
    same = {(pool, rule, alert.since) for (pool, rule), alert in found.items()}
    others = [
        alert if alert.over_at is not None else replace(alert, over_at=now)
        for alert in known
        if (alert.pool, alert.rule, alert.since) not in same
    ]
    everything = (*found.values(), *others)
    return tuple(sorted(everything, key=lambda alert: (not alert.is_on, -alert.since)))


def holds(rule: Rule, pool: PoolState, curve: Curve | None, now: float, *, on: bool) -> bool | None:
    """Tell whether a rule holds for a pool; None while that cannot be said.

    Args:
        on: Whether it held before.
    """
    left, read_at = pool.left_bytes, pool.balance_at
    if left is None or read_at is None or now - read_at > _STALE_SECONDS[kind_of(rule)]:
        return None
    match rule:
        case LevelRule():
            return left < rule.below_bytes * (_FILLED if on else 1)
        case PaceRule():
            return curve is not None and _is_too_fast(rule, curve, left, on=on)
        case ForeignRule():
            settled = pool.meters is not None and pool.meters.verdict != "inconclusive"
            return pool.meters.is_foreign if pool.meters and settled else None
        case _:
            assert_never(rule)


def kind_of(rule: Rule) -> AlertKind:
    """Name what a rule goes by."""
    match rule:
        case PaceRule():
            return "pace"
        case LevelRule():
            return "level"
        case ForeignRule():
            return "foreign"
        case _:
            assert_never(rule)


def sentence(rule: Rule, pool: PoolState) -> str:
    """Say what is the matter, with the numbers of now."""
    left = format_bytes(pool.left_bytes or 0)
    match rule:
        case PaceRule():
            lasts = pool.drain.runway
            about = f" in about {format_seconds(lasts.seconds)}" if lasts else " soon"
            return (
                f"Pool {pool.id} will be empty{about}: {left} left, "
                f"{format_rate(pool.drain.bytes_per_second)} leaving ({rule.name})."
            )
        case LevelRule():
            return f"Pool {pool.id} is {rule.name}: {left} left."
        case ForeignRule():
            if pool.meters is None:
                return f"Somebody else takes from pool {pool.id}."
            taken, seconds = pool.meters.excess_bytes, pool.meters.end - pool.meters.begin
            return (
                f"Somebody else took {format_bytes(taken)} from pool {pool.id} "
                f"in {format_seconds(seconds)}."
            )
        case _:
            assert_never(rule)


def _for_pool(rules: Sequence[Rule], pool: str) -> Iterator[Rule]:
    return (rule for rule in rules if rule.pool in {"", pool})


def _after(
    rule: Rule, pool: PoolState, curve: Curve | None, before: Alert | None, now: float
) -> Alert | None:
    """What becomes of an alert; None when there is none, or the last one is long over."""
    on = before is not None and before.is_on
    found = holds(rule, pool, curve, now, on=on)
    if found is None or (not found and not on):
        return before
    if not found:
        return before and replace(before, over_at=now)
    text = sentence(rule, pool)
    if before is not None and (before.over_at is None or now - before.over_at <= SAME_SECONDS):
        return replace(before, over_at=None, text=text)
    return Alert(pool.id, rule.name, kind_of(rule), now, text)


def _is_too_fast(rule: PaceRule, curve: Curve, left_bytes: float, *, on: bool) -> bool:
    now = curve.until
    short = _lasts(curve, left_bytes, now, rule.short_seconds)
    if on:
        return short < rule.within_seconds * _RELIEF
    seen = now - curve.times[0]
    long = _lasts(curve, left_bytes, now, min(rule.long_seconds, seen))
    return seen >= rule.short_seconds and max(short, long) < rule.within_seconds


def _lasts(curve: Curve, left_bytes: float, now: float, window_seconds: float) -> float:
    """Seconds until the pool is empty at the pace of the last so many."""
    if left_bytes <= 0:
        return 0.0
    gone = curve.total_at(now) - curve.total_at(now - window_seconds)
    clear = gone > 2 * curve.noise_bytes
    return left_bytes / gone * window_seconds if clear else float("inf")
