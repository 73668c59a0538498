"""The dashboard over a recording: keys that move in it, and a clock that is the recording's."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from rf_tui.app import MonitorApp
from rf_tui.guest import bindings
from rf_tui.keys import KEYS, REPLAY_KEYS, Key, beside
from rf_tui.replay import Replay


class ReplayApp(MonitorApp):
    """A monitor of what was.

    Args:
        interval: Seconds between looks; None looks only when asked, for tests.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(REPLAY_KEYS)
    keys: ClassVar[tuple[Key, ...]] = beside(KEYS, REPLAY_KEYS)

    def __init__(self, replay: Replay, *, interval: float | None = 0.5) -> None:
        super().__init__(replay, interval=interval, clock=replay.now)
        self._replay = replay

    @property
    def label(self) -> str:
        """Which moment it is, and how fast it goes on."""
        return self._replay.label

    def action_pause(self) -> None:
        """Stand still, or go on."""
        self._replay.hold(held=self._paused_at is None)
        super().action_pause()

    def action_seek(self, seconds: int) -> None:
        """Go to another moment, and show it even while the picture stands still."""
        self._replay.seek(seconds)
        self._poller.forget()
        if self._paused_at is not None:
            self._paused_at = self._clock()
        self.run_worker(self._show_moment(), group="seek")

    async def _show_moment(self) -> None:
        snapshot = await self._poller.look()
        if snapshot is not None:
            self._snapshot = snapshot
        self._paint()

    def action_faster(self, steps: int) -> None:
        """Play at another speed."""
        self._replay.faster(steps)
        self._paint()
