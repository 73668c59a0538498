"""A clock that tests turn by hand."""

from __future__ import annotations

import asyncio


class ManualClock:
    """All clocks of a machine at once. Sleeping turns it, so that nothing ever waits.

    Attributes:
        slept: Every sleep that was asked for, in seconds.
    """

    def __init__(self, wall: float = 1_700_000_000.0, boottime: float = 1_000.0) -> None:
        self._wall = wall
        self._boottime = boottime
        self._boot_id = "boot-1"
        self.slept: list[float] = []

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._wall += seconds
        self._boottime += seconds

    def step_wall(self, seconds: float) -> None:
        """Somebody sets the clock on the wall."""
        self._wall += seconds

    def reboot(self) -> None:
        """The machine starts anew."""
        self._boottime = 5.0
        self._boot_id += "'"

    def monotonic(self) -> float:
        return self._boottime

    def boottime(self) -> float:
        return self._boottime

    def boot_id(self) -> str:
        return self._boot_id

    def wall(self) -> float:
        return self._wall

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


class BlockingManualClock(ManualClock):
    """The same for clients without an event loop: sleeping never waits."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
