"""Every call of the API that this machine made: what came of it, and what is left after it."""

from __future__ import annotations

import time
from collections import Counter
from typing import Final

from rf_core.snapshot import ApiCall, Snapshot
from rf_tui.arranging import arranged
from rf_tui.cells import Line, Span, Style
from rf_tui.layout import Section, section
from rf_tui.places import Row, Whereabouts
from rf_tui.tables import Column, first_that_fits, table
from rf_tui.words import brief_seconds

_SLOW_SECONDS: Final = 5.0
_MINUTE: Final = 60.0


def requests_page(snapshot: Snapshot, where: Whereabouts, width: int) -> list[Section]:
    """The calls, the newest first, under what they come to."""
    calls = arranged(snapshot, where.filter, where.sorts).calls
    at = snapshot.taken_at
    columns: tuple[Column[ApiCall], ...] = (
        Column("REQUEST", lambda call, _: Span(f"{call.method} {call.path}", "bold"), 15, 20, 44),
        Column("sent", lambda call, _: Span(_clock(call)), 8),
        Column("ago", lambda call, _: Span(brief_seconds(at - call.at), "dim"), 6, align="right"),
        Column("status", _status, 6, 6, 12, align="right"),
        Column("latency", _latency, 8, align="right"),
        Column("left after", lambda call, _: Span(_left(call), _scarce(call)), 10, 10, 14,
               align="right", gives_way=2),
        Column("window", lambda call, _: Span(call.group, "dim"), 8, gives_way=3, gap=2),
        Column("who", lambda call, _: Span(call.who), 8, 14, 40, gap=2),
    )  # fmt: skip
    lines = table(columns, calls, width, sorted_by=where.sorted_by("requests"))
    if not calls:
        lines.append((Span(f"   {_none(snapshot, where)}", "dim"),))
    rows = [Row("requests", call.id) for call in calls]
    return [section([_sum(snapshot)], keeps=1), section(lines, rows)]


def _none(snapshot: Snapshot, where: Whereabouts) -> str:
    if where.filter and snapshot.calls:
        return "none of them says that"
    return "none has been made yet"


def _sum(snapshot: Snapshot) -> Line:
    """What the calls come to."""
    recent = [call for call in snapshot.calls if snapshot.taken_at - call.at < _MINUTE]
    failed = sum(not 200 <= call.status < 400 for call in snapshot.calls)  # noqa: PLR2004
    by_whom = ", ".join(f"{who} {n}" for who, n in Counter(c.who for c in recent).most_common(4))
    of = f"  {failed} of the last {len(snapshot.calls)} failed" if snapshot.calls else ""
    said = f"  {len(recent)} in the last minute{f' ({by_whom})' if by_whom else ''}"
    return (
        Span(" CALLS OF THE API", "head"),
        Span(of, "warn" if failed else "dim"),
        Span(said, "dim"),
    )


def _clock(call: ApiCall) -> str:
    return time.strftime("%H:%M:%S", time.localtime(call.at))


def _status(call: ApiCall, cells: int) -> Span:
    if not call.status:
        return Span(first_that_fits((call.trouble or "none", "none"), cells), "bad")
    style: Style = "" if call.status < 400 else "bad" if call.status != 429 else "warn"  # noqa: PLR2004
    return Span(str(call.status), style)


def _latency(call: ApiCall, _cells: int) -> Span:
    said = f"{call.seconds:.2f} s" if call.seconds >= 1 else f"{call.seconds * 1_000:.0f} ms"
    return Span(said, "warn" if call.seconds >= _SLOW_SECONDS else "")


def _left(call: ApiCall) -> str:
    if call.remaining is None:
        return "not said"
    return f"{call.remaining} of {call.limit}" if call.limit is not None else str(call.remaining)


def _scarce(call: ApiCall) -> Style:
    if call.remaining is None:
        return "dim"
    return "warn" if not call.remaining else ""
