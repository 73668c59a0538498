"""Budgets in `state.db`: who has drawn how much of which, over restarts and by many processes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from rf_core.io.counts import Counts
from rf_core.io.session import Session
from rf_core.purse import Draw, Drawn, block_of, draw

_ALIVE_SECONDS: Final = 15.0
"""A process renews its draw each second; after this long it is not counted on any more."""
_CONTINUED_SECONDS: Final = 86_400.0
"""A crawl that was killed is gone on with so long, when nothing else tells what belongs to it."""
_LATE_SECONDS: Final = 3.0
"""Who lives has drawn anew by then."""
_ENDED: Final = ""
OWN_BUDGET: Final = "own "
"""Begins the name of a budget that nobody else can know of."""
"""Stands for all that have ended."""


@dataclass(frozen=True, slots=True)
class Name:
    """Which budget it is.

    Attributes:
        text: Whoever says the same one draws from the same one.
        is_kept: It outlives those who draw from it; others begin anew with the next crawl.
        ends: It is over when what it was for is finished.
    """

    text: str
    is_kept: bool = False
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What a process found as it began to draw.

    Attributes:
        spent: What is gone of the budget already, blocks of killed processes included.
        others: How many others draw from it now.
    """

    spent: int
    others: int


class Purse:
    """One process's part of a budget. Spend no more than `until` in all, in the budget's unit.

    Attributes:
        limit: Of the whole budget, which any of them may have lowered.
        drawn: The last answer.
    """

    def __init__(self, session: Session, name: Name, crawl: str, counts: Counts) -> None:
        self.until = 0
        self.limit = 0
        self.drawn = Drawn(0, 0, may_grow=True)
        self._session = session
        self._name = name
        self._crawl = crawl
        self._counts = counts

    async def open(self) -> Begun:
        """Join those who draw from it, or begin it.

        Raises:
            StateError: `state.db` cannot be used.
        """
        session, name = self._session, self._name
        return await session.state.run(
            begin,
            session.key,
            name.text,
            self._crawl,
            counts=self._counts,
            is_kept=name.is_kept,
            now=self._now(),
        )

    async def draw(
        self, whole: int, limit: int, spent: int, *, under_way: int, need: int, rate: int
    ) -> None:
        """Draw anew: more, or less than before.

        Args:
            whole: What the budget was set to; `limit` is what it was lowered to here.
            rate: What a byte takes; 0 for one that is idle and draws no block.

        Raises:
            StateError: `state.db` cannot be used. What was drawn before may be spent.
        """
        session = self._session
        self.limit, self.drawn = await session.state.run(
            take,
            session.key,
            self._name.text,
            self._crawl,
            whole=whole,
            limit=limit,
            spent=spent,
            under_way=under_way,
            need=need,
            rate=rate,
            holding=self.until,
            counts=self._counts,
            now=self._now(),
        )
        self.until = spent + self.drawn.count

    async def lower(self, whole: int, amount: int) -> None:
        """Let all who draw from it spend no more than that together.

        Raises:
            StateError: they cannot be told.
        """
        session = self._session
        await session.state.run(
            put_lowered, session.key, self._name.text, whole=whole, amount=amount
        )

    async def close(self, spent: int, *, is_done: bool) -> None:
        """Say what was really spent, and give back the rest.

        Args:
            is_done: What it was for is finished: where that can be, a new one begins after it.

        Raises:
            StateError: it cannot be said. The block stays spent.
        """
        session = self._session
        await session.state.run(
            end,
            session.key,
            self._name.text,
            self._crawl,
            spent=spent,
            counts=self._counts,
            is_done=is_done and self._name.ends,
            now=self._now(),
        )

    def _now(self) -> float:
        return self._session.clock.wall()


def begin(
    connection: sqlite3.Connection,
    key: str,
    name: str,
    crawl: str,
    *,
    counts: Counts,
    is_kept: bool,
    now: float,
) -> Begun:
    """Join a budget. One that nobody is at work on, or was killed at lately, begins anew."""
    _give_back(connection, key, name, counts, before=now)
    rows = connection.execute(
        "SELECT crawl, until, at, ended FROM draws WHERE key = ? AND budget = ?", (key, name)
    ).fetchall()
    alive = [row for row in rows if not row[3] and now - row[2] <= _ALIVE_SECONDS]
    killed = [row for row in rows if not row[3] and now - row[2] <= _CONTINUED_SECONDS]
    if not is_kept and not killed:
        _forget(connection, key, name)
        rows = []
    connection.execute(
        "DELETE FROM draws WHERE key = ? AND budget LIKE ? AND at < ?",
        (key, f"{OWN_BUDGET}%", now - _CONTINUED_SECONDS),
    )
    ended = sum(row[1] for row in rows if row[3])
    if ended:
        # All that have ended are one row: a budget that is kept for years stays small.
        connection.execute("DELETE FROM draws WHERE key = ? AND budget = ? AND ended", (key, name))
        _put(connection, key, name, _ENDED, until=ended, spent=ended, at=now, ended=True)
    _put(connection, key, name, crawl, until=0, spent=0, at=now)
    return Begun(sum(row[1] for row in rows), len(alive))


def take(
    connection: sqlite3.Connection,
    key: str,
    name: str,
    crawl: str,
    *,
    whole: int,
    limit: int,
    spent: int,
    under_way: int,
    need: int,
    rate: int,
    holding: int,
    counts: Counts,
    now: float,
) -> tuple[int, Drawn]:
    """Draw; return the limit as it stands, and how much may be spent from now on.

    Args:
        rate: What a byte takes; 0 for one that is idle and draws no block.
        holding: Where the last block ends. The process may spend up to there until it has this
            answer: if that is further, what others see of it stays there once more.
    """
    _give_back(connection, key, name, counts, before=now - _LATE_SECONDS)
    others = [
        Draw(until, before, is_open=not ended and now - at <= _ALIVE_SECONDS)
        for until, before, at, ended in connection.execute(
            "SELECT until, spent, at, ended FROM draws WHERE key = ? AND budget = ? AND crawl <> ?",
            (key, name, crawl),
        )
    ]
    row = connection.execute(
        "SELECT amount FROM lowered WHERE key = ? AND budget = ? AND whole = ?", (key, name, whole)
    ).fetchone()
    if row is not None:
        limit = min(limit, row[0])
    block = block_of(limit, rate) if rate else 0
    drawn = draw(limit, spent, others, under_way=under_way, need=need, block=block)
    until = max(spent + drawn.count, holding)
    _put(connection, key, name, crawl, until=until, spent=spent, at=now)
    return limit, drawn


def _give_back(
    connection: sqlite3.Connection, key: str, name: str, counts: Counts, *, before: float
) -> None:
    """What crawls that died had drawn and not spent is there for the others.

    Args:
        before: Who has said something since lives.
    """
    silent = connection.execute(
        "SELECT crawl, until, spent FROM draws "
        "WHERE key = ? AND budget = ? AND NOT ended AND spent < until AND at <= ?",
        (key, name, before),
    ).fetchall()
    for crawl, until, spent in silent:
        last = counts.last(crawl)
        if last is not None:
            really = min(until, max(spent, last.spent))
            connection.execute(
                "UPDATE draws SET until = ?, spent = ? WHERE key = ? AND budget = ? AND crawl = ?",
                (really, really, key, name, crawl),
            )


def put_lowered(
    connection: sqlite3.Connection, key: str, name: str, *, whole: int, amount: int
) -> None:
    """Lower a budget for all who have been told that it was that whole."""
    connection.execute(
        "INSERT INTO lowered VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "amount = CASE WHEN whole = excluded.whole THEN min(amount, excluded.amount) "
        "ELSE excluded.amount END, whole = excluded.whole",
        (key, name, whole, amount),
    )


def end(
    connection: sqlite3.Connection,
    key: str,
    name: str,
    crawl: str,
    *,
    spent: int,
    counts: Counts,
    is_done: bool,
    now: float,
) -> None:
    """Keep what was really spent; forget all of it with the last one of a job that is done.

    Those that were killed have been gone on with by then.
    """
    _give_back(connection, key, name, counts, before=now)
    at_work = connection.execute(
        "SELECT crawl, at FROM draws WHERE key = ? AND budget = ? AND NOT ended", (key, name)
    ).fetchall()
    for other, at in at_work:
        if at < now - _ALIVE_SECONDS or (other != crawl and counts.last(other) is not None):
            connection.execute(
                "UPDATE draws SET spent = until, ended = 1 "
                "WHERE key = ? AND budget = ? AND crawl = ?",
                (key, name, other),
            )
    connection.execute(
        "UPDATE draws SET until = ?, spent = ?, ended = 1 "
        "WHERE key = ? AND budget = ? AND crawl = ?",
        (spent, spent, key, name, crawl),
    )
    anybody = connection.execute(
        "SELECT 1 FROM draws WHERE key = ? AND budget = ? AND NOT ended", (key, name)
    ).fetchone()
    if is_done and anybody is None:
        _forget(connection, key, name)


def _forget(connection: sqlite3.Connection, key: str, name: str) -> None:
    for table in ("draws", "lowered"):
        connection.execute(f"DELETE FROM {table} WHERE key = ? AND budget = ?", (key, name))  # noqa: S608 - a name of ours


def _put(
    connection: sqlite3.Connection,
    key: str,
    name: str,
    crawl: str,
    *,
    until: int,
    spent: int,
    at: float,
    ended: bool = False,
) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO draws VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key, name, crawl, until, spent, at, ended),
    )
