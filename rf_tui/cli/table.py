"""Rows for a person: aligned under their headings, and no wider than the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rf_core.redaction import printable
from rf_tui.cells import fit, width_of

_GAP: Final = "  "
_NARROWEST: Final = 8
"""A column is not cut below this: what is left of a name would say nothing."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        spare: How early a narrow terminal does without it: 0 never, the highest goes first.
        only: Where it is shown at all; None is both.
    """

    heading: str
    align: Literal["left", "right"] = "left"
    spare: int = 0
    only: Literal["terminal", "pipe"] | None = None


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lay rows out for a terminal of that width: spare columns go first, then long texts are cut.

    Columns whose headings are all empty get no line for them.
    """
    shown = [n for n, column in enumerate(columns) if column.only != "pipe"]
    widths = {n: _width(columns[n], [row[n] for row in rows]) for n in shown}
    while _total(widths) > width and any(columns[n].spare for n in widths):
        del widths[max(widths, key=lambda n: (columns[n].spare, n))]
    while _total(widths) > width:
        widest = max(widths, key=lambda n: (widths[n], -n))
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] = max(_NARROWEST, widths[widest] - (_total(widths) - width))
    headings = [column.heading for column in columns]
    lines = [headings, *rows] if any(headings) else rows
    return [
        _GAP.join(fit(line[n], widths[n], columns[n].align) for n in widths).rstrip()
        for line in lines
    ]


def tabbed(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out for a program: tabs between, no headings, nothing cut that matters."""
    shown = [n for n, column in enumerate(columns) if column.only != "terminal"]
    return ["\t".join(printable(row[n], 400) for n in shown) for row in rows]


def _width(column: Column, cells: Sequence[str]) -> int:
    return max(width_of(printable(cell)) for cell in (column.heading, *cells))


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)
