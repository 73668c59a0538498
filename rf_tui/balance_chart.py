"""A pool's balance as it went, and as it is expected to go: steps, gaps, top-ups, an interval.

What was is a filled area, what is to come a shaded band: the two are told apart without colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import Final

from rf_core.snapshot import PoolState, Runway
from rf_core.units import BALANCE_QUANTUM
from rf_tui.amounts import format_bytes
from rf_tui.cells import Line, Span, Style, fit, width_of
from rf_tui.charts import EIGHTHS
from rf_tui.reach import Reach
from rf_tui.tables import first_that_fits
from rf_tui.words import brief_seconds

Point = tuple[float, float]

TOP_UP: Final = "▲"
_BAND: Final = "░"
_MIDDLE: Final = "─"
_GAP: Final = "┊"
_AXIS: Final = 12
_GAP_SECONDS: Final = 120.0
"""Readings come every half a minute even while nothing happens."""

_USUAL_GAPS: Final = 4.0
_FUTURE: Final = 0.3
"""The part of the chart that is for what is to come."""

_LOWEST_AXIS: Final = 4
_FLOOR: Final = 0.9


@dataclass(frozen=True, slots=True)
class Column:
    """One column of cells.

    Attributes:
        value: What was left then; None in a gap.
        low, high: Between them lies what is expected to be left, 4 times out of 5.
        middle: What is expected.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    middle: float | None = None

    @property
    def edges(self) -> tuple[float, ...]:
        """Values that must be inside the chart."""
        return tuple(one for one in (self.value, self.low, self.high) if one is not None)


@dataclass(frozen=True, slots=True)
class Scale:
    """Which time the columns stand for.

    Attributes:
        begin, end: What was; Unix seconds.
        past, future: How many columns are for what was, and for what is to come.
    """

    begin: float
    end: float
    now: float
    ahead_seconds: float
    past: int
    future: int

    def shows(self, at: float) -> bool:
        """Whether it is to be seen."""
        return self.begin <= at <= self.end

    def place(self, at: float) -> int:
        """The column of a moment that was."""
        share = (at - self.begin) / max(self.end - self.begin, 1e-9)
        return min(max(int(share * self.past), 0), self.past - 1)


def points_of(pool: PoolState, seen_at: float) -> list[Point]:
    """The readings, and what is left now by both meters."""
    points = [(at, float(balance)) for at, balance in pool.history]
    if pool.left_bytes is not None:
        points.append((max([seen_at, *(at for at, _ in points[-1:])]), float(pool.left_bytes)))
    return points


def whole_seconds(pool: PoolState, seen_at: float) -> float:
    """How long the pool has been watched."""
    return max(0.0, seen_at - pool.history[0][0]) if pool.history else 0.0


def chart_panel(
    pool: PoolState, seen_at: float, width: int, height: int, reach: Reach | None = None
) -> list[Line]:
    """A heading, the chart, and below it the time: exactly `height` lines.

    Args:
        reach: Which stretch of time; everything by default.
    """
    whole = whole_seconds(pool, seen_at)
    reach = (reach or Reach()).within(whole)
    points = points_of(pool, seen_at)
    begin, end = reach.span(points[0][0], points[-1][0])
    runway = None if reach.back_seconds else pool.drain.runway
    scale = _scale(begin, end, seen_at, runway, max(1, width - _AXIS - 2))
    columns = past_columns(points, begin, end, scale.past)
    if runway is not None:
        columns += future_columns(runway, points[-1][1], scale.ahead_seconds, scale.future)
    has_axis = height > _LOWEST_AXIS
    low, high = _range(columns)
    rows = _rows(columns, max(1, height - 1 - has_axis), low, high)
    ups = top_ups(points) if has_axis else []
    lines = [_heading(pool, scale, ups, width)]
    for number, row in enumerate(rows):
        edge = format_bytes(high, pool.id) if not number else ""
        if number == len(rows) - 1:
            edge = format_bytes(low, pool.id)
        lines.append((Span(f" {edge:>{_AXIS - 1}} ", "dim"), *row))
    if has_axis:
        lines.append((Span(" " * (_AXIS + 1)), *_axis(scale, ups)))
    return lines[:height]


def _scale(begin: float, end: float, now: float, runway: Runway | None, cells: int) -> Scale:
    ahead = _ahead_seconds(runway, end - begin)
    future = round(cells * ahead / (end - begin + ahead)) if ahead else 0
    return Scale(begin, end, now, ahead, max(1, cells - future), future)


def top_ups(points: Sequence[Point]) -> list[float]:
    """When the balance rose, by more than its rounding."""
    return [
        later
        for (_, before), (later, after) in pairwise(points)
        if after > before + BALANCE_QUANTUM
    ]


def past_columns(points: Sequence[Point], begin: float, end: float, number: int) -> list[Column]:
    """Read the balance off at the end of each column; where nobody looked there is none."""
    longest = _longest_gap(points)
    seconds = max(end - begin, 1e-9)
    columns, at = [], -1
    for step in range(number):
        moment = begin + seconds * (step + 1) / number if step + 1 < number else end
        while at + 1 < len(points) and points[at + 1][0] <= moment:
            at += 1
        if at < 0:
            columns.append(Column())
            continue
        read_at, value = points[at]
        following = points[at + 1][0] if at + 1 < len(points) else read_at
        is_gap = following - read_at > longest and moment - read_at > seconds / number
        columns.append(Column(None if is_gap else value))
    return columns


def future_columns(runway: Runway, left: float, ahead: float, number: int) -> list[Column]:
    """What is expected to be left at the end of each column that lies ahead."""
    columns = []
    for step in range(number):
        passed = ahead * (step + 1) / number
        columns.append(
            Column(
                low=_after(left, passed, runway.low_seconds),
                middle=_after(left, passed, runway.seconds),
                high=_after(left, passed, runway.high_seconds),
            )
        )
    return columns


def _after(left: float, passed: float, lasts: float) -> float:
    return max(0.0, left * (1 - passed / lasts)) if passed < lasts else 0.0


def _ahead_seconds(runway: Runway | None, past: float) -> float:
    """How far ahead to look: until it may be empty, but never at the cost of what was."""
    if runway is None or past <= 0:
        return 0.0
    most = past * _FUTURE / (1 - _FUTURE)
    return max(most / 3, min(most, runway.high_seconds))


def _longest_gap(points: Sequence[Point]) -> float:
    gaps = [later - before for (before, _), (later, _) in pairwise(points)]
    return max(_GAP_SECONDS, _USUAL_GAPS * median(gaps)) if gaps else _GAP_SECONDS


def _range(columns: Sequence[Column]) -> tuple[float, float]:
    """From zero, or from where less than nine tenths of the highest value are left out."""
    edges = [edge for column in columns for edge in column.edges] or [0.0]
    high = max(*edges, 1.0)
    return (0.0 if min(edges) < high * _FLOOR else high * _FLOOR), high


def _rows(columns: Sequence[Column], height: int, low: float, high: float) -> list[Line]:
    """Draw, top row first."""
    step = (high - low) / height
    rows: list[Line] = []
    for number in range(height - 1, -1, -1):
        floor = low + number * step
        cells = [_cell(column, floor, step, is_bottom=not number) for column in columns]
        rows.append(
            tuple(
                Span("".join(text for text, _ in run), style)
                for style, run in groupby(cells, key=lambda cell: cell[1])
            )
        )
    return rows


def _cell(column: Column, floor: float, step: float, *, is_bottom: bool) -> tuple[str, Style]:
    if column.value is not None:
        eighths = round((column.value - floor) / step * 8)
        # The upper edge of the area is bright, what lies below it is not.
        return EIGHTHS[min(max(eighths, 0), 8)], "fill" if eighths > 8 else "good"  # noqa: PLR2004
    if column.low is None or column.high is None or column.middle is None:
        return (_GAP if is_bottom else " "), "dim"
    ceiling = floor + step
    if floor <= column.middle < ceiling or (is_bottom and column.middle <= floor):
        return _MIDDLE, "accent"
    inside = column.low < ceiling and column.high > floor
    return (_BAND, "accent") if inside else (" ", "")


def _heading(pool: PoolState, scale: Scale, ups: Sequence[float], width: int) -> Line:
    name = fit(pool.id, min(width_of(pool.id), max(4, width - 30)))
    over = f"  over {brief_seconds(scale.end - scale.begin)}"
    marks = f"  {TOP_UP} topped up" if any(map(scale.shows, ups)) else ""
    ahead = brief_seconds(scale.ahead_seconds)
    to_come = f"  {_BAND} the next {ahead}, right 4 times out of 5" if scale.future else ""
    room = width - width_of(name) - 12
    return (
        Span(f" BALANCE of {name}", "head"),
        Span(first_that_fits((over + marks + to_come, over + marks, over), room), "dim"),
    )


def _axis(scale: Scale, ups: Sequence[float]) -> Line:
    """The time below the chart, and a mark below each top-up."""
    since = scale.now - scale.end
    last = "now" if since < 1 else f"-{brief_seconds(since)}"
    first = f"-{brief_seconds(scale.now - scale.begin)}"
    cells = list(" " * (scale.past + scale.future))
    _write(cells, 0, first)
    _write(cells, scale.past - len(last), last)
    if scale.future:
        to_come = f"+{brief_seconds(scale.ahead_seconds)}"
        _write(cells, len(cells) - len(to_come), to_come)
    for at in filter(scale.shows, ups):
        cells[scale.place(at)] = TOP_UP
    return tuple(
        Span("".join(run), "accent" if is_mark else "dim")
        for is_mark, run in groupby(cells, key=lambda cell: cell == TOP_UP)
    )


def _write(cells: list[str], place: int, text: str) -> None:
    for number, char in enumerate(text):
        if 0 <= place + number < len(cells):
            cells[place + number] = char
