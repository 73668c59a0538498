"""Recordings of the monitor: one SQLite file that only grows at its end and is thinned with age.

A process that is killed loses the second it was about to write. A reader needs nothing from the
writer, and takes nothing that a stranger's file says on trust.
"""

from __future__ import annotations

import contextlib
import sqlite3
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rf_core.errors import StateError
from rf_core.io import recorded_calls
from rf_core.io.folders import private_file
from rf_core.recording import (
    HISTORY_SECONDS,
    KEPT_SECONDS,
    KEY_FRAME_SECONDS,
    THINNED,
    BrokenFrameError,
    Frame,
    Packer,
    unpack,
)
from rf_core.snapshot import PoolState, Snapshot

VERSION: Final = 1
APPLICATION_ID: Final = 0x52465243
"""What marks the file as one of ours, to us and to `file`."""

MOST_BYTES: Final = 50_000_000
_SHORTEST: Final = 64 * 1024
_THIN_SECONDS: Final = 600.0
_MOST_POINTS: Final = 2_000

_TABLES: Final = """
CREATE TABLE frames (
    at REAL PRIMARY KEY, base REAL NOT NULL, body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE balances (
    pool TEXT NOT NULL, at REAL NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (pool, at)
) STRICT, WITHOUT ROWID;
"""


class _Open(contextlib.AbstractContextManager["_Open"]):
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


class Recorder(_Open):
    """Writes a recording; goes on with one that is there. A context manager.

    Args:
        most_bytes: How large the file may get before its oldest frames go.

    Raises:
        StateError: the file cannot be written, or is something else.
    """

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.path = path
        self._most_bytes = max(most_bytes, _SHORTEST)
        self._packer = Packer()
        self._thinned_at = 0.0
        self._last_at = 0.0
        self._last_call_at = 0.0
        private_file(path)
        with _told(path):
            self._file = _opened(path)
            try:
                self._begin()
            except BaseException:
                self._file.close()
                raise

    def __repr__(self) -> str:
        return f"<Recorder {self.path}>"

    def close(self) -> None:
        """Leave one file and nothing beside it. Repeatable."""
        with contextlib.suppress(sqlite3.Error):
            self._file.execute("PRAGMA journal_mode=DELETE")
        self._file.close()

    def write(self, snapshot: Snapshot) -> bool:
        """Write a snapshot; False when it is not newer than the last one.

        Raises:
            StateError: the disk is full, or the file is not to be written any more.
        """
        if snapshot.taken_at <= self._last_at:
            return False
        with _told(self.path), self._file:
            frame = self._packer.pack(snapshot)
            self._file.execute(
                "INSERT OR REPLACE INTO frames VALUES (?, ?, ?)", (frame.at, frame.base, frame.body)
            )
            for pool in snapshot.pools:
                self._keep_history(pool)
            self._last_call_at = recorded_calls.keep(self._file, snapshot.calls, self._last_call_at)
            self._last_at = frame.at
        if not 0 <= frame.at - self._thinned_at < _THIN_SECONDS:
            self.thin(frame.at)
        return True

    def thin(self, now: float) -> None:
        """Drop what is old, and what is more than the file may hold.

        Raises:
            StateError: as :meth:`write`.
        """
        before, self._thinned_at = self._thinned_at, now
        with _told(self.path):
            with self._file:
                for age, one_in in THINNED:
                    # What was thinned before is thin; the first time, everything is looked at.
                    since = before - age - one_in if before < now else 0.0
                    self._file.execute(
                        "DELETE FROM frames WHERE at BETWEEN ?1 AND ?2 AND at <> base "
                        "AND at NOT IN (SELECT MAX(at) FROM frames WHERE at BETWEEN ?1 AND ?2 "
                        "GROUP BY CAST(at / ?3 AS INT))",
                        (since - since % one_in, now - age, one_in),
                    )
                self._drop_before(now - KEPT_SECONDS)
            self._file.execute("PRAGMA incremental_vacuum").fetchall()
            while (size := self._size()) > self._most_bytes:
                first, last = self._file.execute("SELECT MIN(at), MAX(at) FROM frames").fetchone()
                if first is None or last - first <= KEY_FRAME_SECONDS:
                    break
                surplus = (size - self._most_bytes) / size
                step = max(KEY_FRAME_SECONDS, (last - first) * (surplus + 0.02))
                with self._file:
                    self._drop_before(min(first + step, last))
                self._file.execute("PRAGMA incremental_vacuum").fetchall()

    def _begin(self) -> None:
        version = self._file.execute("PRAGMA user_version").fetchone()[0]
        tables = self._file.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]
        if not version and not tables:
            self._file.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self._file.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._file.executescript(_TABLES)
            self._file.execute(f"PRAGMA user_version={VERSION}")
        else:
            _check(self._file, self.path)
        self._last_call_at = recorded_calls.begin(self._file)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute("PRAGMA wal_autocheckpoint=100")
        self._last_at = self._file.execute("SELECT MAX(at) FROM frames").fetchone()[0] or 0.0

    def _keep_history(self, pool: PoolState) -> None:
        """Keep the readings that are new; of the first frame, all that are known."""
        row = self._file.execute("SELECT MAX(at) FROM balances WHERE pool = ?", (pool.id,))
        newest = row.fetchone()[0]
        self._file.executemany(
            "INSERT OR REPLACE INTO balances VALUES (?, ?, ?)",
            [
                (pool.id, at, balance)
                for at, balance in pool.history
                if newest is None or at > newest
            ],
        )

    def _drop_before(self, moment: float) -> None:
        """Drop frames, but for the key frames that later ones need, and history that none needs."""
        self._file.execute(
            "DELETE FROM frames WHERE at < ?1 AND at NOT IN "
            "(SELECT base FROM frames WHERE at >= ?1)",
            (moment,),
        )
        self._file.execute("DELETE FROM balances WHERE at < ?", (moment - HISTORY_SECONDS,))
        recorded_calls.drop_before(self._file, moment)

    def _size(self) -> int:
        pages, size = (
            self._file.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size")
        )
        return int(pages) * int(size)


class Recording(_Open):
    """A recording that is looked at. A context manager; closing twice is fine.

    Attributes:
        begin, end: When its first and its last frame were taken, in Unix seconds.

    Raises:
        StateError: there is no such file, or it is no recording, or it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            message = f"There is no recording {path}."
            raise StateError(message, way_out=f"Make one: rf record {path}")
        with _told(path):
            self._file = _opened(path, read_only=True)
            try:
                _check(self._file, path)
                span = self._file.execute("SELECT MIN(at), MAX(at) FROM frames").fetchone()
            except BaseException:
                self._file.close()
                raise
        if span[0] is None:
            self._file.close()
            raise StateError(f"The recording {path} is empty.", way_out="Record for a second.")
        self.begin: float = float(span[0])
        self.end: float = float(span[1])

    def __repr__(self) -> str:
        return f"<Recording {self.path} {self.end - self.begin:.0f} s>"

    def close(self) -> None:
        """Close the file. Repeatable."""
        self._file.close()

    def at(self, moment: float) -> Snapshot:
        """Return what was to be seen then: the newest frame that is no later, else the first.

        Raises:
            StateError: that frame is damaged.
        """
        with _told(self.path):
            row = self._file.execute(
                "SELECT at, base, body FROM frames WHERE at <= ? ORDER BY at DESC LIMIT 1",
                (max(moment, self.begin),),
            ).fetchone()
            frame = Frame(*row)
            key = self._file.execute(
                "SELECT at, base, body FROM frames WHERE at = ?", (frame.base,)
            ).fetchone()
            history: dict[str, list[tuple[float, int]]] = {}
            points = self._file.execute(
                "SELECT pool, at, bytes FROM balances WHERE at BETWEEN ? AND ? "
                "ORDER BY at DESC LIMIT ?",
                (frame.at - HISTORY_SECONDS, frame.at, _MOST_POINTS),
            )
            for pool, at, balance in points.fetchall()[::-1]:
                history.setdefault(pool, []).append((at, balance))
            if key is None:
                raise BrokenFrameError("its key frame is gone")
            snapshot = unpack(frame, Frame(*key), history)
            return replace(snapshot, calls=recorded_calls.until(self._file, frame.at))

    def moments(self) -> list[float]:
        """When each frame was taken, oldest first."""
        with _told(self.path):
            return [at for (at,) in self._file.execute("SELECT at FROM frames ORDER BY at")]


def _opened(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    if not read_only:
        return sqlite3.connect(path, timeout=5.0)
    name = path.resolve().as_uri()
    try:
        file = sqlite3.connect(f"{name}?mode=ro", uri=True, timeout=5.0)
        file.execute("PRAGMA trusted_schema=OFF")
        file.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        # In a folder that cannot be written to, SQLite reads only what nobody will change.
        file = sqlite3.connect(f"{name}?mode=ro&immutable=1", uri=True)
        file.execute("PRAGMA trusted_schema=OFF")
    return file


def _check(file: sqlite3.Connection, path: Path) -> None:
    application = file.execute("PRAGMA application_id").fetchone()[0]
    version = file.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        message = f"{path} is no recording of the monitor."
        raise StateError(message, way_out="Name another file; this one is left as it is.")
    if version > VERSION:
        message = f"{path} was recorded by a newer version."
        raise StateError(message, way_out="Upgrade resifactory-toolkit.")


class _told(contextlib.AbstractContextManager[None]):  # noqa: N801 - reads as a word
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
