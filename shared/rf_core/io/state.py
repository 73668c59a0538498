"""`state.db`: what the processes of this machine share, in one SQLite file only its owner reads.

Access goes through one thread of its own, so an event loop never waits for a disk; a change of one
small row takes less time than going there and back, and is made on the spot. Every error of SQLite
becomes a :class:`~rf_core.errors.StateError` with a sentence. A file that was deleted or replaced
is noticed before the next use, and the one in its place is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from rf_core.errors import StateError
from rf_core.io.schema import FILE_NAME
from rf_core.io.state_errors import is_busy, locked, newer, trouble
from rf_core.io.state_file import (
    SCHEMA,
    Connections,
    Patience,
    begin,
    identity,
    opened,
    roll_back,
)

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

_BUSY_SECONDS: Final = 5.0
_GLANCES: Final = 2
"""Another process is done with a row by the time one looks again."""
_SHORTEST_NAP: Final = 0.001
_LONGEST_NAP: Final = 0.005
_CHECKPOINT_COMMITS: Final = 1_000
_LONGEST_LOG_PAGES: Final = 10_000

_NOT_OPEN: Final = "state.db is not open."
_CLOSED: Final = "state.db has been closed."


class State:
    """An open `state.db`: `run(work, …)` and `read(work, …)` call `work(connection, …)`.

    `run_swiftly` does so in the event loop's own thread, for work on one row.

    Attributes:
        renewals: How many times another file was found in its place; what is known of rows is
            known of those of one file.
        is_newer: Whether a newer version of this program has changed the file since it was opened.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.renewals = 0
        self.is_newer = False
        self._open: Connections | None = None
        self._former: Connections | None = None
        self._commits = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state.db")
        self._closed = False

    def __repr__(self) -> str:
        return f"<State {self.path}>"

    async def open(self) -> None:
        """Open the file, making it if there is none.

        Raises:
            StateError: the folder or the file cannot be used, or a newer version wrote it.
        """
        await self._in_thread(self._reopen)

    async def run(
        self,
        work: Callable[Concatenate[sqlite3.Connection, _Params], _Result],
        *args: _Params.args,
        **kwargs: _Params.kwargs,
    ) -> _Result:
        """Run a function on the connection, in one transaction that is rolled back if it raises.

        Raises:
            StateError: the database is locked, read-only, full or broken.
        """
        await self._see_to_it()
        return await self._in_thread(
            lambda: self._transaction("BEGIN IMMEDIATE", work, *args, **kwargs)
        )

    async def read(
        self,
        work: Callable[Concatenate[sqlite3.Connection, _Params], _Result],
        *args: _Params.args,
        **kwargs: _Params.kwargs,
    ) -> _Result:
        """Run a function that only reads, on one consistent view; it keeps no writer waiting.

        Raises:
            StateError: the database is locked or broken.
        """
        await self._see_to_it()
        return await self._in_thread(lambda: self._transaction("BEGIN", work, *args, **kwargs))

    async def run_swiftly(
        self,
        work: Callable[Concatenate[sqlite3.Connection, _Params], _Result | None],
        *args: _Params.args,
        **kwargs: _Params.kwargs,
    ) -> _Result:
        """Run a function on one small row, here and now, in the event loop's own thread.

        It takes some 20 µs. What could take long is left to others: while another process writes,
        the loop goes on, and the thread brings the log into the database.

        Args:
            work: Made of single statements, of which only the last one writes. It returns None
                when somebody else was quicker, and is run again.

        Raises:
            StateError: the database is locked, read-only, full or broken.
        """
        give_up_at = 0.0
        while True:
            await self._see_to_it()
            found = self._in_use()
            for _ in range(_GLANCES):
                try:
                    result = work(found.swift, *args, **kwargs)
                except sqlite3.Error as error:
                    if not is_busy(error) and found is self._open:
                        raise trouble(self.path, error) from error
                else:
                    if result is not None:
                        return result
            now = time.monotonic()
            give_up_at = give_up_at or now + _BUSY_SECONDS
            if now > give_up_at:
                raise trouble(self.path, locked())
            await self._pause(random.uniform(_SHORTEST_NAP, _LONGEST_NAP))  # noqa: S311 - a pause

    def count_commit(self) -> None:
        """Note a write of `run_swiftly`; now and then the thread brings the log into the file."""
        self._commits += 1
        if self._commits % _CHECKPOINT_COMMITS == 0 and not self._closed:
            self._thread.submit(self._write_back)

    async def close(self) -> None:
        """Close the file. Repeatable."""
        if not self._closed:
            self._closed = True
            await self._wait_for(self._close)
            self._thread.shutdown(wait=True)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        if self._closed:
            raise StateError(_CLOSED)
        return await self._wait_for(work)

    async def _wait_for(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _see_to_it(self) -> None:
        """Open what is there now, if it is not what was opened."""
        if self._open is None:
            is_there = self._former is None  # it has never been open
        else:
            is_there = self._open.identity == identity(self.path)
        if not is_there:
            await self._in_thread(self._reopen)

    def _reopen(self) -> None:
        """Open the file; if it is open, only when another one is in its place."""
        if self._open is not None:
            if self._open.identity == identity(self.path):
                return
            # Whoever moved it away finds it whole there: its log stays behind, and is cleared away.
            self._write_back()
            self._open, self._former = None, self._open
        try:
            found = opened(self.path, self._patience, self._former)
        except sqlite3.Error as error:
            raise trouble(self.path, error) from error
        if self._former is not None and self._former.identity != found.identity:
            self.renewals += 1
        # Not before: the new file could bear the old one's number.
        self._close()
        self._open = found

    @property
    def _patience(self) -> Patience:
        return Patience(_BUSY_SECONDS, lambda: self._closed)

    def _transaction(
        self,
        statement: str,
        work: Callable[Concatenate[sqlite3.Connection, _Params], _Result],
        *args: _Params.args,
        **kwargs: _Params.kwargs,
    ) -> _Result:
        connection = self._in_use().thorough
        try:
            self.is_newer = begin(connection, statement, self._patience) > SCHEMA
            result = work(connection, *args, **kwargs)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            roll_back(connection)
            if self.is_newer:
                raise newer(self.path) from error
            raise trouble(self.path, error) from error
        except BaseException:
            roll_back(connection)
            raise
        return result

    def _write_back(self) -> None:
        """Bring the log into the database; if it cannot be done now, then next time.

        Nobody waits for that, unless the log is long because somebody always writes.
        """
        if self._open is not None:
            with contextlib.suppress(sqlite3.Error):
                connection = self._open.thorough
                row = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if row[1] > _LONGEST_LOG_PAGES:
                    connection.execute("PRAGMA wal_checkpoint(RESTART)")

    def _in_use(self) -> Connections:
        if self._open is None:
            raise StateError(_CLOSED if self._closed else _NOT_OPEN)
        return self._open

    def _close(self) -> None:
        for found in (self._open, self._former):
            if found is not None:
                found.close()
        self._open = self._former = None
