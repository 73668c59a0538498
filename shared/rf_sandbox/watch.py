"""How long a connection may stay as it is: one timer, however often the wait begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Watch:
    """Waits for something to move.

    Args:
        over: Called when nothing has moved for as long as was expected; it may expect anew.
            It is let go of by `stop`.
        loop: Whose time it is.
    """

    def __init__(self, over: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        self._over: Callable[[], None] | None = over
        self._loop = loop
        self._patience = 0.0
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def expect(self, seconds: float) -> None:
        """Wait so long for what is to come, from now on."""
        self._patience = seconds
        self._since = self._loop.time()
        due = self._since + seconds
        # A timer that rings too early looks again; making one for each request would cost more.
        if self._timer is None or self._timer.when() > due:
            self._look_at(due)

    def touch(self) -> None:
        """Something has moved."""
        self._since = self._loop.time()

    def stop(self) -> None:
        """Wait no more, for good."""
        self._over = None
        self._forget_timer()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_at(self, due: float) -> None:
        self._forget_timer()
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        due = self._since + self._patience
        if self._over is None:
            return
        if self._loop.time() < due:
            self._look_at(due)
        else:
            self._over()
