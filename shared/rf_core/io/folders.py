"""Folders of ours: private to the user, or not used at all."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from rf_core.errors import StateError


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can look into, or check that it is one.

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
    if not os.access(path, os.W_OK | os.X_OK):
        message = f"{path} cannot be written to."
        raise StateError(message, way_out=f"Run: chmod 700 {quoted}")
    return path


def private_file(path: Path) -> None:
    """Make sure a file exists and only its owner can read it.

    Raises:
        StateError: it cannot be made, or is a symlink.
    """
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
        try:
            if os.name == "posix" and stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        message = f"The file {path} cannot be used: {error.strerror}."
        raise StateError(message, way_out="Check its owner and its folder.") from error
