"""The screen as a pure function: a snapshot, a size and a person's choices in, styled lines out.

The live app, `--once` and the tests all show these very lines.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from rf_core.redaction import printable
from rf_core.snapshot import Finding, Snapshot
from rf_core.units import format_seconds
from rf_tui.alerts_page import alerts_page
from rf_tui.amounts import Amounts, printing
from rf_tui.cells import Line, Span, Style, clip, pad, width_of
from rf_tui.charted import LOWEST_CHART, charts_of, drawn
from rf_tui.kept import Kept
from rf_tui.layout import (
    Picture,
    Placed,
    Section,
    apart,
    chosen,
    rows_of,
    section,
    stacked,
)
from rf_tui.pages import (
    crawl_page,
    domain_page,
    overview_page,
    pool_page,
    targeting_page,
)
from rf_tui.places import Whereabouts
from rf_tui.requests_page import requests_page
from rf_tui.slots import windows_panel
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
_LINES_OF_FINDINGS: Final = 9
"""Those of all together, where there is room: a path may be long, and the way out comes last."""

_TALL: Final = 30
_TWO_COLUMNS: Final = 160
_TABLES: Final = 112
"""Cells that the tables get when charts stand beside them."""

_ROOMY: Final = (100, 36)
"""From this size on, windows have a line a holder."""


_GONE: Final = section(
    [(Span(" it is not there any more", "warn"), Span("  Esc goes back", "dim"))]
)


@dataclass(frozen=True, slots=True)
class Looks:
    """What the person at the screen has chosen, and what the screen knows of itself.

    Attributes:
        now: Unix seconds, for ages.
        paused_for: Seconds since the picture was frozen, or None while it is live.
        asking: Whether a refresh that the person asked for is on its way.
        label: Shown beside the name, such as `demo`.
        late_after: Seconds after which a snapshot should have been replaced by a newer one.
        where: The page, the row that is chosen there, the filter and the order.
        amounts: How bytes are printed.
    """

    now: float
    paused_for: float | None = None
    asking: bool = False
    label: str = ""
    late_after: float = 8.0
    where: Whereabouts = field(default_factory=Whereabouts)
    amounts: Amounts = field(default_factory=Amounts)


def overview(snapshot: Snapshot, width: int, height: int | None, looks: Looks) -> list[Line]:
    """Draw what is to be seen, exactly `height` lines of at most `width` cells.

    Args:
        height: None draws everything there is, however long that gets.
    """
    return picture(snapshot, width, height, looks).lines


def picture(
    snapshot: Snapshot,
    width: int,
    height: int | None,
    looks: Looks,
    kept: Kept | None = None,
) -> Picture:
    """Draw the page a person is on, and say which of its lines show rows that can be chosen.

    Args:
        kept: Remembers from one picture to the next what both have in common.
    """
    with printing(looks.amounts):
        return _picture(snapshot, width, height, looks, kept or Kept())


def _picture(
    snapshot: Snapshot, width: int, height: int | None, looks: Looks, kept: Kept
) -> Picture:
    top = [
        _title(snapshot, width, looks),
        *_findings(snapshot, width, height),
        *_filter(looks.where),
    ]
    bottom = [_ages(snapshot, looks.now, width)]
    if height is None:
        sections = _page(snapshot, width, looks.where, is_roomy=width >= _ROOMY[0])
        body = apart([one.lines for one in sections])
        return _pictured(
            [*map(Placed, top), *body, Placed(), *map(Placed, bottom)], width, sections
        )
    room = max(0, height - len(top) - len(bottom))

    def draw() -> tuple[list[Placed], list[Section]]:
        body, sections = _body(snapshot, (width, height), room, looks.where)
        return [Placed(clip(placed.line, width), placed.row) for placed in body], sections

    of = (width, height, room, looks.where, looks.amounts)
    body, sections = kept.body(snapshot, of, draw)
    lines = [*map(Placed, top), *([Placed()] if room > len(body) else []), *body]
    lines += [Placed()] * (height - len(lines) - len(bottom))
    return _pictured([*lines, *map(Placed, bottom)][:height], width, sections)


def _body(
    snapshot: Snapshot, size: tuple[int, int], room: int, where: Whereabouts
) -> tuple[list[Placed], list[Section]]:
    """Draw what stands between the title and the ages: it does not change with the clock."""
    width, height = size
    row = where.here.chosen
    is_wide = width >= _TWO_COLUMNS
    cells = _TABLES if is_wide else width
    is_roomy = width >= _ROOMY[0] and height >= _ROOMY[1]
    sections = chosen(_page(snapshot, cells, where, is_roomy=is_roomy), row)
    pools, reach = drawn(snapshot, where.here), where.reach
    if is_wide:
        charts = charts_of(pools, snapshot.taken_at, width - _TABLES - 3, room - 2, reach)
        body = _beside(stacked(sections, room, row), charts, room)
    else:
        needed = sum(len(one.lines) + 1 for one in sections)
        left = room - needed - 2 if height >= _TALL else 0
        if where.here.page == "pool" and left < LOWEST_CHART <= room // 3:
            left = LOWEST_CHART
        charts = charts_of(pools, snapshot.taken_at, width, left, reach)
        body = stacked(sections, room - len(charts) - (1 if charts else 0), row)
        body = [*body, Placed(), *map(Placed, charts)] if charts else body
    return body, sections


def _pictured(lines: Sequence[Placed], width: int, sections: Sequence[Section]) -> Picture:
    return Picture(
        [clip(placed.line, width) for placed in lines],
        {number: placed.row for number, placed in enumerate(lines) if placed.row is not None},
        rows_of(sections),
    )


def _page(snapshot: Snapshot, width: int, where: Whereabouts, *, is_roomy: bool) -> list[Section]:
    here = where.here
    match here.page:
        case "overview":
            sections = _overview(snapshot, width, where, is_roomy=is_roomy)
        case "targeting":
            sections = targeting_page(snapshot, where, width)
        case "alerts":
            sections = alerts_page(snapshot, where, width)
        case "requests":
            sections = requests_page(snapshot, where, width)
        case "domain":
            sections = domain_page(here.subject, snapshot, where, width)
        case "pool":
            pool = next((one for one in snapshot.pools if one.id == here.subject), None)
            sections = pool_page(pool, snapshot, where, width) if pool else [_GONE]
        case "crawl":
            crawl = next((one for one in snapshot.crawls if one.id == here.subject), None)
            sections = crawl_page(crawl, snapshot, where, width) if crawl else [_GONE]
        case _:
            assert_never(here.page)
    return sections


def _overview(
    snapshot: Snapshot, width: int, where: Whereabouts, *, is_roomy: bool
) -> list[Section]:
    """Windows stand below the pools, and are left out while something is looked for."""
    pools, *others = overview_page(snapshot, where, width)
    if not where.filter:
        windows = section(windows_panel(snapshot.windows, width, detailed=is_roomy), keeps=4)
        return [pools, windows, *others]
    found = [one for one in (pools, *others) if rows_of([one])]
    return found or [section([(Span(" nothing here says that", "warn"),)])]


def _beside(left: Sequence[Placed], right: Sequence[Line], room: int) -> list[Placed]:
    """Put two columns next to each other."""
    lines = []
    for number in range(min(room, max(len(left), len(right)))):
        placed = left[number] if number < len(left) else Placed()
        beside = right[number] if number < len(right) else ()
        lines.append(Placed((*pad(placed.line, _TABLES + 3), *beside), placed.row))
    return lines


def _filter(where: Whereabouts) -> list[Line]:
    if not where.filter:
        return []
    return [(Span(f" / {printable(where.filter, 60)}", "accent"), Span("   Esc: all", "dim"))]


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


def _findings(snapshot: Snapshot, width: int, height: int | None) -> list[Line]:
    findings = snapshot.findings
    if not findings and snapshot.balance_at is None:
        return [(Span(" … asking the API", "dim"),)]
    if not findings:
        return [(Span(" ✓ all well", "good"),)]
    lines: list[Line] = []
    room = _LINES_OF_FINDINGS if height is None else min(_LINES_OF_FINDINGS, height // 3)
    shown = findings[:_MOST_FINDINGS]
    for finding in shown:
        lines += _finding(finding, width, max(_LINES_A_FINDING, room // len(shown)))
    if len(findings) > _MOST_FINDINGS:
        lines.append((Span(f"   and {len(findings) - _MOST_FINDINGS} more", "warn"),))
    return lines


def _finding(finding: Finding, width: int, most: int) -> list[Line]:
    mark, style = _SEVERITY[finding.severity]
    whole = printable(f"{finding.text} {finding.way_out}".strip(), 400)
    said = textwrap.wrap(whole, max(20, width - 4), max_lines=most, placeholder=" …")
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
