"""The calls in a recording: kept once, beside its frames, and gone with the oldest of them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from rf_core.snapshot import ApiCall

SHOWN_CALLS: Final = 200

_TABLE: Final = "CREATE TABLE IF NOT EXISTS calls (at REAL NOT NULL, body TEXT NOT NULL) STRICT"
_INDEX: Final = "CREATE INDEX IF NOT EXISTS calls_by_time ON calls (at)"


def begin(file: sqlite3.Connection) -> float:
    """Make room for them; return when the last one ended, or 0."""
    file.execute(_TABLE)
    file.execute(_INDEX)
    return float(file.execute("SELECT MAX(at) FROM calls").fetchone()[0] or 0.0)


def keep(file: sqlite3.Connection, calls: Sequence[ApiCall], after: float) -> float:
    """Keep those that ended later; return when the last one did."""
    new = [call for call in calls if _end(call) > after]
    file.executemany(
        "INSERT INTO calls VALUES (?, ?)",
        [(_end(call), msgspec.json.encode(call).decode()) for call in reversed(new)],
    )
    return max([after, *(_end(call) for call in new)])


def drop_before(file: sqlite3.Connection, moment: float) -> None:
    """Drop what is older."""
    file.execute("DELETE FROM calls WHERE at < ?", (moment,))


def until(file: sqlite3.Connection, moment: float) -> tuple[ApiCall, ...]:
    """Return the last ones that had ended by then, newest first; an older recording has none."""
    known = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = 'calls'"
    if not file.execute(known).fetchone()[0]:
        return ()
    rows = file.execute(
        "SELECT body FROM calls WHERE at <= ? ORDER BY at DESC LIMIT ?", (moment, SHOWN_CALLS)
    )
    calls = []
    for (body,) in rows:
        with contextlib.suppress(msgspec.MsgspecError):
            calls.append(msgspec.json.decode(body, type=ApiCall))
    return tuple(calls)


def _end(call: ApiCall) -> float:
    return call.at + call.seconds
