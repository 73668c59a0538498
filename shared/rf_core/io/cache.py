"""Discovery documents on disk, in a diskcache that never unpickles.

Stock diskcache unpickles whatever its database says, and follows file names in it: a planted row
runs code. This `Disk` stores text keys and inline JSON only, refuses every other kind of row on
read and never touches a side file. The only module that imports diskcache; trouble is a miss.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import diskcache
from diskcache.core import MODE_RAW, UNKNOWN

from rf_core.errors import StateError
from rf_core.io.folders import private_folder

_SETTINGS: Final = {
    "statistics": 0,
    "tag_index": 0,
    "eviction_policy": "none",
    "size_limit": 2**26,
    "cull_limit": 0,
    "disk_min_file_size": 2**30,
    "disk_pickle_protocol": 0,
    "sqlite_auto_vacuum": 0,
    "sqlite_cache_size": 1_024,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,
    "sqlite_synchronous": 1,
}
_KNOWN_ROWS: Final = frozenset(_SETTINGS) | frozenset(diskcache.core.METADATA)
_FILES: Final = ("cache.db", "cache.db-wal", "cache.db-shm")
_SECONDS: Final = 1.0
_PASSING: Final = ("locked", "is full", "readonly")


class RefusedRowError(ValueError):
    """A row of the cache is not what this program writes."""


class JsonTextDisk(diskcache.Disk):  # type: ignore[misc] # diskcache is untyped
    """Reads and writes inline JSON text under text keys, and nothing else."""

    def put(self, key: Any) -> tuple[str, bool]:
        """Return a text key as it is, raw."""
        if not isinstance(key, str):
            raise RefusedRowError
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """Return a raw text key; refuse anything that would have to be unpickled."""
        if not raw or not isinstance(key, str):
            raise RefusedRowError
        return key

    def store(self, value: Any, read: Any, key: Any = UNKNOWN) -> tuple[int, int, None, str]:  # noqa: ARG002 - its signature
        """Return the row of a JSON document: raw mode, no file, text."""
        if read:
            raise RefusedRowError
        return 0, MODE_RAW, None, json.dumps(value)

    def fetch(self, mode: Any, filename: Any, value: Any, read: Any) -> Any:
        """Read such a row; refuse pickles, files and blobs."""
        if mode != MODE_RAW or filename is not None or read or not isinstance(value, str):
            raise RefusedRowError
        return json.loads(value)

    def remove(self, _file_path: Any) -> None:
        """Never remove a file a row names."""


class DiscoveryCache:
    """Documents by name with the time they were fetched. Never raises: trouble is a miss.

    Attributes:
        trouble: Why there is no cache, for a finding; "" when all is well.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "discovery"
        self._parent = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="discovery")
        self._cache: Any = None
        self._closed = False
        self.trouble = ""

    async def get(self, name: str) -> tuple[float, dict[str, Any]] | None:
        """Return (fetched at, document), or None."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._get, name)

    async def put(self, name: str, fetched_at: float, document: dict[str, Any]) -> None:
        """Keep a document."""
        await asyncio.get_running_loop().run_in_executor(
            self._thread, self._put, name, fetched_at, document
        )

    async def close(self) -> None:
        """Close the database. Repeatable."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=True)

    def _get(self, name: str) -> tuple[float, dict[str, Any]] | None:
        stored = self._try(lambda cache: cache.get(name))
        if not isinstance(stored, dict) or not isinstance(stored.get("document"), dict):
            return None
        fetched_at = stored.get("fetched_at")
        return (fetched_at, stored["document"]) if isinstance(fetched_at, float) else None

    def _put(self, name: str, fetched_at: float, document: dict[str, Any]) -> None:
        stored = {"fetched_at": float(fetched_at), "document": document}
        self._try(lambda cache: cache.set(name, stored))

    def _try(self, work: Callable[[Any], Any]) -> Any:
        """Do something with the cache; whatever goes wrong is a miss."""
        if self._cache is None and not self.trouble:
            self._open()
        if self._cache is None:
            return None
        try:
            return work(self._cache)
        except Exception as error:  # noqa: BLE001 - a row of a stranger may raise anything
            if not _is_passing(error):
                self._discard()
            return None

    def _open(self) -> None:
        try:
            private_folder(self._parent)
            private_folder(self._folder)
        except StateError as error:
            self.trouble = str(error)
            return
        for _ in range(2):  # the second time after what was there has been thrown away
            try:
                _verify(self._folder / _FILES[0])
                self._cache = diskcache.Cache(
                    str(self._folder), timeout=_SECONDS, disk=JsonTextDisk, **_SETTINGS
                )
                (self._folder / _FILES[0]).chmod(0o600)
            except Exception as error:  # noqa: BLE001 - see _try
                if _is_passing(error):
                    return
                self._discard()
                reason = f"{type(error).__name__}: {error}"
            else:
                return
        self.trouble = f"The discovery cache in {self._folder} cannot be used ({reason})."

    def _discard(self) -> None:
        """Throw a tampered or damaged database away, whole."""
        self._close()
        for name in _FILES:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def _close(self) -> None:
        cache, self._cache = self._cache, None
        if cache is not None:
            with contextlib.suppress(sqlite3.Error):
                cache.close()


def _is_passing(error: Exception) -> bool:
    """Whether what is there may be right all the same: another process is at it, or no room.

    SQLite ends a transaction by itself when there is no room, and diskcache then fails to end it.
    """
    said = f"{error} {error.__context__}"
    return isinstance(error, diskcache.Timeout) or any(mark in said for mark in _PASSING)


def _verify(path: Path) -> None:
    """Refuse a database whose settings would reach into the cache object itself.

    diskcache sets every row of its settings table as an attribute, or runs it as a pragma.

    Raises:
        RefusedRowError: there is a row that this program does not write.
    """
    if path.is_symlink():
        raise RefusedRowError
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=_SECONDS)
    try:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'Settings'")
        if tables.fetchone() is None:  # somebody is just making it
            return
        rows = {key for (key,) in connection.execute("SELECT key FROM Settings")}
    finally:
        connection.close()
    if not rows <= _KNOWN_ROWS:
        raise RefusedRowError
