"""When the monitor looks, at which of its accounts, and what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from textual.events import Event, InputEvent
from textual.timer import Timer

from rf_core.redaction import Secret
from rf_core.snapshot import Snapshot
from rf_tui.accounts import Desk, tab_words
from rf_tui.beat import Beat
from rf_tui.handy import Handy, Places, looks_said, next_interval
from rf_tui.poller import Poller
from rf_tui.widgets.tab_line import TabLine


class Watching(Handy):
    """Looks at an account with each tick, and at the others now and then.

    Args:
        interval: Seconds between looks; None looks only when asked, for tests.

    Attributes:
        begun: Set once all of the screen is there and the first looks are on their way.
    """

    def __init__(
        self,
        desks: Sequence[Desk],
        places: Places,
        *,
        interval: float | None,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(desks, places, clock=clock)
        self.begun = asyncio.Event()
        self._interval = interval
        self._ticking: Timer | None = None
        self._beat = Beat()

    def _stop_writing(self) -> None:
        raise NotImplementedError

    def secrets(self) -> list[Secret]:
        """What must not stand in a report of a crash: the accounts' keys."""
        keys = [desk.key for desk in self._desks]
        return [*super().secrets(), *(key for key in keys if key is not None)]

    def begin(self) -> None:
        """Look at every account, and go on."""
        self._look()
        self._look_at_others()
        self._begin_ticking()

    def on_event(self, event: Event) -> Coroutine[Any, Any, None]:
        """Notice that somebody is there."""
        if isinstance(event, InputEvent):
            self._beat.touched()
        return super().on_event(event)

    def on_app_focus(self) -> None:
        """Look at once: somebody looks too."""
        self._beat.touched()
        self._tick()

    def _begin_ticking(self) -> None:
        if self._ticking is not None:
            self._ticking.stop()
        if self._interval is not None:
            self._ticking = self.set_interval(self._interval, self._tick)

    @property
    def _poller(self) -> Poller:
        return self._desk.poller

    @property
    def _paused_at(self) -> float | None:
        return self._desk.paused_at

    @_paused_at.setter
    def _paused_at(self, moment: float | None) -> None:
        self._desk.paused_at = moment

    def _tick(self) -> None:
        """Paint once a tick: what a look brought, or how old everything has got meanwhile.

        Other accounts are looked at now and then, for the marks on their tabs.
        """
        self.mind_size()
        if not self._beat.is_due(self._interval or 0.0, has_focus=self.app_focus):
            return
        if self._paused_at is None:
            self._look()
        else:
            self._paint()
        if self._beat.is_for_others():
            self._look_at_others()

    def _look(self) -> None:
        self.run_worker(self._show(self._poller.look, self._desk), group="look")

    def _look_at_others(self) -> None:
        for desk in self._desks:
            if desk is not self._desk and desk.paused_at is None:
                self.run_worker(self._show(desk.poller.look, desk), group="look")

    async def _show(
        self, ask: Callable[[], Awaitable[Snapshot | None]], desk: Desk | None = None
    ) -> None:
        """Show what is answered, on the account it was asked for: it may not be in sight by now."""
        desk = desk or self._desk
        could_order = desk.orders is not None
        snapshot = await ask()
        if could_order != (desk.orders is not None):
            self.refresh_bindings()
        if snapshot is not None and desk.paused_at is None:
            desk.snapshot = snapshot
        self._paint()

    def _paint_tabs(self) -> None:
        if len(self._desks) > 1:
            names = [desk.name for desk in self._desks]
            if self.amounts.hidden:
                names = [self._mask.alias("account", name) for name in names]
            tabs = tab_words(self._desks, names, self._desks.index(self._desk))
            self.screen_stack[0].query_one(TabLine).show(tabs)

    def action_pause(self) -> None:
        """Freeze the picture, or go on."""
        self._paused_at = self._clock() if self._paused_at is None else None
        self._paint()
        if self._paused_at is None:
            self._look()

    def action_refresh_now(self) -> None:
        """Ask the API now; a frozen picture goes on with it."""
        if self._paused_at is not None:
            self.action_pause()
        self.run_worker(self._show(self._poller.refresh, self._desk), group="refresh")
        self.call_later(self._paint)

    def action_account(self, step: int) -> None:
        """Show the next account, or the one before."""
        at = self._desks.index(self._desk)
        self._open_desk((at + step) % len(self._desks))

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        """Show the account whose tab was clicked on."""
        self._open_desk(event.number)

    def _open_desk(self, number: int) -> None:
        if self._desks[number] is self._desk:
            return
        self._stop_writing()
        before, self._desk = self._desk, self._desks[number]
        self._desk.sorted_like(before)
        self.refresh_bindings()
        self._paint()
        if self._paused_at is None:
            self._look()

    def action_interval(self, step: int) -> None:
        """Look less often, or more often."""
        if self._interval is not None:
            self._interval = next_interval(self._interval, step)
            self._begin_ticking()
            self._say(looks_said(self._interval))
