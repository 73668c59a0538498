"""The screen as a pure function: a snapshot, a size and a person's choices in, styled lines out.

The live app, `--once` and the tests all show these very lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

from rf_core.snapshot import Snapshot
from rf_tui.alerts_page import alerts_page
from rf_tui.amounts import printing
from rf_tui.cells import Line, Span, clip, pad
from rf_tui.charted import LOWEST_CHART, charts_of, drawn
from rf_tui.crawl_page import crawl_page
from rf_tui.edges import ages_line, filter_lines, finding_lines, title_line
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
from rf_tui.looks import Looks
from rf_tui.pages import (
    domain_page,
    overview_page,
    pool_page,
    targeting_page,
)
from rf_tui.places import Whereabouts
from rf_tui.requests_page import requests_page
from rf_tui.slots import windows_panel

_TALL: Final = 30
_TWO_COLUMNS: Final = 160
_TABLES: Final = 112
"""Cells that the tables get when charts stand beside them."""

_ROOMY: Final = (100, 36)
"""From this size on, windows have a line a holder."""


_GONE: Final = section(
    [(Span(" it is not there any more", "warn"), Span("  Esc goes back", "dim"))]
)


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
        title_line(snapshot, width, looks),
        *finding_lines(snapshot, width, height),
        *filter_lines(looks.where),
    ]
    bottom = [ages_line(snapshot, looks.now, width)]
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
