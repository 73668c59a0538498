"""What each page says of its subject: a pool, a crawl, a domain, or what may be ordered."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from rf_core.outlook import outlooks
from rf_core.snapshot import CrawlReport, DomainSpend, DomainState, PoolState, Snapshot
from rf_tui.amounts import amount_cells, format_bytes, format_rate
from rf_tui.arranging import arranged, holds
from rf_tui.cells import Line, Span, Style
from rf_tui.charts import bar
from rf_tui.layout import Section, section
from rf_tui.meters import meters_facts
from rf_tui.panels import crawls_panel, domains_panel, own_domains, pools_panel
from rf_tui.places import Row, Whereabouts
from rf_tui.tables import Column, table
from rf_tui.words import brief_seconds, crawl_age, crawl_state, drain_words, left_alone

_LABEL: Final = 14
_BUDGET_CELLS: Final = 16
_BUDGET_NEAR: Final = 0.9
_SURE, _UNSURE = 0.9, 0.5


def pool_page(pool: PoolState, snapshot: Snapshot, where: Whereabouts, width: int) -> list[Section]:
    """A pool: what is left by both meters, how fast it goes, who spends it on what."""
    at = snapshot.taken_at
    crawls = tuple(crawl for crawl in snapshot.crawls if crawl.pool == pool.id)
    spent = own_domains(snapshot.crawls, pool.id)
    shown = arranged(replace(snapshot, crawls=crawls, domains=spent), where.filter, where.sorts)
    facts = [
        (Span(f" POOL {pool.id}", "head"), Span(f"  {pool.label}" if pool.label else "", "dim")),
        _fact(
            "left", Span(_size(pool.left_bytes, pool.id), "bold"), Span(_by_both(pool, at), "dim")
        ),
        _fact("drain", drain_words(pool.drain, pool.id), Span(_source(pool), "dim")),
        *meters_facts(pool, at, width),
        _fact("gateway", Span(pool.host or "not listed")),
        _fact("offers", Span(", ".join(pool.proxy_types) or "unknown")),
    ]
    if pool.topped_up_at is not None:
        facts.append(_fact("topped up", Span(f"{brief_seconds(at - pool.topped_up_at)} ago")))
    total = sum(domain.bytes for domain in spent)
    return [
        section(facts, keeps=len(facts)),
        _crawls(shown, where, width),
        _domains(shown.domains, where, width, total=total, title="DOMAIN by our meter"),
    ]


def crawl_page(
    crawl: CrawlReport, snapshot: Snapshot, where: Whereabouts, width: int
) -> list[Section]:
    """A crawl: its rate, what it has spent on what, and what went wrong."""
    at = snapshot.taken_at
    spent = own_domains((crawl,))
    shown = arranged(replace(snapshot, domains=spent), where.filter, where.sorts)
    size = partial(format_bytes, pool=crawl.pool)
    rate = "" if crawl.finished_at else f"  {format_rate(crawl.bytes_per_second, crawl.pool)}"
    paused = f"  {crawl.paused}" if crawl.paused and not crawl.finished_at else ""
    facts = [
        (Span(f" CRAWL {crawl.spider}", "head"), Span(f"  of {crawl.project}", "dim")),
        _fact("state", crawl_state(crawl, at), Span(f"{paused}{rate}  for {crawl_age(crawl, at)}")),
        _fact("pool", Span(crawl.pool)),
        _fact(
            "on the wire",
            Span(size(crawl.wire_bytes), "bold"),
            Span(
                f"  {size(crawl.up_bytes)} up, {size(crawl.down_bytes)} down; "
                f"{size(crawl.unbilled_bytes)} not billed",
                "dim",
            ),
        ),
        *([_fact("went for", Span(_causes(crawl)))] if crawl.causes else []),
        _fact("since begun", Span(_rates(crawl, at))),
        _fact("budget", *_budget(crawl), Span("" if crawl.finished_at else "  x tells it", "dim")),
        _fact("requests", Span(_requests(crawl)), _direct(crawl)),
        *_outlook(crawl, snapshot),
        _fact("exits", Span(f"{crawl.exits:,} asked for, {crawl.live_proxies} proxies in use")),
        _fact("left alone", Span(left_alone(crawl, max(20, width - _LABEL - 2)))),
        _fact("runs as", Span(f"process {crawl.pid} on {crawl.host}", "dim")),
    ]
    return [
        section(facts, keeps=len(facts)),
        section(_verdicts(crawl, width)),
        _domains(shown.domains, where, width, total=crawl.wire_bytes, title="DOMAIN by our meter"),
    ]


def domain_page(name: str, snapshot: Snapshot, where: Whereabouts, width: int) -> list[Section]:
    """A domain: what the account has spent there, and which crawls of this machine did."""
    at = snapshot.taken_at
    listed = next((one for one in snapshot.domains if one.domain == name), None)
    spenders = [
        (crawl, spend)
        for crawl in arranged(snapshot, where.filter, where.sorts).crawls
        for spend in crawl.domains
        if spend.domain == name
    ]
    ours = next((d for d in own_domains(snapshot.crawls) if d.domain == name), None)
    delta = listed.delta_bytes if listed else None
    since = f"  +{format_bytes(delta)} since the reading before" if delta else ""
    said = f"{format_bytes(listed.bytes)} in {listed.requests:,} requests" if listed else "not yet"
    wire = f"{format_bytes(ours.bytes)} in {ours.requests:,} requests" if ours else "nothing"
    facts = [
        (Span(f" DOMAIN {name}", "head"),),
        _fact("provider", Span(said), Span(since, "accent")),
        _fact("our meter", Span(wire), Span("  by crawls of this machine", "dim")),
    ]
    cells = amount_cells() - 1
    columns: tuple[Column[tuple[CrawlReport, DomainSpend]], ...] = (
        Column("CRAWL", lambda row, _: Span(row[0].spider, "bold"), 9, 12, 28),
        Column("state", lambda row, _: crawl_state(row[0], at), 9, 9, 14),
        Column("pool", lambda row, _: Span(row[1].pool, "dim"), 10, 16, 24),
        Column("up", lambda row, _: _sent(row[1], row[1].up_bytes), cells, align="right"),
        Column("down", lambda row, _: _sent(row[1], row[1].down_bytes), cells, align="right"),
        Column("requests", lambda row, _: Span(f"{row[1].requests:,}"), 9, align="right"),
    )
    lines = table(columns, spenders, width)
    if not spenders:
        lines.append((Span("   no crawl of this machine has been there", "dim"),))
    rows = [Row("crawls", crawl.id) for crawl, _ in spenders]
    return [section(facts, keeps=len(facts)), section(lines, rows)]


def targeting_page(snapshot: Snapshot, where: Whereabouts, width: int) -> list[Section]:
    """What an order may name today: pools with what they offer, countries, states, minutes."""
    columns: tuple[Column[PoolState], ...] = (
        Column("POOL", lambda pool, _: Span(pool.id, "bold"), 14, 20, 44),
        Column("label", lambda pool, _: Span(pool.label), 10, 16, 32, gives_way=2),
        Column("gateway", lambda pool, _: Span(pool.host, "dim"), 12, 20, 40, gives_way=1),
        Column("offers", lambda pool, _: Span(", ".join(pool.proxy_types)), 16, 30, 200, gap=2),
    )
    pools = arranged(snapshot, where.filter, where.sorts).pools
    lines = table(columns, pools, width)
    sections = [section(lines, [Row("pools", pool.id) for pool in pools], keeps=2)]
    targeting = snapshot.targeting
    if targeting is None:
        return [*sections, section([(Span(" TARGETING", "head"), Span("  not read yet", "dim"))])]
    for name, values in (
        ("COUNTRIES", targeting.countries),
        ("US STATES", targeting.us_states),
        ("CARRIERS", targeting.carriers),
    ):
        kept = [value for value in values if holds(where.filter, value)]
        if kept or not where.filter:
            sections.append(section(_codes(name, kept, len(values), width)))
    minutes = f"{targeting.session_minutes_min:,} to {targeting.session_minutes_max:,} minutes"
    sections.append(section([(Span(" SESSIONS", "head"), Span(f"  last {minutes}"))]))
    return sections


def overview_page(snapshot: Snapshot, where: Whereabouts, width: int) -> tuple[Section, ...]:
    """Pools, crawls and domains, as the overview lists them; windows are no rows to choose."""
    domains = snapshot.domains or own_domains(snapshot.crawls)
    by_us = bool(domains) and not snapshot.domains
    shown = arranged(replace(snapshot, domains=domains), where.filter, where.sorts)
    pools = section(
        pools_panel(shown, width, where.sorted_by("pools")),
        [Row("pools", pool.id) for pool in shown.pools],
        keeps=4,  # where not everything fits, pools come first
    )
    return (
        pools,
        _crawls(shown, where, width),
        _domains(
            shown.domains,
            where,
            width,
            total=sum(domain.bytes for domain in domains),
            title="DOMAIN by our meter" if by_us else "DOMAIN",
        ),
    )


def _crawls(shown: Snapshot, where: Whereabouts, width: int) -> Section:
    rows = [Row("crawls", crawl.id) for crawl in shown.crawls]
    return section(crawls_panel(shown, width, where.sorted_by("crawls")), rows)


def _domains(
    domains: Sequence[DomainState], where: Whereabouts, width: int, *, total: int, title: str
) -> Section:
    lines = domains_panel(
        domains, width, total=total, title=title, sorted_by=where.sorted_by("domains")
    )
    return section(lines, [Row("domains", domain.domain) for domain in domains])


def _fact(label: str, *said: Span) -> Line:
    return (Span(f"   {label:<{_LABEL}}", "dim"), *said)


def _outlook(crawl: CrawlReport, snapshot: Snapshot) -> list[Line]:
    """Whether the pool is enough for what is known of the crawl; nothing while too little is."""
    found = next((one for one in outlooks(snapshot) if one.id == crawl.id), None)
    if found is None or found.chance is None or found.need_bytes is None:
        return []
    style: Style = "good" if found.chance >= _SURE else "warn" if found.chance >= _UNSURE else "bad"
    need = format_bytes(found.need_bytes, crawl.pool)
    known = f"  its pool is enough: {need} for {found.pending_requests:,} known requests so far"
    return [_fact("chance", Span(f"{found.chance:.0%}", style), Span(known, "dim"))]


def _size(count: int | None, pool: str) -> str:
    return "unknown" if count is None else format_bytes(count, pool)


def _sent(spend: DomainSpend, count: int) -> Span:
    return Span(format_bytes(count, spend.pool))


def _by_both(pool: PoolState, at: float) -> str:
    if pool.balance_bytes is None or pool.balance_at is None:
        return ""
    ago = brief_seconds(at - pool.balance_at)
    return (
        f"  provider {format_bytes(pool.balance_bytes, pool.id)} {ago} ago, "
        f"{format_bytes(pool.spent_since_bytes, pool.id)} spent here since"
    )


def _source(pool: PoolState) -> str:
    if pool.drain.state != "draining":
        return ""
    return "  by the provider's balance" if pool.drain.source == "provider" else "  by our crawls"


def _rates(crawl: CrawlReport, at: float) -> str:
    """The means of its whole life: what it does now stands beside its state."""
    end = at if crawl.finished_at is None else crawl.finished_at
    seconds = end - crawl.started_at
    if seconds <= 0:
        return "not measured yet"
    bytes_per_second = format_rate(crawl.wire_bytes / seconds, crawl.pool)
    return f"{bytes_per_second}, {crawl.requests / seconds:,.1f} requests/s on the average"


def _budget(crawl: CrawlReport) -> tuple[Span, ...]:
    """How much of it is spent, as a number and as a bar."""
    if crawl.budget_bytes is None:
        return (Span("none"),)
    share = crawl.wire_bytes / crawl.budget_bytes if crawl.budget_bytes > 0 else 1.0
    style: Style = "bad" if share >= 1 else "warn" if share >= _BUDGET_NEAR else "good"
    return (
        Span(f"{format_bytes(crawl.budget_bytes, crawl.pool)} in all  "),
        Span(bar(share, _BUDGET_CELLS), style),
        Span(f"  {share:.0%} spent", "" if style == "good" else style),
    )


def _requests(crawl: CrawlReport) -> str:
    each = (
        f", {format_bytes(crawl.wire_bytes / crawl.requests, crawl.pool)} each"
        if crawl.requests
        else ""
    )
    known = "" if crawl.pending_requests is None else f", {crawl.pending_requests:,} to do"
    made = f", {crawl.items:,} items" if crawl.items else ""
    return f"{crawl.requests:,}{each}{known}{made}"


def _direct(crawl: CrawlReport) -> Span:
    """Requests that did not go through a proxy are worth a colour."""
    number = crawl.direct_requests
    return (
        Span(f"  {number:,} went direct", "warn") if number else Span("  none went direct", "dim")
    )


def _verdicts(crawl: CrawlReport, width: int) -> list[Line]:
    ranked = sorted(crawl.failures.items(), key=lambda item: (-item[1], item[0]))
    columns: tuple[Column[tuple[str, int]], ...] = (
        Column("VERDICT", lambda row, _: Span(row[0]), 16, 28, 40),
        Column("times", lambda row, _: Span(f"{row[1]:,}"), 9, align="right"),
        Column(
            "of requests", lambda row, _: Span(_part(row[1], crawl.requests)), 11, align="right"
        ),
    )
    lines = table(columns, ranked, width)
    return lines if ranked else [*lines, (Span("   none", "dim"),)]


def _causes(crawl: CrawlReport) -> str:
    """Why its bytes went, the most first."""
    ranked = sorted(crawl.causes, key=lambda one: -one.bytes)
    return ", ".join(f"{one.cause} {_part(one.bytes, crawl.wire_bytes)}" for one in ranked)


def _part(times: int, requests: int) -> str:
    return f"{times / requests:.1%}" if requests else ""


def _codes(name: str, values: Sequence[str], total: int, width: int) -> list[Line]:
    """A list of short codes, wrapped, with how many of them there are."""
    of = f"{len(values)} of {total}" if len(values) < total else str(total)
    wrapped = textwrap.wrap(" ".join(values), max(20, width - 4), break_long_words=False)
    return [
        (Span(f" {name}", "head"), Span(f"  {of if total else 'none'}", "dim")),
        *((Span(f"   {line}"),) for line in wrapped),
    ]
