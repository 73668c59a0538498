"""The panels of the overview, each a pure function: what to show and a width in, lines out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rf_core.snapshot import CrawlReport, DomainState, PoolState, Snapshot
from rf_tui.amounts import amount_cells, format_bytes, format_rate, rate_cells
from rf_tui.balance_chart import points_of
from rf_tui.cells import Line, Span, Style, width_of
from rf_tui.charts import bar, sampled, trend
from rf_tui.tables import Column, table
from rf_tui.words import (
    count,
    crawl_age,
    crawl_state,
    drain_words,
    failures,
    growth,
    left_alone,
    pool_note,
    runway_words,
)

_LOW: Final = 0.1
_SHORTEST_NAME: Final = 14
_WIDEST_BAR: Final = 24
_WIDEST_TREND: Final = 32


def pools_panel(snapshot: Snapshot, width: int, sorted_by: str = "") -> list[Line]:
    """Every pool by its full id: what is left, how fast it goes, how it went."""
    seen_at = snapshot.taken_at
    longest = max([_SHORTEST_NAME, *(width_of(pool.id) for pool in snapshot.pools)])
    name = max(_SHORTEST_NAME, min(longest, width - 28))
    columns: tuple[Column[PoolState], ...] = (
        Column("POOL", lambda pool, _: Span(pool.id, "bold"), name),
        Column("left", lambda pool, _: _left(pool), amount_cells(), align="right"),
        Column("", _share_bar, 8, 8, _WIDEST_BAR, gives_way=3),
        Column(
            "drain", lambda pool, _: drain_words(pool.drain, pool.id), rate_cells(), align="right"
        ),
        Column(
            "runway", lambda pool, _: Span(runway_words(pool.drain.runway)), 13, align="right",
            gives_way=3,
        ),
        Column(
            "trend", lambda pool, cells: _trend(pool, seen_at, cells), 6, 8,
            _WIDEST_TREND, gives_way=4, gap=2,
        ),
        Column(
            "", lambda pool, cells: Span(pool_note(pool, seen_at, cells), "dim"), 20, 24, 40,
            gives_way=5, gap=2,
        ),
    )  # fmt: skip
    lines = table(columns, snapshot.pools, width, sorted_by=sorted_by)
    if not snapshot.pools:
        lines.append((Span("   no balance has been read yet", "dim"),))
    return [lines[0], *map(_marked, snapshot.pools, lines[1:])] if snapshot.pools else lines


def _marked(pool: PoolState, line: Line) -> Line:
    """An empty pool has a mark as well as a colour."""
    left = pool.left_bytes
    return (Span("✗", "bad"), *line[1:]) if left is not None and left <= 0 else line


def _left(pool: PoolState) -> Span:
    if pool.left_bytes is None:
        return Span("unknown", "dim")
    return Span(format_bytes(pool.left_bytes, pool.id), _level(pool) or "")


def _level(pool: PoolState) -> Style:
    left = pool.left_bytes
    if left is None:
        return "dim"
    if left <= 0:
        return "bad"
    return "warn" if _share(pool) < _LOW else ""


def _share(pool: PoolState) -> float:
    """What is left, of the most that this pool has had while it was watched."""
    left = max(pool.left_bytes or 0, 0)
    return left / max([1, left, *(balance for _, balance in pool.history)])


def _share_bar(pool: PoolState, cells: int) -> Span:
    if pool.left_bytes is None:
        return Span("")
    return Span(bar(_share(pool), cells), _level(pool) or "good")


def _trend(pool: PoolState, seen_at: float, cells: int) -> Span:
    points = points_of(pool, seen_at)
    return Span(trend(sampled(points, cells), cells) if points else "", "dim")


def crawls_panel(snapshot: Snapshot, width: int, sorted_by: str = "") -> list[Line]:
    """Crawls of this machine, the running ones first."""
    at = snapshot.taken_at
    columns: tuple[Column[CrawlReport], ...] = (
        Column("CRAWL", lambda crawl, _: Span(crawl.spider, "bold"), 9, 12, 28),
        Column("state", lambda crawl, _: crawl_state(crawl, at), 9, 9, 14),
        Column("rate", lambda crawl, _: _rate(crawl), amount_cells(), align="right"),
        Column(
            "on the wire", lambda crawl, _: Span(format_bytes(crawl.wire_bytes, crawl.pool)),
            amount_cells(), align="right",
        ),
        Column(
            "requests", lambda crawl, cells: Span(count(crawl.requests, cells)), 7, 7, 9,
            short="reqs", align="right",
        ),
        Column("age", lambda crawl, _: Span(crawl_age(crawl, at)), 6, align="right", gives_way=3),
        Column("left alone", _waiting, 14, 24, 36, gives_way=4, gap=2),
        Column("pool", lambda crawl, _: Span(crawl.pool, "dim"), 12, 16, 24, gives_way=5, gap=2),
        Column("exits", lambda crawl, _: Span(f"{crawl.exits:,}"), 6, align="right", gives_way=6),
        Column("failures", _failures, 6, 15, 200, short="fails", gap=2),
    )  # fmt: skip
    lines = table(columns, snapshot.crawls, width, sorted_by=sorted_by)
    if not snapshot.crawls:
        lines.append((Span("   none is running; one with the add-on shows here by itself", "dim"),))
    return lines


def _waiting(crawl: CrawlReport, cells: int) -> Span:
    return Span(left_alone(crawl, cells), "warn" if crawl.backoffs else "dim")


def _failures(crawl: CrawlReport, cells: int) -> Span:
    return Span(failures(crawl, cells), "" if crawl.failures else "dim")


def _rate(crawl: CrawlReport) -> Span:
    if crawl.finished_at is not None:
        return Span("")
    return Span(format_rate(crawl.bytes_per_second, crawl.pool))


def domains_panel(
    domains: Sequence[DomainState], width: int, *, total: int, title: str, sorted_by: str = ""
) -> list[Line]:
    """Domains with their share of the total."""
    columns: tuple[Column[DomainState], ...] = (
        Column(title, lambda domain, _: Span(domain.domain or "(no name)"), 18, 28, 44),
        Column(
            "bytes", lambda domain, _: Span(format_bytes(domain.bytes)), amount_cells(),
            align="right",
        ),
        Column(
            "share", lambda domain, _: Span(f"{_part(domain.bytes, total):.0%}"), 5, align="right",
        ),
        Column(
            "", lambda domain, cells: Span(bar(_part(domain.bytes, total), cells), "fill"),
            8, 8, 12, gives_way=4,
        ),
        Column(
            "since last", lambda domain, _: growth(domain.delta_bytes), amount_cells(),
            align="right",
        ),
        Column(
            "requests", lambda domain, cells: Span(count(domain.requests, cells), "dim"), 9,
            align="right",
        ),
    )  # fmt: skip
    lines = table(columns, domains, width, sorted_by=sorted_by)
    if not domains:
        lines.append((Span("   no traffic so far", "dim"),))
    return lines


def _part(count: int, total: int) -> float:
    return count / total if total else 0.0


def own_domains(crawls: Sequence[CrawlReport], pool: str | None = None) -> tuple[DomainState, ...]:
    """What crawls of this machine have spent by domain, in one pool or in all, most first."""
    found: dict[str, DomainState] = {}
    for spend in (spend for crawl in crawls for spend in crawl.domains):
        if pool is not None and spend.pool != pool:
            continue
        old = found.get(spend.domain, DomainState(spend.domain, 0, 0))
        spent = old.bytes + spend.up_bytes + spend.down_bytes
        found[spend.domain] = DomainState(spend.domain, spent, old.requests + spend.requests)
    return tuple(sorted(found.values(), key=lambda domain: -domain.bytes))


def _has_moved(pool: PoolState) -> bool:
    left = pool.left_bytes
    return any(balance != left for _, balance in reversed(pool.history))


def watched(snapshot: Snapshot) -> list[PoolState]:
    """Pools whose balance has moved, the busiest first; one that has not, if all stand still."""
    drawn = [pool for pool in snapshot.pools if len(pool.history) > 1]
    drawn.sort(key=lambda pool: (-pool.drain.bytes_per_second, -pool.history[-1][0]))
    moving = [pool for pool in drawn if _has_moved(pool)]
    return moving or drawn[:1]
