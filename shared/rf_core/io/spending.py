"""The ledger in `state.db`: what was spent by which crawl, on what day, in which pool, where to.

Entries are only ever added to, in the transaction that keeps the crawl's report: a process that is
killed loses what it had not reported, a second at most. Days are those of UTC.
"""

from __future__ import annotations

import sqlite3
from typing import Final, TypeAlias

import msgspec

from rf_core.causes import UNKNOWN_CAUSE, SpendCause
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_core.spending import (
    OTHER,
    CauseEntry,
    Counts,
    Entry,
    Grouping,
    Growth,
    covered,
    day_of,
    with_pages,
)

MOST_DOMAINS: Final = 500
"""Domains that one crawl's day has entries of its own for, in one pool."""

Place: TypeAlias = tuple[int, int, str, str]
"""Spender, day, pool and domain: whose row it is."""

_Place: TypeAlias = tuple[int, str, int, str]

_DETAILED_DAYS: Final = 35
_SMALL_SHARE: Final = 0.001

_ADD: Final = (
    "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "up = up + excluded.up, down = down + excluded.down, requests = requests + excluded.requests"
)
_ADD_CAUSE: Final = (
    "INSERT INTO caused VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "up = up + excluded.up, down = down + excluded.down, requests = requests + excluded.requests"
)
_OF_PLACE: Final = "SELECT * FROM {} WHERE spender = ? AND day = ? AND pool = ? AND domain = ?"
_ZERO: Final = (0, 0, 0)
_NOTHING: Final = (_ZERO, "")
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
_BY_PLACE: Final = (
    "SELECT {crawl}, {domain}, day, pool, {cause}, SUM(up), SUM(down), SUM(requests) "
    "FROM spenders JOIN {0} ON {0}.spender = spenders.id "
    "WHERE spenders.key = ? AND day >= ? AND (? IS NULL OR spenders.spider = ?) "
    "GROUP BY 1, 2, 3, 4, 5"
)
_TOGETHER: Final = {"crawl": "0", "domain": "''"}
_IN_DETAIL: Final = {"crawl": "spenders.id", "domain": "domain"}


def book(connection: sqlite3.Connection, key: str, report: CrawlReport) -> None:
    """Add what a crawl has spent since its report before, which is still the one that is kept."""
    before = {
        (pool, domain): (counts, causes)
        for pool, domain, causes, *counts in connection.execute(
            "SELECT pool, domain, causes, up, down, requests FROM spends WHERE crawl = ?",
            (report.id,),
        )
    }
    grown = [
        (spend, counts, causes)
        for spend in report.domains
        for counts, causes in (_growth(spend, *before.get((spend.pool, spend.domain), _NOTHING)),)
        if any(counts) or causes
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
    for spend, counts, causes in grown:
        place = spend.pool, spend.domain
        if place not in known and len(known) >= MOST_DOMAINS:
            place = spend.pool, OTHER
        known.add(place)
        _add_causes(connection, (spender, day, *place), counts, causes)
        connection.execute(_ADD, (spender, day, *place, *counts))


def packed(spend: DomainSpend) -> str:
    """Write the causes of an account, pages left out: they are what remains."""
    return msgspec.json.encode(_told_apart(spend)).decode()


def _told_apart(spend: DomainSpend) -> dict[str, Counts]:
    if not spend.causes:
        return {UNKNOWN_CAUSE: (spend.up_bytes, spend.down_bytes, spend.requests)}
    return {
        one.cause: (one.up_bytes, one.down_bytes, one.requests)
        for one in spend.causes
        if one.cause != SpendCause.PAGE
    }


def _growth(spend: DomainSpend, before: Counts, packed_causes: str) -> tuple[Counts, Growth]:
    counts = _less((spend.up_bytes, spend.down_bytes, spend.requests), before)
    now = _told_apart(spend)
    was = msgspec.json.decode(packed_causes, type=dict[str, Counts]) if packed_causes else {}
    grown = {
        cause: _less(now.get(cause, _ZERO), was.get(cause, _ZERO)) for cause in now.keys() | was
    }
    return counts, {cause: by for cause, by in grown.items() if any(by)}


def _less(counts: Counts, before: Counts) -> Counts:
    return counts[0] - before[0], counts[1] - before[1], counts[2] - before[2]


def _add_causes(
    connection: sqlite3.Connection, place: Place, counts: Counts, causes: Growth
) -> None:
    """Add to each cause what it has grown by; pages are what remains of the count.

    What was under way at midnight may turn out on the next day to have another cause than it was
    booked under: what the new day cannot take back is taken back from the day before.
    """
    whole = with_pages(counts, causes)
    if any(count < 0 for by in whole.values() for count in by):
        spent = connection.execute(_OF_PLACE.format("spent"), place).fetchone()
        rows = connection.execute(_OF_PLACE.format("caused"), place).fetchall()
        today = with_pages(spent[-3:] if spent else _ZERO, {row[4]: row[-3:] for row in rows})
        causes, earlier = covered(today, whole)
        spender, day, pool, domain = place
        _insert_causes(connection, (spender, day - 1, pool, domain), earlier)
    _insert_causes(connection, place, causes)


def _insert_causes(connection: sqlite3.Connection, place: Place, causes: Growth) -> None:
    for cause, by in causes.items():
        if cause != SpendCause.PAGE and any(by):
            connection.execute(_ADD_CAUSE, (*place, cause, *by))


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
    connection: sqlite3.Connection,
    key: str,
    since_day: int = 0,
    spider: str | None = None,
    *,
    in_detail: bool = False,
) -> list[CauseEntry]:
    """Return what each cause took since that day.

    Args:
        in_detail: Each crawl's to each domain by itself, and not all of them together.
    """
    of = _IN_DETAIL if in_detail else _TOGETHER
    asked = (key, since_day, spider, spider)
    whole: dict[_Place, Counts] = {}
    for crawl, domain, day, pool, _, up, down, requests in connection.execute(
        _BY_PLACE.format("spent", cause="''", **of), asked
    ):
        whole[crawl, domain, day, pool] = up, down, requests
    told: dict[_Place, Growth] = {}
    for crawl, domain, day, pool, cause, up, down, requests in connection.execute(
        _BY_PLACE.format("caused", cause="cause", **of), asked
    ):
        told.setdefault((crawl, domain, day, pool), {})[cause] = up, down, requests
    return [
        CauseEntry(cause, place[1], place[2], place[3], *counts)
        for place, sums in whole.items()
        for cause, counts in with_pages(sums, told.get(place, {})).items()
        if any(counts)
    ]


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
        _merge(connection, spender, merged, old)
        left = connection.execute("SELECT 1 FROM spent WHERE spender = ? LIMIT 1", (spender,))
        if left.fetchone() is None:
            connection.execute(
                "UPDATE spenders SET items = items + "
                "(SELECT items FROM spenders WHERE id = ?) WHERE id = ?",
                (spender, merged),
            )
            connection.execute("DELETE FROM spenders WHERE id = ?", (spender,))


def _merge(connection: sqlite3.Connection, spender: int, merged: int, old: int) -> None:
    """Move what a crawl spent before that day to its spider, its small domains together."""
    rows = connection.execute(
        "SELECT day, pool, domain, up, down, requests FROM spent WHERE spender = ? AND day < ?",
        (spender, old),
    ).fetchall()
    totals: dict[tuple[int, str], int] = {}
    for day, pool, _, up, down, _ in rows:
        totals[day, pool] = totals.get((day, pool), 0) + up + down
    small = set()
    for day, pool, domain, up, down, requests in rows:
        if up + down < totals[day, pool] * _SMALL_SHARE:
            small.add((day, pool, domain))
        place = OTHER if (day, pool, domain) in small else domain
        connection.execute(_ADD, (merged, day, pool, place, up, down, requests))
    causes = connection.execute(
        "SELECT day, pool, domain, cause, up, down, requests FROM caused "
        "WHERE spender = ? AND day < ?",
        (spender, old),
    ).fetchall()
    for day, pool, domain, cause, *counts in causes:
        place = OTHER if (day, pool, domain) in small else domain
        connection.execute(_ADD_CAUSE, (merged, day, pool, place, cause, *counts))
    for table in ("spent", "caused"):
        connection.execute(f"DELETE FROM {table} WHERE spender = ? AND day < ?", (spender, old))  # noqa: S608 - a name of ours
