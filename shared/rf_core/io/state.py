"""`state.db`: what the processes of this machine share, in one SQLite file only its owner reads.

All access goes through one thread of its own, so an event loop never waits for a disk, and every
error of SQLite becomes a :class:`~rf_core.errors.StateError` with a sentence.
"""

from __future__ import annotations

import asyncio
import shlex
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from rf_core.errors import StateError
from rf_core.io.folders import private_file, private_folder

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

SCHEMA: Final = 1
FILE_NAME: Final = "state.db"
_BUSY_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.02

_TABLES: Final = """
CREATE TABLE windows (
    key TEXT NOT NULL, grp TEXT NOT NULL, allowed INTEGER NOT NULL,
    strangers INTEGER NOT NULL, strangers_until REAL NOT NULL,
    hold_until REAL NOT NULL, observed_at REAL NOT NULL, boot TEXT NOT NULL,
    PRIMARY KEY (key, grp)
) STRICT;
CREATE TABLE slots (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, grp TEXT NOT NULL, holder TEXT NOT NULL,
    taken_at REAL NOT NULL, frees_at REAL NOT NULL, settled INTEGER NOT NULL, boot TEXT NOT NULL
) STRICT;
CREATE INDEX slots_by_window ON slots (key, grp, frees_at);
CREATE TABLE leases (
    name TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL, boot TEXT NOT NULL
) STRICT;
CREATE TABLE parts (
    key TEXT NOT NULL, part TEXT NOT NULL, fetched_at REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (key, part)
) STRICT;
CREATE TABLE balances (
    key TEXT NOT NULL, pool TEXT NOT NULL, at REAL NOT NULL,
    bytes INTEGER NOT NULL, spent INTEGER NOT NULL,
    PRIMARY KEY (key, pool, at)
) STRICT;
CREATE TABLE crawls (
    id TEXT PRIMARY KEY, key TEXT NOT NULL, updated_at REAL NOT NULL, finished_at REAL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX crawls_by_time ON crawls (key, updated_at);
CREATE TABLE spends (
    crawl TEXT NOT NULL, pool TEXT NOT NULL, domain TEXT NOT NULL,
    up INTEGER NOT NULL, down INTEGER NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (crawl, pool, domain)
) STRICT;
"""


_ELSEWHERE: Final = "Point RF_STATE_DIR at a folder of yours on a disk with room."
_AWAY: Final = "It is damaged; move it away: mv {path} {path}.broken"
_WAYS_OUT: Final = (
    ("locked", "Another process holds it for long; end that one, or try again."),
    ("readonly", "Make it writable: chmod 600 {path}"),
    ("malformed", _AWAY),
    ("not a database", _AWAY),
)
"""What SQLite says → what to do about it."""


class State:
    """An open `state.db`: `run(work, …)` and `read(work, …)` call `work(connection, …)`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._folder = folder
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state.db")
        self._closed = False

    def __repr__(self) -> str:
        return f"<State {self.path}>"

    async def open(self) -> None:
        """Open the file, making it if there is none.

        Raises:
            StateError: the folder or the file cannot be used, or a newer version wrote it.
        """
        await self._in_thread(self._open)

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
        return await self._in_thread(lambda: self._transaction("BEGIN", work, *args, **kwargs))

    async def close(self) -> None:
        """Close the file. Repeatable."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=True)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        if self._closed:
            raise StateError("state.db has been closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        private_folder(self._folder)
        private_file(self.path)
        try:
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise self._trouble(error) from error
        try:
            _share(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            self._migrate(connection)
        except sqlite3.Error as error:
            connection.close()
            raise self._trouble(error) from error
        except StateError:
            connection.close()
            raise
        self._connection = connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            connection.execute("ROLLBACK")
            message = f"{self.path} was written by a newer version of this program."
            raise StateError(message, way_out="Update it, or point RF_STATE_DIR elsewhere.")
        if version < SCHEMA:
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")

    def _transaction(
        self,
        begin: str,
        work: Callable[Concatenate[sqlite3.Connection, _Params], _Result],
        *args: _Params.args,
        **kwargs: _Params.kwargs,
    ) -> _Result:
        connection = self._connection
        if connection is None:
            raise StateError("state.db is not open.")
        try:
            connection.execute(begin)
            result = work(connection, *args, **kwargs)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            _roll_back(connection)
            raise self._trouble(error) from error
        except BaseException:
            _roll_back(connection)
            raise
        return result

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _trouble(self, error: sqlite3.Error) -> StateError:
        said = str(error)
        way_out = next((hint for mark, hint in _WAYS_OUT if mark in said), _ELSEWHERE)
        message = f"{self.path} cannot be used: {said}."
        return StateError(message, way_out=way_out.format(path=shlex.quote(str(self.path))))


def _share(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work side by side.

    The first process to open the file changes its mode, and SQLite lets others fail at that very
    moment instead of waiting as it does everywhere else.
    """
    for _ in range(int(_BUSY_SECONDS / _PAUSE_SECONDS)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, unless SQLite has done so itself, as it does when the disk is full."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
