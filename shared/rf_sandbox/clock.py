"""The sandbox's clock: the one place that reads the machine's time."""

from __future__ import annotations

import time
from collections.abc import Callable


def real_clock() -> Callable[[], float]:
    """Return a clock in Unix seconds that a change of the machine's time cannot turn back.

    Windows, sessions and rows are all judged by the same clock; a rehearsal that wants its own
    hands in another callable.
    """
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset
