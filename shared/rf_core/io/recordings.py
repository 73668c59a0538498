"""Reads recordings of the monitor: any moment of them, from any file.

A reader needs nothing from the writer, and takes nothing that a stranger's file says on trust.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from rf_core.errors import StateError
from rf_core.io import recorded_calls
from rf_core.io.recording_file import Closing, check, opened, told
from rf_core.recording import HISTORY_SECONDS, BrokenFrameError, Frame, unpack
from rf_core.snapshot import Snapshot

_MOST_POINTS: Final = 2_000


class Recording(Closing):
    """A recording that is looked at. A context manager; closing twice is fine.

    Attributes:
        begin, end: When its first and its last frame were taken, in Unix seconds.

    Raises:
        StateError: there is no such file, or it is no recording, or it is empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            message = f"There is no recording {path}."
            raise StateError(message, way_out=f"Make one: rf record {path}")
        with told(path):
            self._file = opened(path, read_only=True)
            try:
                check(self._file, path)
                span = self._file.execute("SELECT MIN(at), MAX(at) FROM frames").fetchone()
            except BaseException:
                self._file.close()
                raise
        if span[0] is None:
            self._file.close()
            raise StateError(f"The recording {path} is empty.", way_out="Record for a second.")
        self.begin: float = float(span[0])
        self.end: float = float(span[1])

    def __repr__(self) -> str:
        return f"<Recording {self.path} {self.end - self.begin:.0f} s>"

    def close(self) -> None:
        """Close the file. Repeatable."""
        self._file.close()

    def at(self, moment: float) -> Snapshot:
        """Return what was to be seen then: the newest frame that is no later, else the first.

        Raises:
            StateError: that frame is damaged.
        """
        with told(self.path):
            row = self._file.execute(
                "SELECT at, base, body FROM frames WHERE at <= ? ORDER BY at DESC LIMIT 1",
                (max(moment, self.begin),),
            ).fetchone()
            frame = Frame(*row)
            key = self._file.execute(
                "SELECT at, base, body FROM frames WHERE at = ?", (frame.base,)
            ).fetchone()
            history: dict[str, list[tuple[float, int]]] = {}
            points = self._file.execute(
                "SELECT pool, at, bytes FROM balances WHERE at BETWEEN ? AND ? "
                "ORDER BY at DESC LIMIT ?",
                (frame.at - HISTORY_SECONDS, frame.at, _MOST_POINTS),
            )
            for pool, at, balance in points.fetchall()[::-1]:
                history.setdefault(pool, []).append((at, balance))
            if key is None:
                raise BrokenFrameError("its key frame is gone")
            snapshot = unpack(frame, Frame(*key), history)
            return replace(snapshot, calls=recorded_calls.until(self._file, frame.at))

    def moments(self) -> list[float]:
        """When each frame was taken, oldest first."""
        with told(self.path):
            return [at for (at,) in self._file.execute("SELECT at FROM frames ORDER BY at")]
