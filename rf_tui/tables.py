"""Rows under a heading: columns that grow where there is room and give way where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, overload

from rf_tui.cells import Line, Span, fit, width_of

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column.

    Attributes:
        cell: A row and the cells there are for it → its text, not yet cut or padded.
        least: How narrow it may be.
        good: How wide it would like to be; it is only then that others get more.
        most: How wide it may be. `good` and `most` are never less than what stands before them.
        short: A title for when the other one does not fit.
        gives_way: Columns with the highest number are left out first; those with 0 never are.
        gap: Spaces to its left.
    """

    title: str
    cell: Callable[[Row, int], Span]
    least: int
    good: int = 0
    most: int = 0
    short: str = ""
    align: Literal["left", "right"] = "left"
    gives_way: int = 0
    gap: int = 1

    @property
    def stages(self) -> tuple[int, int]:
        """How wide it grows first, and then."""
        good = max(self.least, self.good)
        return good, max(good, self.most)


def table(
    columns: Sequence[Column[Row]], rows: Sequence[Row], width: int, *, sorted_by: str = ""
) -> list[Line]:
    """Draw a heading and a line for each row, each at most `width` cells wide.

    Args:
        sorted_by: Title of the column that gets a mark for it; `name` is the first one.
    """
    chosen = _chosen(columns, width)
    widths = _widths(chosen, width)
    heading: list[Span] = []
    for place, (column, cells) in enumerate(zip(chosen, widths, strict=True)):
        mark = "▾" if sorted_by and sorted_by == (column.title if place else "name") else ""
        titles = (column.title + mark, (column.short or column.title)[: cells - len(mark)] + mark)
        title = first_that_fits(titles, cells)
        text = " " * column.gap + fit(title, cells, column.align)
        heading.append(Span(text, "dim" if place else "head"))
    return [tuple(heading), *(Drawn(chosen, widths, row) for row in rows)]


class Drawn(Sequence[Span], Generic[Row]):
    """A row that is drawn when somebody looks at it: of a long table only some are ever shown."""

    __slots__ = ("_columns", "_row", "_spans", "_widths")

    def __init__(self, columns: Sequence[Column[Row]], widths: Sequence[int], row: Row) -> None:
        self._columns = columns
        self._widths = widths
        self._row = row
        self._spans: tuple[Span, ...] | None = None

    @overload
    def __getitem__(self, index: int) -> Span: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Span]: ...

    def __getitem__(self, index: int | slice) -> Span | Sequence[Span]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Span]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[Span, ...]:
        if self._spans is None:
            self._spans = _row(self._columns, self._widths, self._row)
        return self._spans


def _row(columns: Sequence[Column[Row]], widths: Sequence[int], row: Row) -> tuple[Span, ...]:
    spans: list[Span] = []
    for column, cells in zip(columns, widths, strict=True):
        span = column.cell(row, cells)
        spans.append(Span(" " * column.gap))
        spans.append(Span(fit(span.text, cells, column.align), span.style))
    return tuple(spans)


def _chosen(columns: Sequence[Column[Row]], width: int) -> list[Column[Row]]:
    """Leave out what gives way until all but the last to stay are as wide as they like to be."""
    kept = list(columns)
    while True:
        last = max(kept, key=lambda column: column.gives_way)
        needed = sum(c.gap + (c.least if c is last else c.stages[0]) for c in kept)
        if not last.gives_way or needed <= width:
            return kept
        kept.remove(last)


def _widths(columns: Sequence[Column[Row]], width: int) -> list[int]:
    """Share what is to spare evenly, first among those that need it, then among the others."""
    widths = [column.least for column in columns]
    spare = width - sum(column.gap + column.least for column in columns)
    for stage in (0, 1):
        limits = [column.stages[stage] for column in columns]
        while spare > 0 and widths != limits:
            for place, limit in enumerate(limits):
                if spare > 0 and widths[place] < limit:
                    widths[place] += 1
                    spare -= 1
    return widths


def first_that_fits(texts: Sequence[str], width: int) -> str:
    """Pick the first text that fits into that many cells, else the last one."""
    return next((text for text in texts if width_of(text) <= width), texts[-1])
