"""The sandbox's clock: the one place that reads the machine's time, and the one that can leave it.

Windows, sessions, rows and meters are judged by the same clock, so that turning it turns all of
them at once: a day of sessions takes as long as somebody takes to ask for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

LONGEST_STEP: Final = 10 * 366 * 86_400.0
_LOWEST_PACE: Final = 1e-3
_HIGHEST_PACE: Final = 1e5


class Clock:
    """Unix seconds that a change of the machine's time cannot turn back.

    Args:
        pace: Seconds of this clock for each of the machine's: 1 is real, 0 stands still until it
            is advanced.
        source: Where seconds come from instead of the machine.
    """

    def __init__(self, pace: float = 1.0, source: Callable[[], float] | None = None) -> None:
        self._source = source or time.monotonic
        self._pace = pace
        self._began = self._source()
        self._start = self._began if source else time.time()
        self.advanced = 0.0

    def __call__(self) -> float:
        """Return Unix seconds."""
        return self._start + (self._source() - self._began) * self._pace + self.advanced

    def __repr__(self) -> str:
        return f"<Clock pace {self._pace:g}, advanced {self.advanced:g} s>"

    def advance(self, seconds: float) -> None:
        """Jump ahead.

        Raises:
            ValueError: not a number of seconds, or back in time.
        """
        if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_STEP:
            message = f"advance takes seconds from 0 to {LONGEST_STEP:.0f}, not {seconds:g}"
            raise ValueError(message)
        self.advanced += seconds


def read_pace(text: str) -> float:
    """Read `real`, `virtual` or `scaled:N`.

    Raises:
        ValueError: it is none of them.
    """
    kind, colon, number = text.partition(":")
    if not colon and kind in {"real", "virtual"}:
        return 1.0 if kind == "real" else 0.0
    try:
        pace = float(number) if kind == "scaled" else math.nan
    except ValueError:
        pace = math.nan
    if not _LOWEST_PACE <= pace <= _HIGHEST_PACE:
        message = (
            f"a clock is real, virtual, or scaled:N with N from {_LOWEST_PACE:g} to "
            f"{_HIGHEST_PACE:g} seconds for each real one; not {text!r}"
        )
        raise ValueError(message)
    return pace
