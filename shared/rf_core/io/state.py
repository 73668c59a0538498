"""`state.db`: what the processes of this machine share, in one SQLite file only its owner reads.

Access goes through one thread of its own, so an event loop never waits for a disk; a change of one
small row takes less time than going there and back, and is made on the spot. Every error of SQLite
becomes a :class:`~rf_core.errors.StateError` with a sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import shlex
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from rf_core.errors import StateError
from rf_core.io.folders import private_file, private_folder
from rf_core.io.schema import FILE_NAME, MIGRATIONS

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

SCHEMA: Final = len(MIGRATIONS)
_BUSY_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.02
_GLANCES: Final = 2
"""Another process is done with a row by the time one looks again."""
_SHORTEST_NAP: Final = 0.001
_LONGEST_NAP: Final = 0.005
_CHECKPOINT_COMMITS: Final = 1_000
_LONGEST_LOG_PAGES: Final = 10_000

_NOT_OPEN: Final = "state.db is not open."
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
    """An open `state.db`: `run(work, …)` and `read(work, …)` call `work(connection, …)`.

    `run_swiftly` does so in the event loop's own thread, for work on one row.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._folder = folder
        self._connection: sqlite3.Connection | None = None
        self._swift: sqlite3.Connection | None = None
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
            connection = self._in_use(self._swift)
            for _ in range(_GLANCES):
                try:
                    result = work(connection, *args, **kwargs)
                except sqlite3.Error as error:
                    if not _is_busy(error):
                        raise self._trouble(error) from error
                else:
                    if result is not None:
                        return result
            now = time.monotonic()
            give_up_at = give_up_at or now + _BUSY_SECONDS
            if now > give_up_at:
                raise self._trouble(sqlite3.OperationalError("database is locked"))
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
            raise StateError("state.db has been closed.")
        return await self._wait_for(work)

    async def _wait_for(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _open(self) -> None:
        private_folder(self._folder)
        private_file(self.path)
        try:
            self._connection = self._connect()
            _share(self._connection)
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._migrate(self._connection)
            self._swift = self._connect()
            _share(self._swift)
            self._swift.execute("PRAGMA synchronous = NORMAL")
            self._swift.execute("PRAGMA wal_autocheckpoint = 0")
            self._swift.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error as error:
            self._close()
            raise self._trouble(error) from error
        except StateError:
            self._close()
            raise

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            connection.execute("ROLLBACK")
            message = f"{self.path} was written by a newer version of this program."
            raise StateError(message, way_out="Update it, or point RF_STATE_DIR elsewhere.")
        if version < SCHEMA:
            for statement in ";".join(MIGRATIONS[version:]).split(";"):
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
        connection = self._in_use(self._connection)
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

    def _write_back(self) -> None:
        """Bring the log into the database; if it cannot be done now, then next time.

        Nobody waits for that, unless the log is long because somebody always writes.
        """
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                row = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if row[1] > _LONGEST_LOG_PAGES:
                    self._connection.execute("PRAGMA wal_checkpoint(RESTART)")

    def _in_use(self, connection: sqlite3.Connection | None) -> sqlite3.Connection:
        if connection is None:
            raise StateError("state.db has been closed." if self._closed else _NOT_OPEN)
        return connection

    def _close(self) -> None:
        for connection in (self._swift, self._connection):
            if connection is not None:
                connection.close()
        self._swift = self._connection = None

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
            if not _is_busy(error):
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def _is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else is at it right now, for whichever of SQLite's reasons."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, unless SQLite has done so itself, as it does when the disk is full."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
