"""Shared orders as rows of `state.db`: who waits for what, and what is in stock.

Plain functions for :meth:`rf_core.io.state.State.run`, each one transaction. A demand is a row that
its process keeps alive; a stock is a file of credentials, some of which are taken.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rf_core.supply import KEPT_SECONDS, Spec, fitting

_MOST_STOCKS: Final = 16
_MOST_BYTES: Final = 256 * 1024 * 1024
_SHORTEST_KEPT_SECONDS: Final = 60.0
_GIVEN_UP_SECONDS: Final = 60.0
_AHEAD_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Now:
    """What time it is: for ages, in Unix seconds; for leases, since boot, and which boot."""

    wall: float
    boottime: float
    boot: str


@dataclass(frozen=True, slots=True)
class Share:
    """Credentials of a file that belong to one demand.

    Attributes:
        facts: What the answer to the order said, as a document.
        made_at: When that came (Unix seconds).
        left: How many are still there for others; None when more would be the same ones again.
    """

    file: str
    first: int
    last: int
    pool: str
    targeting: str
    facts: Mapping[str, Any]
    made_at: float
    left: int | None = 0


@dataclass(frozen=True, slots=True)
class NewStock:
    """What an order has brought.

    Attributes:
        is_default: Whether it was ordered without naming a pool (C-036).
        kept: Whether what is spare may be handed out later.
        asked: How many were ordered; fewer may have come.
        taken: How many of them have been given away.
    """

    key: str
    targeting: str
    pool: str
    is_default: bool
    kept: bool
    asked: int
    count: int
    taken: int
    bytes: int
    file: str
    facts: Mapping[str, Any]


def take(
    connection: sqlite3.Connection, key: str, spec: Spec, quantity: int, now: Now
) -> Share | None:
    """Take credentials out of stock, if there are enough.

    When fewer had come than were ordered the server has no others: they go round once more (C-067,
    C-072). Nothing is taken of a pool that has been seen empty since: what the API says of it now
    counts.
    """
    row = _find(connection, key, spec, quantity, now)
    if row is None:
        return None
    stock, file, pool, taken, count, asked, made_at, facts = row
    short = count < asked
    first = taken if count - taken >= quantity else 0
    last = min(count, first + quantity)
    connection.execute("UPDATE stocks SET taken = ? WHERE id = ?", (last, stock))
    left = None if short else count - last
    return Share(file, first, last, pool, spec.targeting, _document(facts), made_at, left)


def is_stocked(
    connection: sqlite3.Connection, key: str, spec: Spec, quantity: int, now: Now
) -> bool:
    """Whether so many could be taken."""
    return _find(connection, key, spec, quantity, now) is not None


def _find(
    connection: sqlite3.Connection, key: str, spec: Spec, quantity: int, now: Now
) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT id, file, pool, taken, count, asked, made_at, facts FROM stocks WHERE key = ? "
        "AND targeting = ? AND kept AND (pool = ? OR (? IS NULL AND is_default)) "
        "AND (count - taken >= ? OR count < asked) AND count > 0 AND made_at BETWEEN ? AND ? "
        "AND NOT EXISTS (SELECT 1 FROM balances AS seen WHERE seen.key = stocks.key "
        "  AND seen.pool = stocks.pool AND seen.at > made_at AND seen.bytes <= 0 AND seen.at = "
        "  (SELECT MAX(at) FROM balances WHERE key = stocks.key AND pool = stocks.pool)) "
        "ORDER BY made_at LIMIT 1",
        (
            key,
            spec.targeting,
            spec.pool,
            spec.pool,
            quantity,
            now.wall - KEPT_SECONDS,
            now.wall + _AHEAD_SECONDS,
        ),
    ).fetchone()
    return row


def ask(connection: sqlite3.Connection, key: str, spec: Spec, quantity: int, until: Now) -> int:
    """Get into line; return the demand's number.

    Args:
        until: When it is taken for dead unless it is kept alive.
    """
    connection.execute(
        "DELETE FROM demands WHERE boot <> ? OR alive_until < ?",
        (until.boot, until.boottime - _GIVEN_UP_SECONDS),
    )
    cursor = connection.execute(
        "INSERT INTO demands (key, spec, quantity, alive_until, boot) VALUES (?, ?, ?, ?, ?)",
        (key, spec.name, quantity, until.boottime, until.boot),
    )
    return cursor.lastrowid or 0


def keep_alive(connection: sqlite3.Connection, demand: int, until: Now) -> None:
    """Say that somebody still waits."""
    connection.execute("UPDATE demands SET alive_until = ? WHERE id = ?", (until.boottime, demand))


def leave(connection: sqlite3.Connection, demand: int) -> None:
    """Get out of line."""
    connection.execute("DELETE FROM demands WHERE id = ?", (demand,))


class Free:
    """Nothing has come, and nobody is on it."""


def look(
    connection: sqlite3.Connection, demand: int, lease: str, now: Now
) -> Share | dict[str, Any] | Free | None:
    """Return what a demand has got: a share, or the document of an error.

    Nothing so far is None while somebody holds that lease, and `Free` when nobody does.
    """
    row = connection.execute(
        "SELECT failure, file, first, last, pool, targeting, facts, made_at FROM demands "
        "LEFT JOIN stocks ON stocks.id = demands.stock WHERE demands.id = ?",
        (demand,),
    ).fetchone()
    if row is not None:
        failure, file, first, last, pool, targeting, facts, made_at = row
        if failure is not None:
            return _document(failure)
        if file is not None:
            return Share(file, first, last, pool, targeting, _document(facts), made_at)
    held = connection.execute(
        "SELECT 1 FROM leases WHERE name = ? AND until > ? AND boot = ?",
        (lease, now.boottime, now.boot),
    ).fetchone()
    return Free() if held is None else None


def collect(
    connection: sqlite3.Connection, key: str, spec: Spec, mine: int | None, now: Now, *, own: int
) -> list[tuple[int, int]]:
    """Return the demands of others that an order can meet besides one's own: (number, quantity)."""
    rows = connection.execute(
        "SELECT id, quantity FROM demands WHERE key = ? AND spec = ? AND boot = ? "
        "AND stock IS NULL AND failure IS NULL AND alive_until >= ? AND id IS NOT ? ORDER BY id",
        (key, spec.name, now.boot, now.boottime, mine),
    ).fetchall()
    return rows[: fitting([quantity for _, quantity in rows], own)]


def fill(
    connection: sqlite3.Connection,
    new: NewStock,
    slices: Sequence[tuple[int, int, int]],
    now: Now,
) -> list[str]:
    """Put what came into stock and give demands their share; return files to remove.

    Args:
        slices: (demand, first, last) of each.
    """
    cursor = connection.execute(
        "INSERT INTO stocks (key, targeting, pool, is_default, kept, made_at, asked, count, taken,"
        " bytes, file, facts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            new.key,
            new.targeting,
            new.pool,
            new.is_default,
            new.kept,
            now.wall,
            new.asked,
            new.count,
            new.taken,
            new.bytes,
            new.file,
            json.dumps(new.facts),
        ),
    )
    connection.executemany(
        "UPDATE demands SET stock = ?, first = ?, last = ? WHERE id = ? AND stock IS NULL",
        [(cursor.lastrowid, first, last, demand) for demand, first, last in slices],
    )
    return _clear_out(connection, now)


def fail(
    connection: sqlite3.Connection,
    failure: Mapping[str, Any],
    demands: Sequence[tuple[int, int]],
) -> None:
    """Tell everybody that waited what went wrong."""
    text = json.dumps(failure)
    connection.executemany(
        "UPDATE demands SET failure = ? WHERE id = ? AND stock IS NULL",
        [(text, demand) for demand, _ in demands],
    )


def spoil(
    connection: sqlite3.Connection, key: str, spec: Spec, handed: Collection[str]
) -> list[str]:
    """Keep nothing any more that is no newer than these files; return files to remove.

    If none of them is there any more, somebody has done so before. Without any, all of it goes.
    """
    marks = ", ".join("?" * len(handed))
    newest = f"(SELECT MAX(made_at) FROM stocks WHERE file IN ({marks}))"  # noqa: S608 - marks only
    rows = connection.execute(
        "DELETE FROM stocks WHERE key = ? AND targeting = ? "  # noqa: S608 - marks only
        f"AND (pool = ? OR (? IS NULL AND is_default)) AND (? OR made_at <= {newest}) "
        "RETURNING file",
        (key, spec.targeting, spec.pool, spec.pool, not handed, *handed),
    ).fetchall()
    return [file for (file,) in rows]


def refuse(connection: sqlite3.Connection, key: str, name: str, now: Now) -> None:
    """Note that a credential of this name did not work; it is in no stock made before now."""
    connection.execute("DELETE FROM refusals WHERE at < ?", (now.wall - KEPT_SECONDS,))
    connection.execute("INSERT OR REPLACE INTO refusals VALUES (?, ?, ?)", (key, name, now.wall))


def refused_since(connection: sqlite3.Connection, key: str, at: float) -> frozenset[str]:
    """Name the credentials that did not work at that time or later."""
    rows = connection.execute("SELECT name FROM refusals WHERE key = ? AND at >= ?", (key, at))
    return frozenset(name for (name,) in rows)


def files(connection: sqlite3.Connection) -> list[str]:
    """Name the files that there are to be."""
    return [file for (file,) in connection.execute("SELECT file FROM stocks")]


def _clear_out(connection: sqlite3.Connection, now: Now) -> list[str]:
    """Forget what is old, used up or too much; what somebody is about to read stays a while."""
    gone = connection.execute(
        "DELETE FROM stocks WHERE made_at NOT BETWEEN ? AND ? "
        "OR (made_at < ? AND (NOT kept OR (taken >= count AND count >= asked))) RETURNING file",
        (
            now.wall - KEPT_SECONDS,
            now.wall + _AHEAD_SECONDS,
            now.wall - _SHORTEST_KEPT_SECONDS,
        ),
    ).fetchall()
    total = 0
    for number, (stock, size, file) in enumerate(
        connection.execute("SELECT id, bytes, file FROM stocks ORDER BY made_at DESC").fetchall()
    ):
        total += size
        if number and (number >= _MOST_STOCKS or total > _MOST_BYTES):
            connection.execute("DELETE FROM stocks WHERE id = ?", (stock,))
            gone.append((file,))
    return [file for (file,) in gone]


def _document(text: str) -> dict[str, Any]:
    """Read a document; of one that somebody has tampered with nothing is left."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
