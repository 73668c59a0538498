"""The clocks: one for waiting, one that all processes of a machine share, one for people."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final, Protocol

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """What the I/O half asks for time. Tests turn one by hand."""

    def monotonic(self) -> float:
        """Seconds that never step, for waiting inside this process."""
        ...

    def boottime(self) -> float:
        """Seconds since boot, sleep included, the same in every process of this machine."""
        ...

    def boot_id(self) -> str:
        """What boot that was: after another one, `boottime` started anew."""
        ...

    def wall(self) -> float:
        """Unix seconds, for showing and for ages; it may step."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """See :class:`Clock`."""
        return time.monotonic()

    def boottime(self) -> float:
        """See :class:`Clock`."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    def boot_id(self) -> str:
        """See :class:`Clock`."""
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return ""

    def wall(self) -> float:
        """See :class:`Clock`."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """See :class:`Clock`."""
        await asyncio.sleep(seconds)
