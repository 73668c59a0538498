"""Keeps a crawl above its pool's floor: by the provider's readings and the count of all crawls.

Each crawl claims a part of what is left and spends it without asking. What others have claimed and
not reported as spent counts as gone: claims never add up to more than there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from dataclasses import replace
from typing import Final

from rf_core.errors import ResiFactoryError, StateError
from rf_core.floor import left_bytes
from rf_core.io import answers, records
from rf_core.io.counts import Counts
from rf_core.io.session import Session
from rf_core.purse import Draw, Drawn, block_of, draw

_READ_SECONDS: Final = 20.0
_ONE_READ: Final = 256 * 1024
_NEAR_BYTES: Final = 16 * 1024 * 1024
_LATE_SECONDS: Final = 3.0
"""Who lives has claimed anew by then."""
_ALIVE_SECONDS: Final = 15.0
"""A crawl renews its claim each second; after this long it is dead, and gives nothing back."""
_UNSEEN_SECONDS: Final = 3_600.0
"""What a dead one may have spent unseen is on the provider's meter after this long at most."""


class Floor:
    """One crawl's claims on a pool. Spend no more than `until_bytes` in all.

    Attributes:
        until_bytes: What the crawl may have spent.
        drawn: The last answer.
    """

    def __init__(
        self, session: Session, pool: str, crawl: str, floor_bytes: int, counts: Counts
    ) -> None:
        self.until_bytes = 0
        self.drawn = Drawn(0, 0, may_grow=False)
        self._session = session
        self._pool = pool
        self._crawl = crawl
        self._floor = floor_bytes
        self._counts = counts
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the balance; near the floor anew, for it may just have been topped up.

        Where others are at work it is read by them, and would be read amid what they spend.

        Raises:
            ResiFactoryError: it cannot be read: without it there is no floor.
        """
        session = self._session
        began = session.clock.wall()
        await answers.balances(session, _ALIVE_SECONDS)
        if await session.state.read(
            is_alone_and_near, session.key, self._pool, self._floor, now=began
        ):
            await answers.balances(session, max(0.0, session.clock.wall() - began))

    async def renew(
        self, spent_bytes: int, *, under_way: int, live: int, need: int, is_idle: bool
    ) -> None:
        """Claim anew, by what everybody has spent by now.

        Args:
            spent_bytes: What this crawl has spent in all.
            under_way: What its requests under way are expected to take.
            live: How many they are.
            need: What it needs to go on, these included; 0 when it does not wait.
            is_idle: It wants nothing.

        Raises:
            StateError: `state.db` cannot be used. What was claimed before may be spent.
        """
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())
        self.drawn = await self._session.state.run(
            claim,
            self._session.key,
            self._pool,
            self._crawl,
            floor_bytes=self._floor,
            spent_bytes=spent_bytes,
            under_way=under_way,
            live=live,
            need=need,
            is_idle=is_idle,
            holding_bytes=self.until_bytes,
            counts=self._counts,
            now=self._session.clock.wall(),
        )
        self.until_bytes = spent_bytes + self.drawn.count

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
    under_way: int,
    live: int,
    need: int,
    is_idle: bool,
    holding_bytes: int,
    counts: Counts,
    now: float,
) -> Drawn:
    """Renew a crawl's claim; return how much it may spend from now on.

    What it had claimed for requests that are under way now stays so, up to a read of each. A
    reading that comes between their bytes and the report of them shows less than there is, and to
    cut them would save nothing: the gateway has billed them, and nobody would count them.

    Args:
        holding_bytes: Where its last claim ends. The crawl may spend up to there until it has this
            answer: if that is further, the claim that others see stays there once more.
    """
    spent = dict(
        connection.execute(
            "SELECT crawl, SUM(up + down) FROM spends WHERE pool = ? GROUP BY crawl", (pool,)
        ).fetchall()
    )
    # What this crawl has spent since its last report is known here, and nowhere else.
    unreported = spent_bytes - spent.get(crawl, 0)
    left = above(connection, key, pool, floor_bytes, unreported=unreported, now=now)
    connection.execute(
        "DELETE FROM claims WHERE key = ? AND pool = ? AND at < ?",
        (key, pool, now - _UNSEEN_SECONDS),
    )
    others = []
    for holder, claimed, at in connection.execute(
        "SELECT crawl, until, at FROM claims WHERE key = ? AND pool = ? AND crawl <> ?",
        (key, pool, crawl),
    ).fetchall():
        # What a dead one had claimed and not spent is there for the others.
        last = counts.last(holder) if now - at > _LATE_SECONDS else None
        until = claimed if last is None else min(claimed, last.billed_bytes)
        unseen = max(0, until - spent.get(holder, 0))
        others.append(Draw(unseen, 0, is_open=last is None and now - at <= _ALIVE_SECONDS))
    block = 0 if is_idle else block_of(max(0, left), 1)
    given = draw(left, 0, others, under_way=under_way, need=need, block=block)
    stays = min(under_way, live * _ONE_READ, holding_bytes - spent_bytes)
    given = replace(given, count=max(given.count, stays))
    connection.execute(
        "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
        (key, pool, crawl, max(spent_bytes + given.count, holding_bytes), now),
    )
    return given


def above(
    connection: sqlite3.Connection,
    key: str,
    pool: str,
    floor_bytes: int,
    *,
    unreported: int = 0,
    now: float,
) -> int:
    """What a pool has above a floor at least; 0 when nobody has read its balance.

    Args:
        unreported: Bytes that are spent and not in the ledger.
    """
    readings = records.get_history(connection, key).get(pool, [])
    if not readings:
        return 0
    spent_bytes = records.spent_by_pool(connection, key).get(pool, 0) + unreported
    return left_bytes(readings, spent_bytes, now) - floor_bytes


def is_alone_and_near(
    connection: sqlite3.Connection, key: str, pool: str, floor_bytes: int, *, now: float
) -> bool:
    """Whether a pool is little above a floor, and nobody claims of it."""
    at_work = connection.execute(
        "SELECT 1 FROM claims WHERE key = ? AND pool = ? AND at >= ?",
        (key, pool, now - _ALIVE_SECONDS),
    ).fetchone()
    return at_work is None and above(connection, key, pool, floor_bytes, now=now) < _NEAR_BYTES


def drop(connection: sqlite3.Connection, key: str, pool: str, crawl: str) -> None:
    """Give a claim back."""
    connection.execute(
        "DELETE FROM claims WHERE key = ? AND pool = ? AND crawl = ?", (key, pool, crawl)
    )
