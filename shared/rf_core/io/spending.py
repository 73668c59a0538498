"""The ledger in `state.db`: what was spent by which crawl, on what day, in which pool, where to.

Entries are only ever added to, in the transaction that keeps the crawl's report: a process that is
killed loses what it had not reported, a second at most. Days are those of UTC.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from rf_core.snapshot import CrawlReport, DomainSpend
from rf_core.spending import OTHER, Entry, Grouping, day_of

MOST_DOMAINS: Final = 500
"""Domains that one crawl's day has entries of its own for, in one pool."""

_DETAILED_DAYS: Final = 35
_SMALL_SHARE: Final = 0.001

_ADD: Final = (
    "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "up = up + excluded.up, down = down + excluded.down, requests = requests + excluded.requests"
)
_FIELDS: Final = {
    "spider": "spenders.spider",
    "domain": "spent.domain",
    "pool": "spent.pool",
    "crawl": "spenders.crawl",
    "day": "''",
}
_GROUPED: Final = (
    "SELECT {field}, spent.day, spent.pool, SUM(spent.up), SUM(spent.down), SUM(spent.requests) "
    "FROM spenders JOIN spent ON spent.spender = spenders.id "
    "WHERE spenders.key = ? AND spent.day >= ? GROUP BY 1, 2, 3"
)


def book(connection: sqlite3.Connection, key: str, report: CrawlReport) -> None:
    """Add what a crawl has spent since its report before, which is still the one that is kept."""
    before = {
        (pool, domain): counts
        for pool, domain, *counts in connection.execute(
            "SELECT pool, domain, up, down, requests FROM spends WHERE crawl = ?", (report.id,)
        )
    }
    grown = [
        (spend, up, down, requests)
        for spend in report.domains
        for up, down, requests in (_growth(spend, before.get((spend.pool, spend.domain))),)
        if up or down or requests
    ]
    if not grown and not report.items:
        return
    spender = _spender(connection, key, report.spider, report.id)
    connection.execute(
        "UPDATE spenders SET items = ? WHERE id = ? AND items <> ?",
        (report.items, spender, report.items),
    )
    day = day_of(report.updated_at)
    known = {
        (pool, domain)
        for pool, domain in connection.execute(
            "SELECT pool, domain FROM spent WHERE spender = ? AND day = ?", (spender, day)
        )
    }
    for spend, up, down, requests in grown:
        place = spend.pool, spend.domain
        if place not in known and len(known) >= MOST_DOMAINS:
            place = spend.pool, OTHER
        known.add(place)
        connection.execute(_ADD, (spender, day, *place, up, down, requests))


def _growth(spend: DomainSpend, before: list[int] | None) -> tuple[int, int, int]:
    up, down, requests = before or (0, 0, 0)
    return spend.up_bytes - up, spend.down_bytes - down, spend.requests - requests


def _spender(connection: sqlite3.Connection, key: str, spider: str, crawl: str) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO spenders (key, crawl, spider, items) VALUES (?, ?, ?, 0)",
        (key, crawl, spider),
    )
    (number,) = connection.execute(
        "SELECT id FROM spenders WHERE key = ? AND spider = ? AND crawl = ?", (key, spider, crawl)
    ).fetchone()
    return int(number)


def entries(
    connection: sqlite3.Connection, key: str, by: Grouping, since_day: int = 0
) -> list[Entry]:
    """Return what was spent since that day, summed as far as its price allows."""
    rows = connection.execute(_GROUPED.format(field=_FIELDS[by]), (key, since_day))
    return [Entry(*row) for row in rows]


def items(
    connection: sqlite3.Connection, key: str, by: Grouping, since_day: int = 0
) -> dict[str, int]:
    """Return how many items crawls that spent something since then have made, in all."""
    if by not in {"spider", "crawl"}:
        return {}
    rows = connection.execute(
        f"SELECT {_FIELDS[by]}, SUM(items) FROM spenders WHERE key = ? AND id IN "  # noqa: S608 - a name of ours
        "(SELECT spender FROM spent WHERE day >= ?) GROUP BY 1",
        (key, since_day),
    )
    return dict(rows.fetchall())


def roll_up(connection: sqlite3.Connection, key: str, now: float) -> None:
    """Put crawls of one spider together that are older than a month, and their small domains.

    Not a byte is lost, and days stay apart, because prices change.
    """
    old = day_of(now) - _DETAILED_DAYS
    detailed = connection.execute(
        "SELECT DISTINCT spenders.id, spenders.spider FROM spenders JOIN spent "
        "ON spent.spender = spenders.id "
        "WHERE spenders.key = ? AND spenders.crawl <> '' AND spent.day < ?",
        (key, old),
    ).fetchall()
    for spender, spider in detailed:
        merged = _spender(connection, key, spider, "")
        rows = connection.execute(
            "SELECT day, pool, domain, up, down, requests FROM spent WHERE spender = ? AND day < ?",
            (spender, old),
        ).fetchall()
        totals: dict[tuple[int, str], int] = {}
        for day, pool, _, up, down, _ in rows:
            totals[day, pool] = totals.get((day, pool), 0) + up + down
        for day, pool, domain, up, down, requests in rows:
            small = up + down < totals[day, pool] * _SMALL_SHARE
            place = OTHER if small else domain
            connection.execute(_ADD, (merged, day, pool, place, up, down, requests))
        connection.execute("DELETE FROM spent WHERE spender = ? AND day < ?", (spender, old))
        left = connection.execute("SELECT 1 FROM spent WHERE spender = ? LIMIT 1", (spender,))
        if left.fetchone() is None:
            connection.execute(
                "UPDATE spenders SET items = items + "
                "(SELECT items FROM spenders WHERE id = ?) WHERE id = ?",
                (spender, merged),
            )
            connection.execute("DELETE FROM spenders WHERE id = ?", (spender,))
