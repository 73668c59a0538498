"""Looks through the files of a folder for secrets, a megabyte at a time."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rf_core.errors import StateError
from rf_core.inventory import Inventory
from rf_core.io.kept import kept_inventories
from rf_core.io.schema import FILE_NAME
from rf_core.io.state import State
from rf_core.leaks import Known, Leak, Search
from rf_core.settings import Settings

MOST_FILES: Final = 200_000
MOST_CREDENTIALS: Final = 1_000_000
_PIECE_BYTES: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_LARGEST_UNPACKED: Final = 4 << 30
_OPEN: Final = (
    os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)  # fmt: skip


@dataclass(slots=True)
class Looked:
    """What was looked at, and what was found.

    Attributes:
        leaks: File, relative to the folder → what is in it. Only files that hold something.
        unread: Files that could not be read.
        is_whole: False when there were more files than are looked at.
    """

    files: int = 0
    bytes: int = 0
    leaks: dict[str, tuple[Leak, ...]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    is_whole: bool = True


def look_through(folder: Path, known: Known, *, besides: Path | None = None) -> Looked:
    """Look through every file below a folder; links are not followed.

    What is packed by gzip is unpacked, once.

    Args:
        besides: A folder that holds secrets on purpose and is left out.
    """
    looked = Looked()
    for path in _files(folder, besides):
        if looked.files == MOST_FILES:
            looked.is_whole = False
            break
        name = str(path.relative_to(folder))
        try:
            found = _search(path, known, looked)
        except OSError:
            looked.unread.append(name)
            continue
        looked.files += 1
        if found:
            looked.leaks[name] = tuple(sorted(found))
    return looked


def _files(folder: Path, besides: Path | None) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if Path(parent, name) != besides)
        for name in sorted(files):
            path = Path(parent, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def _search(path: Path, known: Known, looked: Looked) -> set[Leak]:
    raw, unpacked = Search(known), Search(known)
    with os.fdopen(os.open(path, _OPEN), "rb") as file:
        piece = file.read(_PIECE_BYTES)
        unpacker = _Unpacker() if piece.startswith(_GZIP_MAGIC) else None
        while piece:
            looked.bytes += len(piece)
            raw.feed(piece)
            for part in unpacker.parts(piece) if unpacker else ():
                unpacked.feed(part)
            piece = file.read(_PIECE_BYTES)
    return raw.found | unpacked.found


class _Unpacker:
    """Unpacks gzip, member by member, as far as it is whole; a bomb is unpacked up to a bound."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._left = _LARGEST_UNPACKED

    def parts(self, piece: bytes) -> Iterator[bytes]:
        """Walk over what a piece holds, a megabyte at a time."""
        while piece and self._left > 0:
            try:
                part = self._member.decompress(piece, _PIECE_BYTES)
            except zlib.error:
                self._left = 0
                return
            self._left -= len(part)
            yield part
            piece = self._member.unconsumed_tail
            if self._member.eof:
                piece = self._member.unused_data
                self._member = zlib.decompressobj(wbits=31)


async def known_secrets(settings: Settings | None, hosts: Iterable[str]) -> Known:
    """Gather what is worth looking for: our key, and every credential that is kept here."""
    if settings is None:
        return Known((), hosts)
    inventories: list[Inventory] = []
    if (settings.state_dir / FILE_NAME).exists():
        state = State(settings.state_dir)
        try:
            await state.open()
            inventories = await kept_inventories(state, settings.state_dir, most=MOST_CREDENTIALS)
        except StateError:
            pass  # it is a finding of its own; what has a shape of its own is found all the same
        finally:
            await state.close()
    credentials = (
        (proxy.username, proxy.password.reveal())
        for inventory in inventories
        for proxy in inventory
    )
    places = {*hosts, *(inventory[0].host for inventory in inventories if inventory)}
    return Known(credentials, places, settings.key)
