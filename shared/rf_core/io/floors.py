"""Keeps a crawl above its pool's floor: by the provider's readings and the count of all crawls."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import Final

from rf_core.errors import ResiFactoryError, StateError
from rf_core.floor import Claim, Grant, grant, left_bytes
from rf_core.io import answers, records
from rf_core.io.session import Session

_READ_SECONDS: Final = 20.0
_ALIVE_SECONDS: Final = 15.0
"""A crawl renews its claim each second; after this long it is dead, and holds nothing any more."""


class Floor:
    """One crawl's claims on a pool. Spend no more than `until_bytes` in all.

    Attributes:
        until_bytes: What the crawl may have spent.
        may_grow: Others hold claims: what they do not use comes back.
    """

    def __init__(self, session: Session, pool: str, crawl: str, floor_bytes: int) -> None:
        self.until_bytes = 0
        self.may_grow = False
        self._session = session
        self._pool = pool
        self._crawl = crawl
        self._floor = floor_bytes
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the balance, and claim what is above the floor.

        Raises:
            ResiFactoryError: the balance cannot be read: without it there is no floor.
        """
        await answers.balances(self._session, _ALIVE_SECONDS)
        await self.renew(0)

    async def renew(self, spent_bytes: int, need_bytes: int = 0) -> None:
        """Claim anew, by what everybody has spent by now.

        Args:
            spent_bytes: What this crawl has spent in all.
            need_bytes: What its next request needs to leave, if one waits for that.
        """
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())
        claimed = await self._session.state.run(
            claim,
            self._session.key,
            self._pool,
            self._crawl,
            floor_bytes=self._floor,
            spent_bytes=spent_bytes,
            need_bytes=need_bytes,
            holding_bytes=self.until_bytes,
            now=self._session.clock.wall(),
        )
        self.until_bytes = spent_bytes + claimed.count
        self.may_grow = claimed.may_grow

    async def close(self) -> None:
        """Give back what is claimed. Repeatable."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        # Whoever finds the claim later sees that it is not renewed.
        with contextlib.suppress(StateError):
            await self._session.state.run(drop, self._session.key, self._pool, self._crawl)

    async def _read(self) -> None:
        """Look at the balance now and then; meanwhile, and in an outage, our own count tells."""
        with contextlib.suppress(ResiFactoryError):
            await answers.balances(self._session, _READ_SECONDS)


def claim(
    connection: sqlite3.Connection,
    key: str,
    pool: str,
    crawl: str,
    *,
    floor_bytes: int,
    spent_bytes: int,
    need_bytes: int,
    holding_bytes: int,
    now: float,
) -> Grant:
    """Renew a crawl's claim; return how much it may spend from now on.

    Args:
        holding_bytes: Where its last claim ends. The crawl may spend up to there until it has this
            answer: if that is further, the claim that others see stays there once more.
    """
    readings = records.get_history(connection, key).get(pool, [])
    if not readings:
        return Grant(0, may_grow=False)
    spent = dict(
        connection.execute(
            "SELECT crawl, SUM(up + down) FROM spends WHERE pool = ? GROUP BY crawl", (pool,)
        ).fetchall()
    )
    # What this crawl has spent since its last report is known here, and nowhere else.
    unreported = spent_bytes - spent.get(crawl, 0)
    left = left_bytes(readings, records.spent_by_pool(connection, key).get(pool, 0) + unreported)
    connection.execute(
        "DELETE FROM claims WHERE key = ? AND pool = ? AND at < ?",
        (key, pool, now - _ALIVE_SECONDS),
    )
    others = [
        Claim(until, spent.get(holder, 0))
        for holder, until in connection.execute(
            "SELECT crawl, until FROM claims WHERE key = ? AND pool = ? AND crawl <> ?",
            (key, pool, crawl),
        )
    ]
    given = grant(left - floor_bytes, others, need_bytes=need_bytes)
    connection.execute(
        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
        (key, pool, crawl, max(spent_bytes + given.count, holding_bytes), now),
    )
    return given


def drop(connection: sqlite3.Connection, key: str, pool: str, crawl: str) -> None:
    """Give a claim back."""
    connection.execute(
        "DELETE FROM claims WHERE key = ? AND pool = ? AND crawl = ?", (key, pool, crawl)
    )
