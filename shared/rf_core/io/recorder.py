"""Writes recordings of the monitor: one SQLite file that only grows at its end, thinned with age.

A process that is killed loses the second it was about to write.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from rf_core.io import recorded_calls
from rf_core.io.folders import private_file
from rf_core.io.recording_file import APPLICATION_ID, VERSION, Closing, check, opened, told
from rf_core.io.state_file import Identity, identity
from rf_core.recording import (
    HISTORY_SECONDS,
    KEPT_SECONDS,
    KEY_FRAME_SECONDS,
    THINNED,
    Packer,
)
from rf_core.snapshot import PoolState, Snapshot

MOST_BYTES: Final = 50_000_000
_SHORTEST: Final = 64 * 1024
_THIN_SECONDS: Final = 600.0

_TABLES: Final = """
CREATE TABLE frames (
    at REAL PRIMARY KEY, base REAL NOT NULL, body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE balances (
    pool TEXT NOT NULL, at REAL NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (pool, at)
) STRICT, WITHOUT ROWID;
"""


class Recorder(Closing):
    """Writes a recording; goes on with one that is there. A context manager.

    Args:
        most_bytes: How large the file may get before its oldest frames go.

    Raises:
        StateError: the file cannot be written, or is something else.
    """

    _file: sqlite3.Connection

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.path = path
        self._most_bytes = max(most_bytes, _SHORTEST)
        self._packer = Packer()
        self._which: Identity | None = None
        self._thinned_at = 0.0
        self._last_at = 0.0
        self._last_call_at = 0.0
        self._open()

    def __repr__(self) -> str:
        return f"<Recorder {self.path}>"

    def close(self) -> None:
        """Leave one file and nothing beside it. Repeatable."""
        with contextlib.suppress(sqlite3.Error):
            self._file.execute("PRAGMA journal_mode=DELETE")
        self._file.close()

    def write(self, snapshot: Snapshot) -> bool:
        """Write a snapshot; False when it is not newer than the last one.

        Where the file was moved away or deleted meanwhile, it goes on in a new one.

        Raises:
            StateError: the disk is full, or the file is not to be written any more.
        """
        if self._which is None or self._which != identity(self.path):
            self.close()
            self._open()
        if snapshot.taken_at <= self._last_at:
            return False
        with told(self.path), self._file:
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
        with told(self.path):
            with self._file:
                for age, one_in in THINNED:
                    # What was thinned before is thin; the first time, everything is looked at.
                    since = before - age - one_in if before < now else 0.0
                    self._file.execute(
                        "DELETE FROM frames WHERE at BETWEEN :since AND :until AND at <> base "
                        "AND at NOT IN (SELECT MAX(at) FROM frames "
                        "WHERE at BETWEEN :since AND :until "
                        "GROUP BY CAST(at / :step AS INT))",
                        {"since": since - since % one_in, "until": now - age, "step": one_in},
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

    def _open(self) -> None:
        self._which = None
        self._packer = Packer()
        self._thinned_at = self._last_at = self._last_call_at = 0.0
        private_file(self.path)
        with told(self.path):
            self._file = opened(self.path)
            try:
                self._begin()
            except BaseException:
                self._file.close()
                raise
        self._which = identity(self.path)

    def _begin(self) -> None:
        version = self._file.execute("PRAGMA user_version").fetchone()[0]
        tables = self._file.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]
        if not version and not tables:
            self._file.execute("PRAGMA auto_vacuum=INCREMENTAL")
            self._file.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._file.executescript(_TABLES)
            self._file.execute(f"PRAGMA user_version={VERSION}")
        else:
            check(self._file, self.path)
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
            "DELETE FROM frames WHERE at < :moment AND at NOT IN "
            "(SELECT base FROM frames WHERE at >= :moment)",
            {"moment": moment},
        )
        self._file.execute("DELETE FROM balances WHERE at < ?", (moment - HISTORY_SECONDS,))
        recorded_calls.drop_before(self._file, moment)

    def _size(self) -> int:
        pages, size = (
            self._file.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size")
        )
        return int(pages) * int(size)
