"""What a crawl has billed, in a file that is there after it was killed, and says so.

A process writes its count into memory that belongs to the kernel: that takes no time, and outlives
it. It holds a lock for as long as it lives, so whoever gets the lock knows that it is dead, and
what it has really spent. Nobody is known to be dead where there are no such locks (on Windows), nor
after the machine itself went down: what was in its memory may not be on the disk.
"""

from __future__ import annotations

import contextlib
import importlib.util
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rf_core.io.folders import private_folder

_CAN_LOCK: Final = importlib.util.find_spec("fcntl") is not None
_FOLDER: Final = "counts"
_FIELDS: Final = 4
_SIZE: Final = 8 * _FIELDS
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
_OLD: Final = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Last:
    """What a dead crawl had spent.

    Attributes:
        billed_bytes: All that it had counted.
        noted: What it had spent in the unit of its budget, when it had counted `noted_bytes`.
        rate: What a byte took of it from then on, at most.
    """

    billed_bytes: int
    noted: int
    noted_bytes: int
    rate: int

    @property
    def spent(self) -> int:
        """In the unit of its budget."""
        return self.noted + max(0, self.billed_bytes - self.noted_bytes) * self.rate


class Count:
    """The count of one crawl. Write what is billed to `cells[0]`.

    Attributes:
        cells: Bytes billed, and what :meth:`note` has noted.
    """

    def __init__(self, path: Path, *, is_of_use: bool) -> None:
        self.cells: memoryview | list[int] = [0] * _FIELDS
        self._path = path
        self._is_of_use = is_of_use
        self._descriptor: int | None = None
        self._map: mmap.mmap | None = None

    def __repr__(self) -> str:
        return f"<Count {self._path.name} {self.cells[0]} bytes>"

    def open(self) -> None:
        """Begin at nothing. Where there can be no such file, the count dies with its process.

        Raises:
            StateError: the folder cannot be used.
        """
        if not self._is_of_use:
            return
        private_folder(self._path.parent)
        try:
            self._descriptor = os.open(self._path, _NEW, 0o600)
            _lock(self._descriptor)
            # Written, not only made so long: on a full disk that fails here, and the first byte
            # that is counted does not end the process by a signal.
            os.write(self._descriptor, bytes(_SIZE))
            self._map = mmap.mmap(self._descriptor, _SIZE)
        except OSError:  # a disk that is full, or cannot do that
            self.close()
        else:
            self.cells = memoryview(self._map).cast("Q")

    def note(self, spent: int, billed_bytes: int, rate: int) -> None:
        """Say what is spent by now in the unit of the budget, and what each byte will take."""
        self.cells[1], self.cells[2], self.cells[3] = spent, billed_bytes, rate

    def let_go(self) -> None:
        """Count no more, and leave what was counted to whoever looks. Repeatable."""
        cells, self.cells = self.cells, [0] * _FIELDS
        if isinstance(cells, memoryview):
            cells.release()
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def close(self) -> None:
        """Nobody needs it any more: what was spent is said elsewhere. Repeatable."""
        self.let_go()
        with contextlib.suppress(OSError):
            self._path.unlink()


class Counts:
    """The counts of this machine's crawls, since it was started.

    Args:
        boot_id: Of the machine: what was counted before is not known to be whole. Where there is
            none, nothing is.
    """

    def __init__(self, folder: Path, boot_id: str) -> None:
        self._folder = folder / _FOLDER
        self._boot_id = boot_id

    def of(self, crawl: str) -> Count:
        """The count of a crawl, which is to open it itself."""
        return Count(self._path(crawl), is_of_use=_CAN_LOCK and bool(self._boot_id))

    def last(self, crawl: str) -> Last | None:
        """What a crawl had spent when it died; None while it lives, or when nobody knows."""
        return _last(self._path(crawl))

    def tidy(self, before: float) -> None:
        """Take away what crawls have left that died before then, in Unix seconds."""
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if path.lstat().st_mtime < before and _last(path) is not None:
                    path.unlink()

    def _path(self, crawl: str) -> Path:
        return self._folder / f"{crawl}.{self._boot_id}"


def _last(path: Path) -> Last | None:
    try:
        descriptor = os.open(path, _OLD)
    except OSError:
        return None
    try:
        _lock(descriptor)
        found = os.read(descriptor, _SIZE)
    except OSError:  # it lives
        return None
    finally:
        os.close(descriptor)
    return Last(*memoryview(found).cast("Q")) if len(found) == _SIZE else None


def _lock(descriptor: int) -> None:
    """Hold a file alone, for as long as it is open.

    Raises:
        OSError: somebody else does.
    """
    import fcntl  # noqa: PLC0415 - there is none on Windows

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
