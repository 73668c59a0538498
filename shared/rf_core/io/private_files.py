"""Files with secrets that a user asks for: whole or not at all, and only their owner reads them."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

_CREATE: Final = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@contextlib.contextmanager
def private_draft(path: Path) -> Iterator[BinaryIO]:
    """Write a file of mode 0600 that takes its place when the body ends, and is gone if it fails.

    What was there before stays until then; a link is replaced, not followed. A pipe or a device
    cannot be replaced: it is written to as it is.

    Raises:
        OSError: it cannot be written there.
    """
    if _is_special(path):
        with path.open("wb") as stream:
            yield stream
        return
    draft = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.draft")
    with os.fdopen(os.open(draft, _CREATE, 0o600), "wb") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise


def _is_special(path: Path) -> bool:
    """Whether there is something that is no file.

    Raises:
        IsADirectoryError: a folder.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory", str(path))
    return not stat.S_ISREG(mode)
