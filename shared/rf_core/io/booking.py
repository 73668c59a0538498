"""Writes the ledger in `state.db`: what was spent by which crawl, when, in which pool, where, why.

Entries are only ever added to, in the transaction that keeps the crawl's report: a process that is
killed loses what it had not reported, a second at most. Days are those of UTC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from rf_core.causes import UNKNOWN_CAUSE, SpendCause
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_core.spending import OTHER, Counts, Growth, covered, day_of, with_pages

MOST_DOMAINS: Final = 500
"""Domains that one crawl's day has entries of its own for, in one pool."""

Place: TypeAlias = tuple[int, int, str, str]
"""Spender, day, pool and domain: whose row it is."""

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
_SPENT_OF_PLACE: Final = (
    "SELECT up, down, requests FROM spent WHERE spender = ? AND day = ? AND pool = ? AND domain = ?"
)
_CAUSED_OF_PLACE: Final = (
    "SELECT cause, up, down, requests FROM caused "
    "WHERE spender = ? AND day = ? AND pool = ? AND domain = ?"
)
_BEFORE: Final = (
    "SELECT pool, domain, causes, up, down, requests FROM spends "
    "WHERE crawl = ? AND domain IN (SELECT value FROM json_each(?))"
)
_CAUSES_PACKED: Final = msgspec.json.Decoder(dict[str, Counts])
_PAGE: Final = SpendCause.PAGE.value
_ZERO: Final = (0, 0, 0)
_NOTHING: Final = (_ZERO, "")


def book(connection: sqlite3.Connection, key: str, report: CrawlReport) -> list[str]:
    """Add what a crawl has spent since its report before, which is still the one that is kept.

    Returns the causes of each of its domains, packed, to be kept with the report.
    """
    now = [_packed(spend) for spend in report.domains]
    before = _before(connection, report)
    grown = [
        (spend, counts, causes)
        for spend, packed in zip(report.domains, now, strict=True)
        for counts, causes in (
            _growth(spend, packed, *before.get((spend.pool, spend.domain), _NOTHING)),
        )
        if any(counts) or causes
    ]
    if grown or report.items:
        _add(connection, key, report, grown)
    return now


def _before(
    connection: sqlite3.Connection, report: CrawlReport
) -> dict[tuple[str, str], tuple[Counts, str]]:
    """What its domains had when the crawl reported last."""
    domains = msgspec.json.encode([spend.domain for spend in report.domains])
    rows = connection.execute(_BEFORE, (report.id, domains.decode()))
    return {
        (pool, domain): ((up, down, requests), causes)
        for pool, domain, causes, up, down, requests in rows
    }


def _add(
    connection: sqlite3.Connection,
    key: str,
    report: CrawlReport,
    grown: Sequence[tuple[DomainSpend, Counts, Growth]],
) -> None:
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
    spent: list[tuple[int | str, ...]] = []
    caused: list[tuple[int | str, ...]] = []
    for spend, counts, causes in grown:
        place = spend.pool, spend.domain
        if place not in known and len(known) >= MOST_DOMAINS:
            place = spend.pool, OTHER
        known.add(place)
        spent.append((spender, day, *place, *counts))
        caused += _cause_rows(connection, (spender, day, *place), counts, causes)
    connection.executemany(_ADD, spent)
    connection.executemany(_ADD_CAUSE, caused)


def _packed(spend: DomainSpend) -> str:
    """Write the causes of an account, pages left out: they are what remains."""
    if not spend.causes:
        told = {UNKNOWN_CAUSE: (spend.up_bytes, spend.down_bytes, spend.requests)}
    else:
        told = {
            one.cause: (one.up_bytes, one.down_bytes, one.requests)
            for one in spend.causes
            if one.cause != _PAGE
        }
    return msgspec.json.encode(told).decode()


def _growth(
    spend: DomainSpend, packed: str, before: Counts, packed_before: str
) -> tuple[Counts, Growth]:
    counts = _less((spend.up_bytes, spend.down_bytes, spend.requests), before)
    if packed == packed_before:
        return counts, {}
    now, was = _unpacked(packed), _unpacked(packed_before)
    grown = {
        cause: _less(now.get(cause, _ZERO), was.get(cause, _ZERO)) for cause in now.keys() | was
    }
    return counts, {cause: by for cause, by in grown.items() if any(by)}


def _unpacked(packed: str) -> Growth:
    return _CAUSES_PACKED.decode(packed) if packed else {}


def _less(counts: Counts, before: Counts) -> Counts:
    return counts[0] - before[0], counts[1] - before[1], counts[2] - before[2]


def _cause_rows(
    connection: sqlite3.Connection, place: Place, counts: Counts, causes: Growth
) -> Iterator[tuple[int | str, ...]]:
    """What is to be added to each cause but pages, which are what remains of the count.

    What was under way at midnight may turn out on the next day to have another cause than it was
    booked under: what the new day cannot take back is taken back from the day before.
    """
    spender, day, pool, domain = place
    if not causes and min(counts) >= 0:
        return
    whole = with_pages(counts, causes)
    if any(min(by) < 0 for by in whole.values()):
        today, earlier = covered(_of_day(connection, place), whole)
        for cause, by in earlier.items():
            if cause != SpendCause.PAGE and any(by):
                yield spender, day - 1, pool, cause, domain, *by
        whole = today
    for cause, by in whole.items():
        if cause != SpendCause.PAGE and any(by):
            yield spender, day, pool, cause, domain, *by


def _of_day(connection: sqlite3.Connection, place: Place) -> Growth:
    """What a day has of each cause."""
    rows = connection.execute(_CAUSED_OF_PLACE, place).fetchall()
    spent = connection.execute(_SPENT_OF_PLACE, place).fetchone()
    return with_pages(spent or _ZERO, {cause: (up, down, n) for cause, up, down, n in rows})


def _spender(connection: sqlite3.Connection, key: str, spider: str, crawl: str) -> int:
    connection.execute(
        "INSERT OR IGNORE INTO spenders (key, crawl, spider, items) VALUES (?, ?, ?, 0)",
        (key, crawl, spider),
    )
    (number,) = connection.execute(
        "SELECT id FROM spenders WHERE key = ? AND spider = ? AND crawl = ?", (key, spider, crawl)
    ).fetchone()
    return int(number)


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
        connection.execute(_ADD_CAUSE, (merged, day, pool, cause, place, *counts))
    for table in ("spent", "caused"):
        connection.execute(f"DELETE FROM {table} WHERE spender = ? AND day < ?", (spender, old))  # noqa: S608 - a name of ours
