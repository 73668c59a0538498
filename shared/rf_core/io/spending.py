"""Reads the ledger in `state.db`, summed as somebody asks for it."""

from __future__ import annotations

import sqlite3
from typing import Final

from rf_core.causes import SpendCause
from rf_core.spending import KEPT_TUNNELS, CauseEntry, Entry, Grouping, Growth, with_pages

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
    "WHERE spenders.key = ? AND spent.day >= ? AND (? IS NULL OR spenders.spider = ?) "
    "GROUP BY 1, 2, 3"
)
_OF_KEY: Final = "SELECT id FROM spenders WHERE key = ? AND (? IS NULL OR spider = ?) ORDER BY id"
_WHOLE: Final = (
    "SELECT day, pool, SUM(up), SUM(down), SUM(requests) FROM spent "
    "WHERE spender = ? AND day >= ? GROUP BY day, pool"
)
_TOLD_APART: Final = (
    "SELECT day, pool, cause, SUM(up), SUM(down), SUM(requests), SUM(max(requests - ?, 0)) "
    "FROM caused WHERE spender = ? AND day >= ? GROUP BY day, pool, cause"
)
_BY_DOMAIN: Final = (
    "SELECT cause, domain, SUM(up + down) AS bytes FROM spenders "
    "JOIN caused ON caused.spender = spenders.id "
    "WHERE key = ? AND day >= ? AND (? IS NULL OR spider = ?) "
    "GROUP BY cause, domain ORDER BY cause, bytes DESC, domain"
)


def entries(
    connection: sqlite3.Connection,
    key: str,
    by: Grouping,
    since_day: int = 0,
    spider: str | None = None,
) -> list[Entry]:
    """Return what was spent since that day, summed as far as its price allows."""
    if by == "cause":
        return [
            Entry(
                one.cause,
                one.day,
                one.pool,
                one.up_bytes,
                one.down_bytes,
                0 if one.cause == SpendCause.TUNNEL else one.requests,
            )
            for one in causes(connection, key, since_day, spider)
        ]
    rows = connection.execute(_GROUPED.format(field=_FIELDS[by]), (key, since_day, spider, spider))
    return [Entry(*row) for row in rows]


def causes(
    connection: sqlite3.Connection, key: str, since_day: int = 0, spider: str | None = None
) -> list[CauseEntry]:
    """Return what each cause took of each crawl, day and pool since that day."""
    found: list[CauseEntry] = []
    for (number,) in connection.execute(_OF_KEY, (key, spider, spider)).fetchall():
        told: dict[tuple[int, str], Growth] = {}
        surplus: dict[tuple[int, str, str], int] = {}
        rows = connection.execute(_TOLD_APART, (KEPT_TUNNELS, number, since_day))
        for day, pool, cause, up, down, requests, beyond in rows:
            told.setdefault((day, pool), {})[cause] = up, down, requests
            surplus[day, pool, cause] = beyond
        for day, pool, up, down, requests in connection.execute(_WHOLE, (number, since_day)):
            apart = with_pages((up, down, requests), told.get((day, pool), {}))
            found += (
                CauseEntry(cause, day, pool, *counts, surplus.get((day, pool, cause), 0))
                for cause, counts in apart.items()
                if any(counts)
            )
    return found


def top_domains(
    connection: sqlite3.Connection,
    key: str,
    since_day: int = 0,
    spider: str | None = None,
    *,
    most: int,
) -> dict[str, list[tuple[str, int]]]:
    """Return the domains that took most of each cause but pages, with their bytes."""
    found: dict[str, list[tuple[str, int]]] = {}
    for cause, domain, count in connection.execute(_BY_DOMAIN, (key, since_day, spider, spider)):
        domains = found.setdefault(cause, [])
        if len(domains) < most:
            domains.append((domain, count))
    return found


def items(
    connection: sqlite3.Connection,
    key: str,
    by: Grouping,
    since_day: int = 0,
    spider: str | None = None,
) -> dict[str, int]:
    """Return how many items crawls that spent something since then have made, in all."""
    if by not in {"spider", "crawl"}:
        return {}
    rows = connection.execute(
        f"SELECT {_FIELDS[by]}, SUM(items) FROM spenders WHERE key = ? AND id IN "  # noqa: S608 - a name of ours
        "(SELECT spender FROM spent WHERE day >= ?) AND (? IS NULL OR spider = ?) GROUP BY 1",
        (key, since_day, spider, spider),
    )
    return dict(rows.fetchall())
