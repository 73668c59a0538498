"""Sections below one another in as many lines as there are; what does not fit is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rf_tui.cells import Line, Span, plain
from rf_tui.places import Row

_MARK = "▸"


@dataclass(frozen=True, slots=True)
class Placed:
    """A line, and the row of a table it shows, if it shows one."""

    line: Line = ()
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it.

    Attributes:
        keeps: When not everything fits, it keeps so many lines more than others.
    """

    lines: tuple[Placed, ...]
    keeps: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """What is on the screen.

    Attributes:
        rows: Which row a line shows, for those that show one.
        choices: Every row that can be chosen, whether or not there is room to show it.
    """

    lines: list[Line] = field(default_factory=list)
    rows: dict[int, Row] = field(default_factory=dict)
    choices: list[Row] = field(default_factory=list)


def section(lines: Sequence[Line], rows: Sequence[Row] = (), *, keeps: int = 0) -> Section:
    """Make a section of a heading and lines; rows are those of the lines right below it."""
    named = (None, *rows)
    return Section(
        tuple(
            Placed(line, named[number] if number < len(named) else None)
            for number, line in enumerate(lines)
        ),
        keeps,
    )


def chosen(sections: Sequence[Section], row: Row | None) -> list[Section]:
    """Mark the row that is chosen, by a sign and not by its colour alone."""
    if row is None:
        return list(sections)
    return [
        replace(
            one,
            lines=tuple(
                Placed(_marked(placed.line), row) if placed.row == row else placed
                for placed in one.lines
            ),
        )
        for one in sections
    ]


def rows_of(sections: Sequence[Section]) -> list[Row]:
    """Every row that can be chosen, from the top."""
    return [placed.row for one in sections for placed in one.lines if placed.row is not None]


def stacked(sections: Sequence[Section], room: int, row: Row | None = None) -> list[Placed]:
    """Give each section its lines; where they do not fit, the longest give up lines first."""
    granted = [len(one.lines) for one in sections]
    while sum(granted) > room and max(granted, default=0) > 1:
        most = max(
            range(len(granted)),
            key=lambda place: (granted[place] > 1, granted[place] - sections[place].keeps),
        )
        granted[most] -= 1
    kept = [_cut(one.lines, lines, row) for one, lines in zip(sections, granted, strict=True)]
    body = [placed for part in kept for placed in part]
    return apart(kept) if len(body) + len(kept) - 1 <= room else body[:room]


def apart(sections: Sequence[Sequence[Placed]]) -> list[Placed]:
    """Put an empty line between sections."""
    return [placed for part in sections for placed in (*part, Placed())][:-1]


def _cut(lines: Sequence[Placed], room: int, row: Row | None) -> list[Placed]:
    """Keep so many lines, the chosen one among them, and say how many rows are missing."""
    if room >= len(lines):
        return list(lines)
    heading = lines[0]
    if room == 1:
        said = Span(f"  {len(lines) - 1} not shown", "warn")
        return [Placed((*heading.line, said))]
    shown = room - 2
    begin = 0
    for number, placed in enumerate(lines[1:]):
        if row is not None and placed.row == row:
            begin = max(0, number - shown + 1)
    part = lines[1 + begin : 1 + begin + shown]
    missing = len(lines) - 1 - len(part)
    above = f", {begin} of them above" if begin else ""
    return [heading, *part, Placed((Span(f"   … and {missing} more{above}", "warn"),))]


def _marked(line: Line) -> Line:
    return (Span(_MARK + plain(line)[1:], "chosen"),)
