"""The same code without an event loop: its leaves block, so that it never waits.

A coroutine suspends only where a leaf of it does: a clock that sleeps, a socket, a thread. Hand it
leaves that block in place, and it runs from beginning to end in one go. So everything between the
five calls and the socket exists once, for programs with a loop and for those without.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from rf_core.errors import StateError
from rf_core.io.clock import SystemClock
from rf_core.io.state import State

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


def finish(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine whose leaves block.

    Raises:
        RuntimeError: one of them waits instead.
    """
    try:
        work.send(None)
    except StopIteration as done:
        result: _Result = done.value
        return result
    work.close()
    message = f"{work!r} waits for an event loop"
    raise RuntimeError(message)


class BlockingClock(SystemClock):
    """The machine's clocks; sleeping keeps the thread.

    Raises:
        StateError: from :meth:`sleep`, once the clock has been stopped.
    """

    def __init__(self) -> None:
        self._stopped = threading.Event()

    async def sleep(self, seconds: float) -> None:
        """See :class:`~rf_core.io.clock.Clock`."""
        if self._stopped.wait(seconds):
            raise StateError("The client has been closed.")

    def stop(self) -> None:
        """End every sleep, those to come too."""
        self._stopped.set()


class BlockingState(State):
    """`state.db` for threads: one at a time, and each waits where it stands."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._turn = threading.Lock()
        self._never = threading.Event()

    async def run_swiftly(
        self,
        work: Callable[Concatenate[sqlite3.Connection, _Params], _Result | None],
        *args: _Params.args,
        **kwargs: _Params.kwargs,
    ) -> _Result:
        """See :class:`~rf_core.io.state.State`."""
        with self._turn:
            return await super().run_swiftly(work, *args, **kwargs)

    async def _wait_for(self, work: Callable[[], _Result]) -> _Result:
        return self._thread.submit(work).result()

    async def _pause(self, seconds: float) -> None:
        self._never.wait(seconds)
