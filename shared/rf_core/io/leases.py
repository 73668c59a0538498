"""Leases in `state.db`: which process of the machine does what several of them want done.

Whoever holds one says so every half second. A process that is killed says nothing more, and the
lease is free for the next in three seconds; one whose loop stands still for as long loses it too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from rf_core.errors import StateError
from rf_core.io import processes, records
from rf_core.io.afterwards import Afterwards
from rf_core.io.clock import Clock
from rf_core.io.state import State

LEASE_SECONDS: Final = 3.0
BEAT_SECONDS: Final = 0.5


class Leases:
    """The leases of one session.

    Args:
        holder: Who this is, unlike any other session of the machine.
    """

    def __init__(self, state: State, clock: Clock, holder: str, afterwards: Afterwards) -> None:
        self._state = state
        self._clock = clock
        self._holder = holder
        self._afterwards = afterwards

    def __repr__(self) -> str:
        return f"<Leases {self._holder}>"

    async def take(
        self, name: str, seconds: float = LEASE_SECONDS, *, by: str = "", strict: bool = True
    ) -> bool:
        """Take or renew a lease; False while somebody else holds it.

        Args:
            by: Who of this session, where several want the same.
            strict: False where two holders would do no harm: then it is taken at once from one
                whose process seems to have ended.

        Raises:
            StateError: the state cannot be used.
        """
        return await self._state.run(
            records.take_lease,
            name,
            self._holder + by,
            now=self._clock.boottime(),
            boot=self._clock.boot_id(),
            seconds=seconds,
            is_gone=_is_never_gone if strict else processes.has_ended,
        )

    async def drop(self, name: str, *, by: str = "") -> None:
        """Give a lease back, if it is still ours."""
        await self._state.run(records.drop_lease, name, self._holder + by)

    @contextlib.asynccontextmanager
    async def held(self, name: str, *, by: str = "") -> AsyncIterator[bool]:
        """Hold a lease while the body runs: True, or False while somebody else does.

        Raises:
            StateError: the state cannot be used.
        """
        if not await self.take(name, by=by):
            yield False
            return
        try:
            async with beating(lambda: self.take(name, by=by)):
                yield True
        finally:
            self._afterwards.do(self.drop(name, by=by))


def _is_never_gone(_holder: str) -> bool:
    return False


@contextlib.asynccontextmanager
async def beating(beat: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Say that one is alive, every half second while the body runs."""
    task = asyncio.get_running_loop().create_task(_beat(beat))
    try:
        yield
    finally:
        task.cancel()


async def _beat(beat: Callable[[], Awaitable[object]]) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        with contextlib.suppress(StateError):
            await beat()
