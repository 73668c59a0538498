"""Inventories on disk, beside `state.db`: files only their owner reads, whole or not there at all.

A file that is damaged, somebody else's, a link, or open to others is as good as gone: credentials
can be generated again, and cost nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
import struct
import sys
import time
import zlib
from array import array
from collections.abc import Collection
from pathlib import Path
from typing import Final

from rf_core.errors import StateError
from rf_core.inventory import Inventory
from rf_core.io.folders import private_folder

_MAGIC: Final = b"RFINV1\n"
_HEAD: Final = struct.Struct("<IIQI")
_SUFFIX: Final = ".inventory"
_OURS: Final = re.compile(r"[0-9a-f]{16}\.inventory")
_ORPHAN_SECONDS: Final = 60.0


class InventoryFolder:
    """Keeps inventories, each under a name of its own making.

    What a file is for is written into it, so that no file ever passes for another.
    """

    def __init__(self, state_folder: Path) -> None:
        self.path = state_folder / "inventory"

    def __repr__(self) -> str:
        return f"<InventoryFolder {self.path}>"

    def save(self, inventory: Inventory, purpose: str) -> tuple[str, int]:
        """Write one, whole or not at all; return the file's name and its size.

        Raises:
            StateError: the folder or the disk cannot be used.
        """
        private_folder(self.path.parent)
        private_folder(self.path)
        name = secrets.token_hex(8) + _SUFFIX
        path, draft = self.path / name, self.path / f"{name}.draft"
        try:
            size = _write(draft, inventory, purpose.encode())
            draft.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            message = f"Credentials cannot be kept in {self.path}: {error.strerror}."
            raise StateError(message, way_out="Make room, or set RF_STATE_DIR.") from error
        return name, size

    def load(self, name: str, purpose: str, first: int, last: int) -> Inventory | None:
        """Read the credentials from one number to before another; None when they are gone."""
        if not _OURS.fullmatch(name):
            return None
        try:
            private_folder(self.path)
            with os.fdopen(os.open(self.path / name, _READ), "rb") as file:
                if not _is_private(os.fstat(file.fileno())):
                    return None
                return _read(file.read(), purpose.encode(), first, last)
        except (OSError, StateError, ValueError, struct.error):
            return None

    def remove(self, names: Collection[str]) -> None:
        """Remove files, if they are there. A name that leads elsewhere is none of ours."""
        for name in filter(_OURS.fullmatch, names):
            with contextlib.suppress(OSError):
                (self.path / name).unlink(missing_ok=True)

    def sweep(self, known: Collection[str]) -> None:
        """Remove what nobody knows of, and what a killed process left half written."""
        now = time.time()
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if path.name not in known and now - path.lstat().st_mtime > _ORPHAN_SECONDS:
                    path.unlink(missing_ok=True)


_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_BINARY: Final = getattr(os, "O_BINARY", 0)
_READ: Final = os.O_RDONLY | _NO_LINKS | _BINARY
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINKS | _BINARY


def _is_private(facts: os.stat_result) -> bool:
    if not stat.S_ISREG(facts.st_mode):
        return False
    return os.name != "posix" or (
        facts.st_uid == os.geteuid() and not stat.S_IMODE(facts.st_mode) & 0o077
    )


def _write(path: Path, inventory: Inventory, purpose: bytes) -> int:
    """Write magic, head, purpose, where lines start, lines; the head has their checksum."""
    with os.fdopen(os.open(path, _CREATE, 0o600), "wb") as file:
        file.write(_MAGIC + bytes(_HEAD.size) + purpose)
        starts, size, check = array("I", [0]), 0, 0
        for line in inventory.lines():
            size += len(line) + 1
            starts.append(size)
        table = _little(starts).tobytes()
        check = zlib.crc32(table, zlib.crc32(purpose))
        file.write(table)
        for piece in inventory.pieces():
            check = zlib.crc32(piece, check)
            file.write(piece)
        file.seek(len(_MAGIC))
        file.write(_HEAD.pack(len(purpose), len(inventory), size, check))
        file.flush()
        os.fsync(file.fileno())
    return len(_MAGIC) + _HEAD.size + len(purpose) + len(table) + size


def _read(content: bytes, purpose: bytes, first: int, last: int) -> Inventory | None:
    start = len(_MAGIC) + _HEAD.size
    length, count, size, check = _HEAD.unpack_from(content, len(_MAGIC))
    table_at = start + length
    lines_at = table_at + 4 * (count + 1)
    whole = (
        content.startswith(_MAGIC)
        and content[start:table_at] == purpose
        and len(content) == lines_at + size
        and zlib.crc32(memoryview(content)[start:]) == check
        and 0 <= first <= last <= count
    )
    if not whole:
        return None
    starts = array("I")
    starts.frombytes(content[table_at + 4 * first : table_at + 4 * (last + 1)])
    starts = _little(starts)
    begin, end = starts[0], starts[-1]
    lines = content[lines_at + begin : lines_at + end]
    return Inventory(lines, array("I", (at - begin for at in starts)))


def _little(numbers: array[int]) -> array[int]:
    """Return them as they are on disk: the low byte first."""
    if sys.byteorder == "big":
        numbers = array("I", numbers)
        numbers.byteswap()
    return numbers


def purpose_of(key: str, targeting: str, pool: str) -> str:
    """What a file is for: whose credentials, of which spec, of which pool by the answer (C-036)."""
    return json.dumps([key, targeting, pool])
