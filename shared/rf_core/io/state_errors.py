"""What SQLite says of `state.db`, in a sentence with the way out."""

from __future__ import annotations

import shlex
import sqlite3
from pathlib import Path
from typing import Final

from rf_core.errors import StateError

_ELSEWHERE: Final = "Point RF_STATE_DIR at a folder of yours on a disk with room."
_AWAY: Final = "It is damaged; move it away: mv {path} {path}.broken"
_WAYS_OUT: Final = (
    ("locked", "Another process holds it for long; end that one, or try again."),
    ("full", f"Make room there. {_ELSEWHERE}"),
    ("readonly", "Make it writable: chmod 600 {path}"),
    ("malformed", _AWAY),
    ("not a database", _AWAY),
)
"""What SQLite says → what to do about it."""


def trouble(path: Path, error: sqlite3.Error) -> StateError:
    """Say what is wrong with the file, and what to do."""
    said = str(error)
    way_out = next((hint for mark, hint in _WAYS_OUT if mark in said), _ELSEWHERE)
    message = f"{path} cannot be used: {said}."
    return StateError(message, way_out=way_out.format(path=shlex.quote(str(path))))


def newer(path: Path) -> StateError:
    """Say that a version of this program wrote it that knows more than this one."""
    message = f"{path} was written by a newer version of this program."
    return StateError(message, way_out="Update it, or point RF_STATE_DIR elsewhere.")


def locked() -> sqlite3.Error:
    """Make the error of SQLite for a file that somebody else holds."""
    return sqlite3.OperationalError("database is locked")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether somebody else is at it right now, for whichever of SQLite's reasons."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY
