"""The file of `state.db`: made, opened beside other processes, and told from one in its place."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from rf_core.io.folders import private_file, private_folder
from rf_core.io.schema import MIGRATIONS
from rf_core.io.state_errors import is_busy, newer

if sys.platform != "win32":  # where an open file cannot be deleted
    import fcntl

Identity: TypeAlias = tuple[int, int]

SCHEMA: Final = len(MIGRATIONS)
_SLICE_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 0.02
_ENDS: Final = ("-wal", "-shm")
"""How the names of what SQLite keeps beside a database end."""
_ALONE_SECONDS: Final = 1.0


@dataclass(slots=True)
class Connections:
    """A file that is open twice: for work that may take long, and for what may not.

    Attributes:
        identity: Which file it is, whatever is in its place by now.
        beside: Which files SQLite keeps beside it.
    """

    thorough: sqlite3.Connection
    swift: sqlite3.Connection
    identity: Identity | None
    beside: Mapping[str, Identity | None]

    def close(self) -> None:
        """Close both. SQLite leaves alone what is beside a file that has taken its place."""
        self.swift.close()
        self.thorough.close()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for others.

    Attributes:
        seconds: At most.
        is_over: Tells that nobody waits for the outcome any more.
    """

    seconds: float
    is_over: Callable[[], bool] = lambda: False


def identity(path: Path) -> Identity | None:
    """Name the file that is there now; None when there is none."""
    try:
        facts = os.stat(path)  # noqa: PTH116 - before each transaction: half the time of Path.stat
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def opened(path: Path, patience: Patience, former: Connections | None = None) -> Connections:
    """Open the file, making it if there is none, and bring it up to date.

    Args:
        former: What was open when another file came into its place, and still is.

    Raises:
        StateError: the folder or the file cannot be used, or a newer version wrote it.
        sqlite3.Error: SQLite cannot use it.
    """
    private_folder(path.parent)
    with contextlib.ExitStack() as on_failure:
        with _alone(path.parent, patience):
            _clear_away(path, former)
            private_file(path)
            which = identity(path)
            thorough = _connected(path, patience)
            on_failure.callback(thorough.close)
            _share(thorough, patience)
        _migrate(thorough, path, patience)
        swift = _connected(path, patience)
        on_failure.callback(swift.close)
        swift.execute("PRAGMA wal_autocheckpoint = 0")
        _share(swift, patience)
        swift.execute("PRAGMA busy_timeout = 0")
        on_failure.pop_all()
    return Connections(thorough, swift, which, {end: identity(_beside(path, end)) for end in _ENDS})


def begin(connection: sqlite3.Connection, statement: str, patience: Patience) -> int:
    """Begin a transaction and take its lock; return how many migrations the file has been through.

    It waits in slices, so that whoever closes need not wait for long.

    Raises:
        sqlite3.Error: somebody else holds it for longer than we wait.
    """
    give_up_at = time.monotonic() + patience.seconds
    while True:
        try:
            connection.execute(statement)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError as error:
            roll_back(connection)
            if not is_busy(error) or patience.is_over() or time.monotonic() > give_up_at:
                raise
        else:
            return int(version)


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction, unless SQLite has done so itself, as it does when the disk is full."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _clear_away(path: Path, former: Connections | None) -> None:
    """Delete what is left beside a file that is gone: SQLite would take it for this one's."""
    is_new = not path.exists()
    for end in _ENDS:
        beside = _beside(path, end)
        if is_new or (former is not None and former.beside[end] == identity(beside)):
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)


@contextlib.contextmanager
def _alone(folder: Path, patience: Patience) -> Iterator[None]:
    """Have no other process make or open the file meanwhile, where the file system can tell."""
    with contextlib.ExitStack() as closing:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            closing.callback(os.close, descriptor)
            _lock(descriptor, patience)
        yield


def _lock(descriptor: int, patience: Patience) -> None:
    if sys.platform == "win32":
        return
    give_up_at = time.monotonic() + min(_ALONE_SECONDS, patience.seconds)
    while time.monotonic() < give_up_at:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _connected(path: Path, patience: Patience) -> sqlite3.Connection:
    slice_seconds = min(_SLICE_SECONDS, patience.seconds)
    return sqlite3.connect(
        path, timeout=slice_seconds, isolation_level=None, check_same_thread=False
    )


def _share(connection: sqlite3.Connection, patience: Patience) -> None:
    """Let readers and a writer work side by side.

    The first process to open the file changes its mode, and SQLite lets others fail at that very
    moment instead of waiting as it does everywhere else.
    """
    give_up_at = time.monotonic() + patience.seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or patience.is_over() or time.monotonic() > give_up_at:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            break
    connection.execute("PRAGMA synchronous = NORMAL")


def _migrate(connection: sqlite3.Connection, path: Path, patience: Patience) -> None:
    version = begin(connection, "BEGIN IMMEDIATE", patience)
    if version > SCHEMA:
        roll_back(connection)
        raise newer(path)
    try:
        if version < SCHEMA:
            for statement in ";".join(MIGRATIONS[version:]).split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise
