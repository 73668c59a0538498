"""The overview as a pure function: a snapshot and a size in, styled lines out.

The live app, `--once` and the tests all show these very lines.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rf_core.redaction import printable
from rf_core.snapshot import (
    CrawlReport,
    DomainState,
    Drain,
    Finding,
    Headroom,
    PoolState,
    Snapshot,
)
from rf_core.units import format_bytes, format_rate, format_seconds
from rf_tui.cells import Line, Span, Style, clip, fit, width_of
from rf_tui.charts import bar, step_chart, trend

_SEVERITY: Final[dict[str, tuple[str, Style]]] = {
    "info": ("i", "accent"),
    "warning": ("!", "warn"),
    "error": ("✗", "bad"),
}
_NARROW: Final = 72
_WIDE: Final = 100
_TALL: Final = 30
_SCARCE: Final = 0.2
_STALE: Final = frozenset(
    {"api_unreachable", "api_failing", "key_refused", "account_disabled", "state_unusable"}
)
"""Findings that mean: what is shown is not from just now."""

_MOST_FINDINGS: Final = 3
_LINES_A_FINDING: Final = 3
_LOWEST_CHART: Final = 6
_HIGHEST_CHART: Final = 16


@dataclass(frozen=True, slots=True)
class Looks:
    """What the person at the screen has chosen.

    Attributes:
        paused_for: Seconds since the picture was frozen, or None while it is live.
        now: Unix seconds, for ages.
        label: Shown beside the name, such as `demo`.
    """

    now: float
    paused_for: float | None = None
    label: str = ""


def overview(snapshot: Snapshot, width: int, height: int, looks: Looks) -> list[Line]:
    """Draw the overview, exactly `height` lines of at most `width` cells."""
    top = [_title(snapshot, width, looks), *_findings(snapshot.findings, width)]
    bottom = [_ages(snapshot, looks.now)]
    room = height - len(top) - len(bottom)
    pools = _pools(snapshot, width)
    windows = _windows(snapshot.windows, width)
    crawls = _crawls(snapshot.crawls, width, looks.now)
    domains = _domains(snapshot, width)
    sections = [pools, windows, crawls, domains]
    if height >= _TALL:
        taken = sum(len(section) + 1 for section in sections)
        rows = min(_HIGHEST_CHART, max(_LOWEST_CHART, room - taken - 2))
        sections.append(_chart(snapshot, width, rows, looks.now))
    body = _share_out(sections, room)
    lines = [*top, *body]
    lines += [()] * (height - len(lines) - len(bottom))
    return [clip(line, width) for line in (*lines, *bottom)][:height]


def _share_out(sections: Sequence[list[Line]], room: int) -> list[Line]:
    """Give each section its lines; when they do not fit, the longest gives up lines first."""
    kept = [list(section) for section in sections if section]
    while sum(len(section) for section in kept) > room and any(len(s) > 2 for s in kept):  # noqa: PLR2004
        longest = max(kept, key=len)
        longest.pop()
    body = [line for section in kept for line in section]
    spare = room - len(body)
    if spare >= len(kept) - 1:
        body = [line for section in kept for line in (*section, ())][:-1]
    return body[:room]


def _title(snapshot: Snapshot, width: int, looks: Looks) -> Line:
    clock = time.strftime("%H:%M:%S", time.localtime(looks.now))
    if looks.paused_for is not None:
        state = Span(f" ‖ PAUSED {format_seconds(looks.paused_for)} ", "warn")
    elif any(finding.code in _STALE for finding in snapshot.findings):
        state = Span(" ○ stale ", "warn")
    else:
        state = Span(" ● live ", "good")
    account = fit(snapshot.account, min(24, len(snapshot.account)))
    left = " " + "  ".join(p for p in ("ResiFactory", looks.label, account, snapshot.key) if p)
    gap = max(1, width - width_of(left) - width_of(state.text) - len(clock) - 1)
    return (Span(left, "bold"), Span(" " * gap), state, Span(f"{clock} ", "dim"))


def _findings(findings: Sequence[Finding], width: int) -> list[Line]:
    if not findings:
        return [(Span(" ✓ all well", "good"),)]
    lines: list[Line] = []
    for finding in findings[:_MOST_FINDINGS]:
        mark, style = _SEVERITY[finding.severity]
        whole = printable(f"{finding.text} {finding.way_out}".strip(), 400)
        said = textwrap.wrap(
            whole, max(20, width - 4), max_lines=_LINES_A_FINDING, placeholder=" …"
        )
        lines += [
            (Span(f" {mark} " if not number else "   ", style), Span(part, style))
            for number, part in enumerate(said)
        ]
    if len(findings) > _MOST_FINDINGS:
        lines.append((Span(f"   and {len(findings) - _MOST_FINDINGS} more", "warn"),))
    return lines


def _bar_width(width: int) -> int:
    """Names come first: a narrow terminal has no bars."""
    if width < _NARROW:
        return 0
    return 12 if width < _WIDE else 24


def _heading(title: str, columns: str) -> Line:
    return (Span(f" {title}", "accent"), Span(columns, "dim"))


def _pools(snapshot: Snapshot, width: int) -> list[Line]:
    longest = max([14, *(width_of(pool.id) for pool in snapshot.pools)])
    bar_width = _bar_width(width)
    name = min(longest, max(14, width - bar_width - 32))
    trend_width = max(0, width - name - bar_width - 35)
    drain_title = "drain".rjust(14)
    lines = [
        _heading(fit("POOL", name), f" {'left':>11}  {'':{bar_width}} {drain_title}  trend"),
    ]
    if not snapshot.pools:
        lines.append((Span("   no balance has been read yet", "dim"),))
    lines += [_pool(pool, name, bar_width, trend_width) for pool in snapshot.pools]
    return lines


def _pool(pool: PoolState, name: int, bar_width: int, trend_width: int) -> Line:
    left = pool.left_bytes
    if left is None:
        return (Span(f" {fit(pool.id, name)} "), Span("balance unknown", "dim"))
    most = max([1, left, *(balance for _, balance in pool.history)])
    share = max(left, 0) / most
    style: Style = "bad" if left <= 0 else "warn" if share < 0.1 else ""  # noqa: PLR2004 - a tenth
    mark = "✗" if left <= 0 else " "
    history = [float(balance) for _, balance in pool.history]
    values = [*history[:-1], float(left)] if history else [float(left)]
    return (
        Span(mark, "bad"),
        Span(fit(pool.id, name), "bold"),
        Span(f" {format_bytes(left):>11}  ", style),
        Span(bar(share, bar_width), style or "good"),
        Span(f" {_drain_words(pool.drain):>14}  ", "dim" if pool.drain.state != "draining" else ""),
        Span(trend(values, trend_width), "dim"),
    )


def _drain_words(drain: Drain) -> str:
    if drain.state == "draining":
        return f"↓ {format_rate(drain.bytes_per_second)}"
    return drain.state


def _windows(windows: Sequence[Headroom], width: int) -> list[Line]:
    bar_width = _bar_width(width)
    lines = [
        _heading(fit("WINDOW", 10), f" {'free':>10}  {'':{bar_width}} {'next slot':<10} held by"),
    ]
    for window in windows:
        share = window.free / window.limit if window.limit else 0.0
        style: Style = "bad" if not window.free else "warn" if share < _SCARCE else "good"
        who = [f"{name} {count}" for name, count in window.holders]
        if window.foreign:
            who.append(f"strangers {window.foreign}")
        lines.append(
            (
                Span(f" {fit(window.group, 10)}", "bold"),
                Span(f" {f'{window.free} of {window.limit}':>10}  ", style),
                Span(bar(share, bar_width), style),
                Span(f" {_wait_words(window.next_slot_seconds):<10} "),
                Span(", ".join(who) if who else "nobody", "dim"),
            )
        )
    return lines


def _wait_words(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return f"in {format_seconds(seconds)}" if seconds > 0 else "now"


def _crawls(crawls: Sequence[CrawlReport], width: int, now: float) -> list[Line]:
    name = 10 if width < _NARROW else 18 if width < _WIDE else 28
    lines = [
        _heading(
            fit("CRAWL", name),
            f" {'state':<10} {'rate':>11} {'on the wire':>11} {'requests':>9}  failures",
        )
    ]
    if not crawls:
        lines.append((Span("   none is running; one with the add-on shows here by itself", "dim"),))
    for crawl in crawls:
        state, style = _crawl_state(crawl, now)
        failures = " ".join(f"{_short(n)} {c}" for n, c in sorted(crawl.failures.items())) or "none"
        waiting = ", ".join(f"{d} waits {s:.0f} s" for d, s in crawl.backoffs.items())
        lines.append(
            (
                Span(f" {fit(crawl.spider, name)}", "bold"),
                Span(f" {fit(state, 10)} ", style),
                Span(f"{format_rate(crawl.bytes_per_second):>11} "),
                Span(f"{format_bytes(crawl.wire_bytes):>11} {crawl.requests:>9,}  "),
                Span(f"{failures}{'; ' + waiting if waiting else ''}", "dim"),
            )
        )
    return lines


def _crawl_state(crawl: CrawlReport, now: float) -> tuple[str, Style]:
    if crawl.finished_at is not None:
        reason = crawl.finish_reason or "finished"
        return reason, "dim" if reason in {"finished", "shutdown"} else "warn"
    silent = now - crawl.updated_at
    return ("running", "good") if silent < 5 else (f"silent {silent:.0f} s", "warn")  # noqa: PLR2004


def _short(verdict: str) -> str:
    return verdict.removeprefix("gateway_").removeprefix("target_").removeprefix("network_")


def _domains(snapshot: Snapshot, width: int) -> list[Line]:
    name = 16 if width < _NARROW else 28 if width < _WIDE else 48
    lines = [
        _heading(
            fit("DOMAIN", name), f" {'bytes':>11} {'share':>6} {'since last':>11} {'requests':>10}"
        )
    ]
    domains = snapshot.domains or _own_domains(snapshot.crawls)
    if not domains:
        lines.append((Span("   no traffic so far", "dim"),))
    elif not snapshot.domains:
        lines[0] = (*lines[0], Span("   by our own meter", "dim"))
    total = sum(domain.bytes for domain in domains) or 1
    for domain in domains:
        delta = "" if domain.delta_bytes is None else f"+{format_bytes(domain.delta_bytes)}"
        lines.append(
            (
                Span(f" {fit(domain.domain, name)}"),
                Span(f" {format_bytes(domain.bytes):>11} {domain.bytes / total:>6.0%}"),
                Span(f" {delta:>11}", "accent" if domain.delta_bytes else "dim"),
                Span(f" {domain.requests:>10,}", "dim"),
            )
        )
    return lines


def _own_domains(crawls: Sequence[CrawlReport]) -> list[DomainState]:
    """What our crawls have spent by domain, for as long as the provider shows nothing yet."""
    found: dict[str, DomainState] = {}
    for spend in (spend for crawl in crawls for spend in crawl.domains):
        old = found.get(spend.domain, DomainState(spend.domain, 0, 0))
        count = old.bytes + spend.up_bytes + spend.down_bytes
        found[spend.domain] = DomainState(spend.domain, count, old.requests + spend.requests)
    return sorted(found.values(), key=lambda domain: -domain.bytes)


def _chart(snapshot: Snapshot, width: int, height: int, now: float) -> list[Line]:
    """The busiest pool's balance over the time it has been watched."""
    watched = [pool for pool in snapshot.pools if len(pool.history) > 1]
    if not watched:
        return []
    pool = max(watched, key=lambda pool: (pool.drain.bytes_per_second, pool.history[-1][0]))
    points = [(at, float(balance)) for at, balance in pool.history]
    label = 12
    drawn = step_chart(
        points, width=width - label - 3, height=height, until=max(now, points[-1][0])
    )
    since = format_seconds(max(now, points[-1][0]) - points[0][0])
    lines = [_heading(f"BALANCE of {fit(pool.id, width_of(pool.id))}", f"  over the last {since}")]
    for number, row in enumerate(drawn.rows):
        edge = format_bytes(drawn.high) if not number else ""
        if number == len(drawn.rows) - 1:
            edge = format_bytes(drawn.low)
        lines.append((Span(f" {edge:>{label - 1}} ", "dim"), Span(row, "good")))
    return lines


def _ages(snapshot: Snapshot, now: float) -> Line:
    parts = [
        f"{name} {format_seconds(max(0.0, now - at))}" if at is not None else f"{name} never"
        for name, at in (
            ("balance", snapshot.balance_at),
            ("usage", snapshot.usage_at),
            ("pools", snapshot.discovery_at),
        )
    ]
    cost = f"{snapshot.own_calls_per_minute:.0f} calls/min"
    return (Span(f" ages: {' · '.join(parts)} · watching {cost}", "dim"),)
