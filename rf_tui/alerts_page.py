"""The page of alerts: what is on, what somebody knows of, and what was."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

from rf_core.alert import Alert
from rf_core.redaction import printable
from rf_core.snapshot import Snapshot
from rf_tui.arranging import holds
from rf_tui.cells import Line, Span, Style
from rf_tui.layout import Section, section
from rf_tui.places import Row, Whereabouts
from rf_tui.tables import Column, table
from rf_tui.words import brief_seconds

_STYLES: Final[Mapping[str, Style]] = {"on": "bad", "acknowledged": "warn", "over": "dim"}


def alerts_page(snapshot: Snapshot, where: Whereabouts, width: int) -> list[Section]:
    """Alerts that are on above those that were; the sentence of each under the table."""
    at = snapshot.taken_at
    alerts = listed_alerts(snapshot, where)
    columns: tuple[Column[Alert], ...] = (
        Column("ALERT", lambda alert, _: Span(alert.rule, "bold"), 21, 24, 40),
        Column("state", lambda alert, _: Span(state_of(alert), _STYLES[state_of(alert)]), 12),
        Column("pool", lambda alert, _: Span(alert.pool), 14, 16, 32),
        Column("began", lambda alert, _: Span(_ago(at - alert.since)), 10, align="right"),
        Column("for", lambda alert, _: Span(_lasted(alert, at)), 6, align="right"),
        Column("told", lambda alert, _: _told(alert), 10, 10, 200, gap=2, gives_way=2),
    )
    lines = table(columns, alerts, width)
    if not alerts:
        lines.append((Span("   none is on, and none was in the last 30 days", "dim"),))
    rows = [Row("alerts", alert.id) for alert in alerts]
    return [section(lines, rows, keeps=4), *_details(alerts, where, width)]


def listed_alerts(snapshot: Snapshot, where: Whereabouts) -> list[Alert]:
    """Return the alerts that the filter lets through."""
    return [
        alert
        for alert in snapshot.alerts
        if holds(where.filter, f"{alert.pool} {alert.rule} {state_of(alert)}")
    ]


def state_of(alert: Alert) -> str:
    """Name where an alert stands: `on`, `acknowledged` or `over`."""
    if not alert.is_on:
        return "over"
    return "on" if alert.acknowledged_at is None else "acknowledged"


def place_of(snapshot: Snapshot, row: Row | None) -> int | None:
    """Return which of a snapshot's alerts a row shows; None when it shows none."""
    if row is None or row.panel != "alerts":
        return None
    ids = [alert.id for alert in snapshot.alerts]
    return ids.index(row.key) if row.key in ids else None


def _details(alerts: Sequence[Alert], where: Whereabouts, width: int) -> list[Section]:
    """The sentences of the alert that is chosen, or else of all that are on."""
    row = where.here.chosen
    chosen = [one for one in alerts if row is not None and one.id == row.key]
    said = chosen or [one for one in alerts if one.is_on]
    lines: list[Line] = []
    for one in said:
        lines += _wrapped(one.text, "" if one.is_on else "dim", width)
        if one.outcome:
            lines += _wrapped(f"Nobody was told: {one.outcome}", "warn", width)
    keys = " a acknowledges the one that is chosen, or all; Enter opens its pool"
    return [section([(Span(" IN WORDS", "head"), Span(keys, "dim")), *lines])] if lines else []


def _wrapped(text: str, style: Style, width: int) -> list[Line]:
    parts = textwrap.wrap(printable(text, 600), max(20, width - 4))
    return [(Span(f"   {part}", style),) for part in parts]


def _ago(seconds: float) -> str:
    return f"{brief_seconds(seconds)} ago"


def _lasted(alert: Alert, at: float) -> str:
    return brief_seconds((at if alert.over_at is None else alert.over_at) - alert.since)


def _told(alert: Alert) -> Span:
    return Span("failed", "warn") if alert.outcome else Span("")
