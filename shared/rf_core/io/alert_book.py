"""Which alerts are on and which were, in `state.db`: what all monitors of a machine agree on.

Whoever finds that a rule holds writes it down; whoever can ring or tell takes that upon itself in
the same transaction. So nothing is told twice, by however many monitors, and none after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rf_core.alert import Alert

_LISTED: Final = 50
_KEPT_SECONDS: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Due:
    """What whoever wrote alerts down has to do now.

    Attributes:
        ring: Whether to ring the bell.
        tell: Alerts that the command is to be run for.
    """

    ring: bool = False
    tell: tuple[Alert, ...] = ()


def get_alerts(connection: sqlite3.Connection, key: str) -> tuple[Alert, ...]:
    """Return alerts that are on, then the latest of those that were."""
    rows = connection.execute(
        "SELECT pool, rule, kind, since, text, acknowledged_at, over_at, outcome FROM alerts "
        "WHERE key = ? ORDER BY over_at IS NOT NULL, over_at DESC, since DESC LIMIT ?",
        (key, _LISTED),
    )
    return tuple(Alert(*row) for row in rows)


def put_alerts(
    connection: sqlite3.Connection,
    key: str,
    alerts: Sequence[Alert],
    now: float,
    *,
    rings: bool,
    tells: bool,
) -> Due:
    """Write down which alerts are on, and take upon oneself what nobody has done yet.

    Args:
        alerts: As they were judged now.
        rings, tells: Whether this process has a bell, and a command.
    """
    for alert in alerts:
        if alert.over_at is not None:
            connection.execute(
                "UPDATE alerts SET over_at = ?, text = ? "
                "WHERE key = ? AND pool = ? AND rule = ? AND since = ? AND over_at IS NULL",
                (alert.over_at, alert.text, key, alert.pool, alert.rule, alert.since),
            )
    for alert in alerts:
        if alert.over_at is None:
            _begin(connection, key, alert)
    connection.execute(
        "DELETE FROM alerts WHERE key = ? AND over_at < ?", (key, now - _KEPT_SECONDS)
    )
    return Due(
        bool(rings and _take(connection, key, "rung")),
        tuple(_take(connection, key, "told") if tells else ()),
    )


def acknowledge(
    connection: sqlite3.Connection, key: str, now: float, *, pool: str = "", rule: str = ""
) -> int:
    """Note that somebody knows of alerts that are on; return of how many they did not yet.

    Args:
        pool, rule: Only those of that pool, and of that rule.
    """
    done = connection.execute(
        "UPDATE alerts SET acknowledged_at = ? WHERE key = ? AND over_at IS NULL "
        "AND acknowledged_at IS NULL AND ? IN ('', pool) AND ? IN ('', rule)",
        (now, key, pool, rule),
    )
    return done.rowcount


def put_outcome(connection: sqlite3.Connection, key: str, alert: Alert, outcome: str) -> None:
    """Note why the command failed that was to tell somebody of an alert; "" when it did not."""
    connection.execute(
        "UPDATE alerts SET outcome = ? WHERE key = ? AND pool = ? AND rule = ? AND since = ?",
        (outcome, key, alert.pool, alert.rule, alert.since),
    )


def those_on(alerts: Sequence[Alert]) -> frozenset[tuple[str, str]]:
    """Name the alerts that are on, by pool and rule."""
    return frozenset((alert.pool, alert.rule) for alert in alerts if alert.is_on)


def _begin(connection: sqlite3.Connection, key: str, alert: Alert) -> None:
    """Open an alert, or the same one again; nothing happens when it is open."""
    again = connection.execute(
        "UPDATE OR IGNORE alerts SET over_at = NULL, text = ? "
        "WHERE key = ? AND pool = ? AND rule = ? AND since = ?",
        (alert.text, key, alert.pool, alert.rule, alert.since),
    )
    if not again.rowcount:
        connection.execute(
            "INSERT OR IGNORE INTO alerts VALUES (NULL, ?, ?, ?, ?, ?, ?, NULL, NULL, '', 0, 0)",
            (key, alert.pool, alert.rule, alert.kind, alert.since, alert.text),
        )


def _take(connection: sqlite3.Connection, key: str, duty: str) -> list[Alert]:
    """Return alerts that are on for which nobody has done that yet, and mark them done."""
    rows = connection.execute(
        f"UPDATE alerts SET {duty} = 1 WHERE key = ? AND over_at IS NULL AND {duty} = 0 "  # noqa: S608 - one of two words of ours
        "AND acknowledged_at IS NULL "
        "RETURNING pool, rule, kind, since, text, acknowledged_at, over_at, outcome",
        (key,),
    )
    return [Alert(*row) for row in rows]
