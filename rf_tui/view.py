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
from rf_core.snapshot import Finding, PoolState, Snapshot
from rf_core.units import format_seconds
from rf_tui.cells import Line, Span, Style, clip, pad, width_of
from rf_tui.panels import (
    chart_panel,
    crawls_panel,
    domains_panel,
    pools_panel,
    watched,
    windows_panel,
)
from rf_tui.tables import first_that_fits
from rf_tui.words import brief_seconds

_SEVERITY: Final[dict[str, tuple[str, Style]]] = {
    "info": ("i", "accent"),
    "warning": ("!", "warn"),
    "error": ("✗", "bad"),
}
_STALE: Final = frozenset(
    {"api_unreachable", "api_failing", "key_refused", "account_disabled", "state_unusable"}
)
"""Findings that mean: what is shown is not from just now."""

_MOST_FINDINGS: Final = 3
_LINES_A_FINDING: Final = 3
_TALL: Final = 30
_TWO_COLUMNS: Final = 160
_TABLES: Final = 112
"""Cells that the tables get when charts stand beside them."""

_LOWEST_CHART: Final = 6
_HIGHEST_CHART: Final = 20
_POOLS_FIRST: Final = 4
"""Where not everything fits, pools keep so many lines more than any other panel."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What the person at the screen has chosen, and what the screen knows of itself.

    Attributes:
        now: Unix seconds, for ages.
        paused_for: Seconds since the picture was frozen, or None while it is live.
        asking: Whether a refresh that the person asked for is on its way.
        label: Shown beside the name, such as `demo`.
        late_after: Seconds after which a snapshot should have been replaced by a newer one.
    """

    now: float
    paused_for: float | None = None
    asking: bool = False
    label: str = ""
    late_after: float = 8.0


def overview(snapshot: Snapshot, width: int, height: int | None, looks: Looks) -> list[Line]:
    """Draw the overview, exactly `height` lines of at most `width` cells.

    Args:
        height: None draws everything there is, however long that gets.
    """
    top = [_title(snapshot, width, looks), *_findings(snapshot, width)]
    bottom = [_ages(snapshot, looks.now, width)]
    if height is None:
        body = _apart(_tables(snapshot, width))
        return [clip(line, width) for line in (*top, *body, (), *bottom)]
    room = max(0, height - len(top) - len(bottom))
    if width >= _TWO_COLUMNS:
        tables = _body(_tables(snapshot, _TABLES), room)
        beside = width - _TABLES - 3
        charts = _charts(watched(snapshot), snapshot.taken_at, beside, room - 2)
        body = _beside(tables, charts, room)
    else:
        tables = _body(_tables(snapshot, width), room)
        left = room - len(tables) - 3 if height >= _TALL else 0
        charts = _charts(watched(snapshot), snapshot.taken_at, width, left)
        body = [*tables, (), *charts] if charts else tables
    lines = [*top, (), *body] if room > len(body) else [*top, *body]
    lines += [()] * (height - len(lines) - len(bottom))
    return [clip(line, width) for line in (*lines, *bottom)][:height]


def _tables(snapshot: Snapshot, width: int) -> list[list[Line]]:
    return [
        pools_panel(snapshot, width),
        windows_panel(snapshot.windows, width),
        crawls_panel(snapshot, width),
        domains_panel(snapshot, width),
    ]


def _body(sections: Sequence[list[Line]], room: int) -> list[Line]:
    """Give each section its lines; where they do not fit, the longest give up lines first."""
    granted = [len(section) for section in sections]
    keeps = [_POOLS_FIRST, *[0] * (len(sections) - 1)]
    while sum(granted) > room and max(granted) > 1:
        most = max(
            range(len(granted)),
            key=lambda place: (granted[place] > 1, granted[place] - keeps[place]),
        )
        granted[most] -= 1
    kept = [_cut(section, lines) for section, lines in zip(sections, granted, strict=True)]
    body = [line for section in kept for line in section]
    return _apart(kept) if len(body) + len(kept) - 1 <= room else body[:room]


def _cut(section: list[Line], lines: int) -> list[Line]:
    """Keep so many lines, and say how many rows are missing."""
    if lines >= len(section):
        return section
    if lines == 1:
        return [(*section[0], Span(f"  {len(section) - 1} not shown", "warn"))]
    missing = len(section) - lines + 1
    return [*section[: lines - 1], (Span(f"   … and {missing} more", "warn"),)]


def _apart(sections: Sequence[list[Line]]) -> list[Line]:
    """Put an empty line between sections."""
    return [line for section in sections for line in (*section, ())][:-1]


def _charts(pools: Sequence[PoolState], seen_at: float, width: int, room: int) -> list[Line]:
    """As many charts, one below the other, as there is room for."""
    number = min(len(pools), (room + 1) // (_LOWEST_CHART + 1))
    if number < 1:
        return []
    each = min(_HIGHEST_CHART, (room + 1) // number - 1)
    return _apart([chart_panel(pool, seen_at, width, each) for pool in pools[:number]])


def _beside(left: Sequence[Line], right: Sequence[Line], room: int) -> list[Line]:
    """Put two columns next to each other."""
    return [
        (
            *pad(left[row] if row < len(left) else (), _TABLES + 3),
            *(right[row] if row < len(right) else ()),
        )
        for row in range(min(room, max(len(left), len(right))))
    ]


def _title(snapshot: Snapshot, width: int, looks: Looks) -> Line:
    clock = f"{time.strftime('%H:%M:%S', time.localtime(looks.now))} "
    state = _state(snapshot, looks)
    room = width - width_of(state.text) - len(clock) - 1
    account = printable(snapshot.account, 24)
    left = first_that_fits(
        [
            " " + "  ".join(part for part in parts if part)
            for parts in (
                ("ResiFactory", looks.label, account, snapshot.key),
                ("ResiFactory", looks.label, snapshot.key),
                ("ResiFactory", looks.label or snapshot.key),
                ("ResiFactory",),
                ("rf",),
            )
        ],
        room,
    )
    gap = max(1, room - width_of(left) + 1)
    return (Span(left, "bold"), Span(" " * gap), state, Span(clock, "dim"))


def _state(snapshot: Snapshot, looks: Looks) -> Span:
    """Whether what is shown is what is."""
    silent = looks.now - snapshot.taken_at
    if looks.paused_for is not None:
        return Span(f"‖ PAUSED {format_seconds(looks.paused_for)}  ", "warn")
    if looks.asking:
        return Span("◌ asking  ", "accent")
    if silent > looks.late_after:
        return Span(f"○ frozen {brief_seconds(silent)}  ", "bad")
    if _is_stale(snapshot):
        return Span("○ stale  ", "warn")
    if snapshot.balance_at is None:
        return Span("◌ reading  ", "accent")
    return Span("● live  ", "good")


def _is_stale(snapshot: Snapshot) -> bool:
    return any(finding.code in _STALE for finding in snapshot.findings)


def _findings(snapshot: Snapshot, width: int) -> list[Line]:
    findings = snapshot.findings
    if not findings and snapshot.balance_at is None:
        return [(Span(" … asking the API", "dim"),)]
    if not findings:
        return [(Span(" ✓ all well", "good"),)]
    lines: list[Line] = []
    for finding in findings[:_MOST_FINDINGS]:
        lines += _finding(finding, width)
    if len(findings) > _MOST_FINDINGS:
        lines.append((Span(f"   and {len(findings) - _MOST_FINDINGS} more", "warn"),))
    return lines


def _finding(finding: Finding, width: int) -> list[Line]:
    mark, style = _SEVERITY[finding.severity]
    whole = printable(f"{finding.text} {finding.way_out}".strip(), 400)
    said = textwrap.wrap(whole, max(20, width - 4), max_lines=_LINES_A_FINDING, placeholder=" …")
    return [
        (Span(f" {mark} " if not number else "   ", style), Span(part, style))
        for number, part in enumerate(said)
    ]


def _ages(snapshot: Snapshot, now: float, width: int) -> Line:
    """How old each part is, and what watching costs."""
    times = (
        ("balance", snapshot.balance_at),
        ("usage", snapshot.usage_at),
        ("pools", snapshot.discovery_at),
    )
    ages = " · ".join(
        f"{name} {'never' if at is None else brief_seconds(now - at)}" for name, at in times
    )
    cost = f"{snapshot.own_calls_per_minute:.0f} calls/min"
    text = first_that_fits(
        (f" ages: {ages} · watching costs {cost}", f" {ages} · {cost}", f" {ages}"), width
    )
    return (Span(text, "warn" if _is_stale(snapshot) else "dim"),)
