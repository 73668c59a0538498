"""The clocks: one for waiting, one that all processes of a machine share, one for people."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Final, Protocol

from rf_core.errors import SettingsError

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


class ScaledClock:
    """The machine's clocks, so many times as fast: for tests against a sandbox that is as fast.

    Leases, windows and waits go by it; socket time-outs and dates stay as they are.
    """

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._real = SystemClock()

    def monotonic(self) -> float:
        """See :class:`Clock`."""
        return self._real.monotonic() * self._pace

    def boottime(self) -> float:
        """See :class:`Clock`."""
        return self._real.boottime() * self._pace

    def boot_id(self) -> str:
        """Another boot than the machine's: nobody else's times are comparable."""
        return f"{self._real.boot_id()} x{self._pace:g}"

    def wall(self) -> float:
        """See :class:`Clock`."""
        return self._real.wall()

    async def sleep(self, seconds: float) -> None:
        """See :class:`Clock`."""
        await self._real.sleep(seconds / self._pace)


def machine_clock() -> Clock:
    """The machine's clock, or what `RF_CLOCK_SCALE` makes of it.

    Raises:
        SettingsError: that is no number above 0.
    """
    text = os.environ.get("RF_CLOCK_SCALE", "").strip()
    if not text:
        return SystemClock()
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    if not 0 < pace < float("inf"):
        message = f"RF_CLOCK_SCALE = {text!r} is no number above 0."
        raise SettingsError(message, way_out="Unset it: it is for tests against `rf sandbox`.")
    return ScaledClock(pace)
