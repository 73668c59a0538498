"""A recording as a source of snapshots: with a clock of its own, at any speed, from any moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from rf_core.io.recordings import Recording
from rf_core.snapshot import Snapshot

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)


class Replay:
    """Plays a recording. It stands still at its end.

    Args:
        tick: A clock that goes on by itself, in seconds.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        speed: float = 1.0,
        begin: float | None = None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        self._recording = recording
        self._tick = tick
        self._speed = speed
        self._from = recording.begin if begin is None else self._within(begin)
        self._since = tick()
        self._held = False

    def now(self) -> float:
        """The moment that is shown, in Unix seconds."""
        if self._held:
            return self._from
        return self._within(self._from + (self._tick() - self._since) * self._speed)

    @property
    def label(self) -> str:
        """Which moment that is, and how fast it goes on."""
        moment = time.strftime("%Y-%m-%d", time.localtime(self.now()))
        end = " end" if self.now() >= self._recording.end else ""
        return f"replay {moment} x{self._speed:g}{end}"

    async def snapshot(self) -> Snapshot:
        """Return what was to be seen at that moment."""
        return self._recording.at(self.now())

    async def refresh(self) -> Snapshot:
        """Nobody can be asked: the same again."""
        return await self.snapshot()

    def hold(self, *, held: bool) -> None:
        """Stand still, or go on."""
        self._go_to(self.now())
        self._held = held

    def seek(self, seconds: float) -> None:
        """Go on from so many seconds later, or earlier."""
        self._go_to(self.now() + seconds)

    def faster(self, steps: int) -> None:
        """Go on at another speed."""
        self._go_to(self.now())
        nearest = min(SPEEDS, key=lambda speed: abs(speed - self._speed))
        place = SPEEDS.index(nearest) + steps
        self._speed = SPEEDS[min(max(place, 0), len(SPEEDS) - 1)]

    def _go_to(self, moment: float) -> None:
        self._from = self._within(moment)
        self._since = self._tick()

    def _within(self, moment: float) -> float:
        return min(max(moment, self._recording.begin), self._recording.end)
