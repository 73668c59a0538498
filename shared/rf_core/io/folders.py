"""Folders of ours: private to the user, or not used at all."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from pathlib import Path
from typing import Final

from rf_core.errors import StateError

_NAMES_OF_OURS: Final = frozenset({"resifactory", "discovery"})
"""Folders that nobody uses for anything else, so that they may be closed to others' eyes."""


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can look into, or check that it is one.

    One of the user's own choice may be looked into if it is so already: its files are private.

    Raises:
        StateError: a symlink, somebody else's, open to others, or not writable; with the command
            to run.
    """
    quoted = shlex.quote(str(path))
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = path.lstat()
    except OSError as error:
        message = f"The folder {path} cannot be used: {error.strerror}."
        raise StateError(
            message, way_out="Point RF_STATE_DIR and RF_CACHE_DIR somewhere else."
        ) from error
    if stat.S_ISLNK(facts.st_mode):
        message = f"{path} is a symbolic link, so somebody else may decide where it leads."
        raise StateError(message, way_out=f"Remove it: rm {quoted}")
    if os.name == "posix":
        if facts.st_uid != os.geteuid():
            message = f"{path} belongs to another user."
            raise StateError(message, way_out="Point RF_STATE_DIR and RF_CACHE_DIR elsewhere.")
        if stat.S_IMODE(facts.st_mode) & 0o022:
            message = f"Others can write to {path}."
            raise StateError(message, way_out=f"Run: chmod 700 {quoted}")
        if stat.S_IMODE(facts.st_mode) & 0o055 and path.name in _NAMES_OF_OURS:
            path.chmod(0o700)
    if not os.access(path, os.W_OK | os.X_OK):
        message = f"{path} cannot be written to."
        raise StateError(message, way_out=f"Run: chmod 700 {quoted}")
    return path


def private_file(path: Path) -> None:
    """Make sure a file exists and only its owner can read it.

    One that is there is not opened: closing it again would let go of every lock that SQLite has on
    it elsewhere in this process.

    Raises:
        StateError: it cannot be made, is a symlink, or somebody else's.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        facts = path.lstat()
        if os.name == "posix":
            _close_to_others(path, facts)
    except OSError as error:
        message = f"The file {path} cannot be used: {error.strerror}."
        raise StateError(message, way_out="Check its owner and its folder.") from error


def _close_to_others(path: Path, facts: os.stat_result) -> None:
    if stat.S_ISLNK(facts.st_mode):
        message = f"The file {path} cannot be used: it is a symbolic link."
        raise StateError(message, way_out=f"Remove it: rm {shlex.quote(str(path))}")
    if facts.st_uid != os.geteuid():
        message = f"{path} belongs to another user."
        raise StateError(message, way_out=f"Move it away: mv {shlex.quote(str(path))} …")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        path.chmod(0o600)
