"""The newest balances, read without opening a session: for whoever wants one fresh number fast.

It only reads, and loads little. Whatever is unusual is None here: the long way says what it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rf_core.io.schema import FILE_NAME, MIGRATIONS
from rf_core.parts import BALANCE
from rf_core.redaction import fingerprint
from rf_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Balances:
    """What every pool has, in bytes.

    Attributes:
        read: Pool → the provider's number, when it was last read.
        spent_since: Pool → wire bytes of this machine's crawls since then.
        at: When it was read (Unix seconds).
    """

    read: Mapping[str, int]
    spent_since: Mapping[str, int]
    at: float

    @property
    def left(self) -> dict[str, int]:
        """Pool → what is left now by both meters."""
        return {pool: count - self.spent_since.get(pool, 0) for pool, count in self.read.items()}


def fresh_balances(settings: Settings, max_age_seconds: float) -> Balances | None:
    """Return what is stored and no older than that; None when there is no such thing."""
    path = settings.state_dir / FILE_NAME
    if settings.key is None or not (_is_ours(path.parent) and _is_ours(path)):
        return None
    with contextlib.suppress(sqlite3.Error):
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
        with contextlib.closing(database):
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version == len(MIGRATIONS):
                found = stored_balances(database, fingerprint(settings.key))
                if found and 0 <= time.time() - found.at <= max_age_seconds:
                    return found
    return None


def stored_balances(connection: sqlite3.Connection, key: str) -> Balances | None:
    """Return the newest balances of a key, and what has been spent since; None when never read."""
    row = connection.execute(
        "SELECT fetched_at, body FROM parts WHERE key = ? AND part = ?", (key, BALANCE)
    ).fetchone()
    if row is None:
        return None
    spent = dict(
        connection.execute(
            "SELECT spends.pool, SUM(spends.up + spends.down) FROM spends "
            "JOIN crawls ON crawls.id = spends.crawl WHERE crawls.key = ? GROUP BY spends.pool",
            (key,),
        ).fetchall()
    )
    read, since = {}, {}
    for pool in json.loads(row[1])["pools"]:
        read[pool], before = connection.execute(
            "SELECT bytes, spent FROM balances WHERE key = ? AND pool = ? ORDER BY at DESC LIMIT 1",
            (key, pool),
        ).fetchone()
        since[pool] = max(0, spent.get(pool, 0) - before)
    return Balances(read, since, row[0])


def _is_ours(path: Path) -> bool:
    """Tell whether nobody else can have written there; the long way says what is wrong."""
    try:
        facts = path.lstat()
    except OSError:
        return False
    if stat.S_ISLNK(facts.st_mode):
        return False
    return os.name != "posix" or (
        facts.st_uid == os.geteuid() and not stat.S_IMODE(facts.st_mode) & 0o022
    )
