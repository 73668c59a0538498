"""What the page of a crawl says: its rate, what it has spent on what, and what went wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from rf_core.outlook import outlooks
from rf_core.snapshot import CrawlReport, Snapshot
from rf_tui.amounts import format_bytes, format_rate
from rf_tui.arranging import arranged
from rf_tui.cells import Line, Span, Style
from rf_tui.charts import bar
from rf_tui.layout import Section, section
from rf_tui.page_parts import LABEL, fact, listed_domains
from rf_tui.panels import own_domains
from rf_tui.places import Whereabouts
from rf_tui.tables import Column, table
from rf_tui.words import brief_seconds, crawl_age, crawl_state, left_alone

_BUDGET_CELLS: Final = 16
_BUDGET_NEAR: Final = 0.9
_SURE, _UNSURE = 0.9, 0.5


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
        (Span(f" CRAWL {crawl.spider}", "head"), Span(f"  {_runs_as(crawl)}", "dim")),
        fact("state", crawl_state(crawl, at), Span(f"{paused}{rate}  for {crawl_age(crawl, at)}")),
        fact("pool", Span(crawl.pool)),
        fact(
            "on the wire",
            Span(size(crawl.wire_bytes), "bold"),
            Span(
                f"  {size(crawl.up_bytes)} up, {size(crawl.down_bytes)} down; "
                f"{size(crawl.unbilled_bytes)} not billed",
                "dim",
            ),
        ),
        *([fact("went for", Span(_causes(crawl)))] if crawl.causes else []),
        fact("since begun", Span(_rates(crawl, at))),
        fact("budget", *_budget(crawl), Span("" if crawl.finished_at else "  x tells it", "dim")),
        fact("requests", Span(_requests(crawl)), _direct(crawl)),
        *_outlook(crawl, snapshot),
        fact("exits", Span(_exits(crawl))),
        fact("sessions", *_sessions(crawl)),
        fact("left alone", Span(left_alone(crawl, max(20, width - LABEL - 30))), _backoffs(crawl)),
    ]
    return [
        section(facts, keeps=len(facts)),
        section(_verdicts(crawl, width)),
        listed_domains(
            shown.domains, where, width, total=crawl.wire_bytes, title="DOMAIN by our meter"
        ),
    ]


def _outlook(crawl: CrawlReport, snapshot: Snapshot) -> list[Line]:
    """Whether the pool is enough for what is known of the crawl; nothing while too little is."""
    found = next((one for one in outlooks(snapshot) if one.id == crawl.id), None)
    if found is None or found.chance is None or found.need_bytes is None:
        return []
    style: Style = "good" if found.chance >= _SURE else "warn" if found.chance >= _UNSURE else "bad"
    need = format_bytes(found.need_bytes, crawl.pool)
    known = f"  its pool is enough: {need} for {found.pending_requests:,} known requests so far"
    return [fact("chance", Span(f"{found.chance:.0%}", style), Span(known, "dim"))]


def _runs_as(crawl: CrawlReport) -> str:
    of = f"of {crawl.project}, " if crawl.project else ""
    return f"{of}process {crawl.pid} on {crawl.host}"


def _exits(crawl: CrawlReport) -> str:
    retired = f", {crawl.retired_proxies:,} refused for good" if crawl.retired_proxies else ""
    return f"{crawl.exits:,} asked for, {crawl.live_proxies} proxies in use{retired}"


def _sessions(crawl: CrawlReport) -> list[Span]:
    """How many go on, and why others began anew."""
    of = crawl.sessions
    if not of.begun and not of.resumed:
        return [Span("none", "dim")]
    anew = [("renewed", of.renewed), ("broken", of.broken), ("of another run", of.resumed)]
    said = "".join(f", {count:,} {name}" for name, count in anew if count)
    return [Span(f"{of.live:,} going on"), Span(f"  {of.begun:,} begun{said}", "dim")]


def _backoffs(crawl: CrawlReport) -> Span:
    if not crawl.backoff_count:
        return Span("")
    times = "once" if crawl.backoff_count == 1 else f"{crawl.backoff_count:,} times"
    return Span(f"  {times}, {brief_seconds(crawl.backoff_seconds)} in all", "dim")


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
