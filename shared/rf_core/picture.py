"""Puts stored readings, windows and crawls together into the one value that screens show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

from rf_core.alert import Alert
from rf_core.alert_settings import Rule
from rf_core.alerts import judged
from rf_core.concluding import Conclusion, foretold
from rf_core.drain import Reading, balances_of, drain, topped_up_at
from rf_core.models import Discovery, Usage
from rf_core.snapshot import (
    ApiCall,
    CrawlReport,
    DomainState,
    Drain,
    Headroom,
    PoolState,
    Runway,
    Snapshot,
)
from rf_core.troubles import Trouble, alert_troubles, findings

SILENT_SECONDS: Final = 15.0
"""A crawl publishes each second; one that is silent for this long may be dead."""

Foretelling = Callable[[str, Sequence[Reading], Sequence[float], float], Runway | None]
"""Pool, its readings, when crawls in it started and stopped, now → how long it lasts."""

_RATE_SECONDS: Final = 5.0
_LISTED_DOMAINS: Final = 100


@dataclass(frozen=True, slots=True)
class Material:
    """Everything a snapshot is made of. Times are Unix seconds.

    Attributes:
        readings: Pool → its balances, oldest first. The last one stands for now.
        latest: Pools that the newest balance answer named, or None when there was none.
        spent: Pool → wire bytes of this machine's crawls in all.
        usage, usage_before: The newest answer on domains, and the one before it.
        gone: Identifiers of crawls whose process does not exist any more.
        concluded: Pool → what its readings tell.
        runway: Foretells; what remembers what it foretold may stand here.
        rules: What somebody wants to be told of.
        alerts: What was on before, and what was lately.
    """

    now: float
    key: str
    account: str = ""
    discovery: Discovery | None = None
    discovery_at: float | None = None
    readings: Mapping[str, Sequence[Reading]] = field(default_factory=dict)
    latest: frozenset[str] | None = None
    balance_at: float | None = None
    spent: Mapping[str, int] = field(default_factory=dict)
    usage: Usage | None = None
    usage_before: Usage | None = None
    usage_at: float | None = None
    windows: tuple[Headroom, ...] = ()
    crawls: tuple[CrawlReport, ...] = ()
    gone: frozenset[str] = frozenset()
    troubles: tuple[Trouble, ...] = ()
    own_calls: int = 0
    concluded: Mapping[str, Conclusion] = field(default_factory=dict)
    runway: Foretelling = foretold
    rules: tuple[Rule, ...] = ()
    alerts: tuple[Alert, ...] = ()
    calls: tuple[ApiCall, ...] = ()


def snapshot(material: Material) -> Snapshot:
    """Make the snapshot."""
    crawls = tuple(_crawl(report, material) for report in material.crawls)
    pools = _pools(material, crawls)
    curves = {pool: one.curve for pool, one in material.concluded.items()}
    alerts = judged(material.rules, pools, curves, material.alerts, material.now)
    troubles = (
        *material.troubles,
        *alert_troubles(alerts),
        *(
            Trouble("demo_credentials", _empty_since(pool), about=pool.id)
            for pool in pools
            if pool.balance_bytes is not None and pool.balance_bytes <= 0
        ),
        *(
            Trouble("crawl_lost", crawl.updated_at, about=crawl.spider)
            for crawl in crawls
            if crawl.finish_reason == "lost"
        ),
    )
    return Snapshot(
        taken_at=material.now,
        key=material.key,
        account=material.account,
        pools=pools,
        windows=material.windows,
        crawls=tuple(sorted(crawls, key=lambda crawl: (_is_over(crawl), -crawl.started_at))),
        domains=_domains(material),
        findings=findings(
            troubles, now=material.now, key=material.key, balance_at=material.balance_at
        ),
        targeting=material.discovery.targeting if material.discovery else None,
        balance_at=material.balance_at,
        usage_at=material.usage_at,
        discovery_at=material.discovery_at,
        own_calls_per_minute=float(material.own_calls),
        alerts=alerts,
        calls=material.calls,
    )


def _empty_since(pool: PoolState) -> float:
    """When the readings that run up to now began to show nothing left."""
    empty = list(takewhile(lambda point: point[1] <= 0, reversed(pool.history)))
    return empty[-1][0] if empty else 0.0


def _is_over(crawl: CrawlReport) -> bool:
    return crawl.finished_at is not None


def _crawl(report: CrawlReport, material: Material) -> CrawlReport:
    """A crawl that fell silent has no rate; one whose process is gone has ended."""
    silent = material.now - report.updated_at
    if _is_over(report) or silent < _RATE_SECONDS:
        return report
    if silent > SILENT_SECONDS and report.id in material.gone:
        return replace(
            report, bytes_per_second=0.0, finished_at=report.updated_at, finish_reason="lost"
        )
    return replace(report, bytes_per_second=0.0)


def _pools(material: Material, crawls: Sequence[CrawlReport]) -> tuple[PoolState, ...]:
    """Pools as discovery lists them, then those that only have a balance or traffic (C-093)."""
    listed = {pool.id: pool for pool in material.discovery.pools} if material.discovery else {}
    seen = material.latest if material.latest is not None else frozenset(material.readings)
    ids = [*listed, *sorted(seen - set(listed))]
    states = []
    for pool_id in ids:
        readings = material.readings.get(pool_id, ()) if pool_id in seen else ()
        last = readings[-1] if readings else None
        rate = sum(
            crawl.bytes_per_second
            for crawl in crawls
            if crawl.pool == pool_id and not _is_over(crawl)
        )
        pool = listed.get(pool_id)
        concluded = material.concluded.get(pool_id) if readings else None
        states.append(
            PoolState(
                id=pool_id,
                label=pool.label if pool else pool_id,
                host=pool.host if pool else "",
                proxy_types=pool.proxy_types if pool else (),
                balance_bytes=last.balance_bytes if last else None,
                balance_at=last.at if last else None,
                spent_since_bytes=(
                    max(0, material.spent.get(pool_id, 0) - last.spent_bytes) if last else 0
                ),
                drain=_drain(pool_id, readings, material, rate),
                history=concluded.history if concluded else balances_of(readings),
                topped_up_at=concluded.topped_up_at if concluded else topped_up_at(readings),
                listed=pool is not None or material.discovery is None,
                meters=concluded.meters if concluded else None,
            )
        )
    return tuple(states)


def _drain(
    pool_id: str, readings: Sequence[Reading], material: Material, crawl_rate: float
) -> Drain:
    """How fast a pool empties now and, while it does, how long it lasts."""
    found = drain(readings, now=material.now, crawl_rate=crawl_rate)
    if found.state != "draining":
        return found
    changes = [
        moment
        for crawl in material.crawls
        if crawl.pool == pool_id
        for moment in (crawl.started_at, crawl.finished_at)
        if moment is not None
    ]
    return replace(found, runway=material.runway(pool_id, readings, changes, material.now))


def _domains(material: Material) -> tuple[DomainState, ...]:
    if material.usage is None:
        return ()
    before = material.usage_before
    known = {entry.domain: entry.bytes for entry in before.top_domains} if before else {}
    # A list that was not full had every domain in it: one that is new now began at zero.
    complete = before is not None and len(before.top_domains) < _LISTED_DOMAINS
    states = []
    for entry in material.usage.top_domains:
        first = known.get(entry.domain, 0 if complete else None)
        grown = None if first is None or entry.bytes < first else entry.bytes - first
        states.append(DomainState(entry.domain, entry.bytes, entry.requests, grown))
    return tuple(states)
