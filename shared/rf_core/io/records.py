"""What is stored in `state.db` besides windows: readings of the API, leases, crawls.

Plain functions for :meth:`rf_core.io.state.State.run`, each one transaction.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from rf_core.alert import Alert
from rf_core.drain import Reading
from rf_core.io import booking
from rf_core.io.alert_book import get_alerts
from rf_core.parts import BALANCE
from rf_core.snapshot import CrawlReport, DomainSpend

KEPT_READINGS: Final = 600
_KEPT_CRAWL_SECONDS: Final = 30 * 24 * 3_600.0


@dataclass(frozen=True, slots=True)
class Part:
    """One stored answer of the API: when it was fetched (Unix seconds), and its document."""

    fetched_at: float
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """All that is kept of a key, at one moment.

    Attributes:
        parts: The newest answer of each kind.
        readings: Pool → its balances, oldest first.
        spent: Pool → wire bytes of all recorded crawls.
        alerts: Those that are on, and the latest of those that were.
    """

    parts: Mapping[str, Part]
    readings: Mapping[str, Sequence[Reading]]
    spent: Mapping[str, int]
    crawls: tuple[CrawlReport, ...]
    alerts: tuple[Alert, ...] = ()


def gather(connection: sqlite3.Connection, key: str, crawls_since: float) -> Stored:
    """Read everything a snapshot needs."""
    return Stored(
        parts=get_parts(connection, key),
        readings=get_history(connection, key),
        spent=spent_by_pool(connection, key),
        crawls=get_crawls(connection, key, crawls_since),
        alerts=get_alerts(connection, key),
    )


def put_part(
    connection: sqlite3.Connection, key: str, part: str, fetched_at: float, document: Any
) -> None:
    """Keep the newest answer of a kind."""
    connection.execute(
        "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)",
        (key, part, fetched_at, json.dumps(document)),
    )


def put_successor(
    connection: sqlite3.Connection, key: str, part: str, fetched_at: float, document: Any
) -> None:
    """Keep the newest answer of a kind, and the one it replaces under another name."""
    connection.execute(
        "INSERT OR REPLACE INTO parts "
        "SELECT key, ?, fetched_at, body FROM parts WHERE key = ? AND part = ?",
        (before(part), key, part),
    )
    put_part(connection, key, part, fetched_at, document)


def before(part: str) -> str:
    """Name the kind under which the answer before the newest one is kept."""
    return f"{part} before"


def get_parts(connection: sqlite3.Connection, key: str) -> dict[str, Part]:
    """Return every stored answer of a key by its kind."""
    rows = connection.execute("SELECT part, fetched_at, body FROM parts WHERE key = ?", (key,))
    return {part: Part(fetched_at, json.loads(body)) for part, fetched_at, body in rows}


def get_fetched_at(connection: sqlite3.Connection, key: str, part: str) -> float | None:
    """Return when the stored answer of a kind was fetched, or None."""
    row = connection.execute(
        "SELECT fetched_at FROM parts WHERE key = ? AND part = ?", (key, part)
    ).fetchone()
    return None if row is None else float(row[0])


def drop_part(connection: sqlite3.Connection, key: str, part: str) -> None:
    """Forget the answer of a kind, if there is one."""
    connection.execute("DELETE FROM parts WHERE key = ? AND part = ?", (key, part))


def put_balances(
    connection: sqlite3.Connection, key: str, at: float, balances: Mapping[str, int]
) -> None:
    """Add one reading of every pool to its history, which stays bounded.

    Crawls' bytes are noted with it, so that what they spend from now on can be told apart.
    """
    put_part(connection, key, BALANCE, at, {"pools": list(balances)})
    spent = spent_by_pool(connection, key)
    for pool, count in balances.items():
        connection.execute(
            "INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?, ?)",
            (key, pool, at, count, spent.get(pool, 0)),
        )
        connection.execute(
            "DELETE FROM balances WHERE key = ? AND pool = ? AND at <= "
            "(SELECT at FROM balances WHERE key = ? AND pool = ? "
            "ORDER BY at DESC LIMIT 1 OFFSET ?)",
            (key, pool, key, pool, KEPT_READINGS),
        )


def get_history(
    connection: sqlite3.Connection, key: str, *, since: float = 0.0
) -> dict[str, list[Reading]]:
    """Return every pool's readings since then, oldest first."""
    history: dict[str, list[Reading]] = {}
    for pool, at, count, spent in connection.execute(
        "SELECT pool, at, bytes, spent FROM balances WHERE key = ? AND at >= ? ORDER BY at",
        (key, since),
    ):
        history.setdefault(pool, []).append(Reading(at, count, spent))
    return history


def spent_by_pool(connection: sqlite3.Connection, key: str) -> dict[str, int]:
    """Return the wire bytes of all recorded crawls of a key, by pool."""
    rows = connection.execute(
        "SELECT spends.pool, SUM(spends.up + spends.down) FROM spends "
        "JOIN crawls ON crawls.id = spends.crawl WHERE crawls.key = ? GROUP BY spends.pool",
        (key,),
    )
    return dict(rows.fetchall())


def put_crawl(connection: sqlite3.Connection, key: str, report: CrawlReport) -> None:
    """Keep a crawl's newest report, book what it spent, and drop crawls of a month ago.

    All of it or nothing: what is booked is what is new since the report before, to the byte. Of its
    domains those will do that have changed since then: each has a row of its own.
    """
    causes = booking.book(connection, key, report)
    connection.execute(
        "INSERT OR REPLACE INTO crawls VALUES (?, ?, ?, ?, ?)",
        (
            report.id,
            key,
            report.updated_at,
            report.finished_at,
            msgspec.json.encode(replace(report, domains=())).decode(),
        ),
    )
    connection.executemany(
        "INSERT INTO spends VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "up = excluded.up, down = excluded.down, requests = excluded.requests, "
        "causes = excluded.causes",
        [
            (
                report.id,
                spend.pool,
                spend.domain,
                spend.up_bytes,
                spend.down_bytes,
                spend.requests,
                packed,
            )
            for spend, packed in zip(report.domains, causes, strict=True)
        ],
    )
    if report.finished_at is not None:
        old = report.updated_at - _KEPT_CRAWL_SECONDS
        _forget_spending(connection, old)
        connection.execute(
            "DELETE FROM spends WHERE crawl IN (SELECT id FROM crawls WHERE updated_at < ?)", (old,)
        )
        connection.execute("DELETE FROM crawls WHERE updated_at < ?", (old,))
        booking.roll_up(connection, key, report.updated_at)


def _forget_spending(connection: sqlite3.Connection, old: float) -> None:
    """Take what forgotten crawls spent off the readings too, so that differences stay right."""
    rows = connection.execute(
        "SELECT crawls.key, spends.pool, SUM(spends.up + spends.down) FROM spends "
        "JOIN crawls ON crawls.id = spends.crawl WHERE crawls.updated_at < ? GROUP BY 1, 2",
        (old,),
    ).fetchall()
    for key, pool, count in rows:
        connection.execute(
            "UPDATE balances SET spent = spent - ? WHERE key = ? AND pool = ?", (count, key, pool)
        )


def get_crawls(
    connection: sqlite3.Connection, key: str, since: float | None
) -> tuple[CrawlReport, ...]:
    """Return crawls heard of since then, the latest started first."""
    rows = connection.execute(
        "SELECT body FROM crawls WHERE key = ? AND updated_at >= ?", (key, since or 0.0)
    )
    found = (crawl_of(connection, body) for (body,) in rows.fetchall())
    reports = [report for report in found if report is not None]
    return tuple(sorted(reports, key=lambda report: -report.started_at))


def crawl_of(connection: sqlite3.Connection, body: str) -> CrawlReport | None:
    """Return the crawl whose row that is, with what it spent.

    A row of another version of this program is nothing to fail over: None.
    """
    with contextlib.suppress(msgspec.MsgspecError):
        report = msgspec.json.decode(body, type=CrawlReport)
        return replace(report, domains=_domains(connection, report.id))
    return None


def _domains(connection: sqlite3.Connection, crawl: str) -> tuple[DomainSpend, ...]:
    rows = connection.execute(
        "SELECT pool, domain, up, down, requests FROM spends WHERE crawl = ? ORDER BY pool, domain",
        (crawl,),
    )
    return tuple(DomainSpend(*row) for row in rows)


def take_lease(
    connection: sqlite3.Connection,
    name: str,
    holder: str,
    *,
    now: float,
    boot: str,
    seconds: float,
    is_gone: Callable[[str], bool] = lambda _holder: False,
) -> bool:
    """Take or renew a lease; False while somebody else of this boot holds it.

    Args:
        is_gone: Tells of a holder that its process is not there any more.
    """
    row = connection.execute(
        "SELECT holder, until, boot FROM leases WHERE name = ?", (name,)
    ).fetchone()
    held = row is not None and row[0] != holder and row[1] > now and row[2] == boot
    if held and not is_gone(row[0]):
        return False
    connection.execute(
        "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", (name, holder, now + seconds, boot)
    )
    return True


def drop_lease(connection: sqlite3.Connection, name: str, holder: str) -> None:
    """Give a lease back, if it is still ours."""
    connection.execute("DELETE FROM leases WHERE name = ? AND holder = ?", (name, holder))
