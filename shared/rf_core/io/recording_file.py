"""The file of a recording, opened: one of ours, or a sentence that says what is wrong with it."""

from __future__ import annotations

import contextlib
import sqlite3
from abc import abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rf_core.errors import StateError
from rf_core.recording import BrokenFrameError

VERSION: Final = 1
APPLICATION_ID: Final = 0x52465243
"""What marks the file as one of ours, to us and to `file`."""


class Closing(contextlib.AbstractContextManager["Closing"]):
    """What is closed where its block ends."""

    @abstractmethod
    def close(self) -> None:
        """Close it. Repeatable."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()


def opened(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open it.

    Raises:
        sqlite3.Error: it cannot be.
    """
    if not read_only:
        return sqlite3.connect(path, timeout=5.0)
    name = path.resolve().as_uri()
    try:
        return _for_reading(f"{name}?mode=ro")
    except sqlite3.OperationalError:
        # In a folder that cannot be written to, SQLite reads only what nobody will change.
        return _for_reading(f"{name}?mode=ro&immutable=1")


def _for_reading(uri: str) -> sqlite3.Connection:
    """Open what can be read; what cannot is not left open either."""
    file = sqlite3.connect(uri, uri=True, timeout=5.0)
    try:
        file.execute("PRAGMA trusted_schema=OFF")
        file.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    except BaseException:
        file.close()
        raise
    return file


def check(file: sqlite3.Connection, path: Path) -> None:
    """Make sure that it is a recording, of a version that is understood.

    Raises:
        StateError: it is not.
    """
    application = file.execute("PRAGMA application_id").fetchone()[0]
    version = file.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        message = f"{path} is no recording of the monitor."
        raise StateError(message, way_out="Name another file; this one is left as it is.")
    if version > VERSION:
        message = f"{path} was recorded by a newer version."
        raise StateError(message, way_out="Upgrade resifactory-toolkit.")


class told(contextlib.AbstractContextManager[None]):  # noqa: N801 - reads as a word
    """Says in a sentence what SQLite, or a damaged frame, means."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if isinstance(error, sqlite3.DatabaseError) and "not a database" in str(error):
            message = f"{self._path} is no recording of the monitor."
            raise StateError(message, way_out="Name another file; this one is left as it is.")
        if isinstance(error, sqlite3.Error | BrokenFrameError):
            message = f"The recording {self._path} cannot be used: {error}."
            raise StateError(
                message, way_out="Check its folder and the room there, or use another file."
            ) from error
