"""What has to be done even when whoever wanted it is cancelled: nobody waits for it but the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from rf_core.errors import StateError


class Afterwards:
    """Tidying up in the background. A state that cannot be used is nothing to fail over here."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Begin it now."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for all of it. Repeatable."""
        while self._tasks:
            await asyncio.wait(self._tasks)


async def _quietly(work: Coroutine[Any, Any, object]) -> None:
    with contextlib.suppress(StateError):
        await work
