"""What each page says of its subject: a pool, a crawl, a domain, or what may be ordered."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from rf_core.snapshot import CrawlReport, DomainSpend, PoolState, Snapshot
from rf_tui.amounts import amount_cells, format_bytes
from rf_tui.arranging import arranged, holds
from rf_tui.cells import Line, Span
from rf_tui.layout import Section, section
from rf_tui.meters import meters_facts
from rf_tui.page_parts import fact, listed_crawls, listed_domains
from rf_tui.panels import own_domains, pools_panel
from rf_tui.places import Row, Whereabouts
from rf_tui.tables import Column, table
from rf_tui.words import brief_seconds, crawl_state, drain_words


def pool_page(pool: PoolState, snapshot: Snapshot, where: Whereabouts, width: int) -> list[Section]:
    """A pool: what is left by both meters, how fast it goes, who spends it on what."""
    at = snapshot.taken_at
    crawls = tuple(crawl for crawl in snapshot.crawls if crawl.pool == pool.id)
    spent = own_domains(snapshot.crawls, pool.id)
    shown = arranged(replace(snapshot, crawls=crawls, domains=spent), where.filter, where.sorts)
    facts = [
        (Span(f" POOL {pool.id}", "head"), Span(f"  {pool.label}" if pool.label else "", "dim")),
        fact(
            "left", Span(_size(pool.left_bytes, pool.id), "bold"), Span(_by_both(pool, at), "dim")
        ),
        fact("drain", drain_words(pool.drain, pool.id), Span(_source(pool), "dim")),
        *meters_facts(pool, at, width),
        fact("gateway", Span(pool.host or "not listed")),
        fact("offers", Span(", ".join(pool.proxy_types) or "unknown")),
    ]
    if pool.topped_up_at is not None:
        facts.append(fact("topped up", Span(f"{brief_seconds(at - pool.topped_up_at)} ago")))
    total = sum(domain.bytes for domain in spent)
    return [
        section(facts, keeps=len(facts)),
        listed_crawls(shown, where, width),
        listed_domains(shown.domains, where, width, total=total, title="DOMAIN by our meter"),
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
        fact("provider", Span(said), Span(since, "accent")),
        fact("our meter", Span(wire), Span("  by crawls of this machine", "dim")),
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
        listed_crawls(shown, where, width),
        listed_domains(
            shown.domains,
            where,
            width,
            total=sum(domain.bytes for domain in domains),
            title="DOMAIN by our meter" if by_us else "DOMAIN",
        ),
    )


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


def _codes(name: str, values: Sequence[str], total: int, width: int) -> list[Line]:
    """A list of short codes, wrapped, with how many of them there are."""
    of = f"{len(values)} of {total}" if len(values) < total else str(total)
    wrapped = textwrap.wrap(" ".join(values), max(20, width - 4), break_long_words=False)
    return [
        (Span(f" {name}", "head"), Span(f"  {of if total else 'none'}", "dim")),
        *((Span(f"   {line}"),) for line in wrapped),
    ]
