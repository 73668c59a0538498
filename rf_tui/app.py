"""The live dashboard: asks its source for snapshots and shows what the view makes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer
from textual.widgets import Footer

from rf_core.prices import Price
from rf_core.snapshot import Snapshot
from rf_core.snapshot_source import Source
from rf_tui.guest import bindings
from rf_tui.handy import Handy, Places, looks_said, next_interval
from rf_tui.keys import KEYS, Key
from rf_tui.layout import Picture
from rf_tui.poller import Poller
from rf_tui.screens.help import HelpScreen
from rf_tui.view import Looks, picture
from rf_tui.widgets.canvas import Canvas
from rf_tui.widgets.filter_line import FilterLine

_STEERING: Final = frozenset(
    {
        "move",
        "next_panel",
        "open",
        "step_back",
        "filter",
        "sort",
        "targeting",
        "seek",
        "faster",
        "copy",
        "export",
        "mask",
    }
)


class MonitorApp(Handy):
    """A screen that is a function of the latest snapshot.

    Args:
        source: Where snapshots come from.
        interval: Seconds between looks; None looks only when asked, for tests.
        title: Shown beside the name, such as `demo`.
        clock: Unix seconds, for ages.
        places: Where files go.
        prices: What a gigabyte costs, for amounts in dollars.
    """

    CSS_PATH = "app.tcss"
    AUTO_FOCUS = None  # keys are the app's until somebody wants to write
    TITLE = "ResiFactory"
    keys: ClassVar[tuple[Key, ...]] = KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    def __init__(
        self,
        source: Source,
        *,
        interval: float | None = 1.0,
        title: str = "",
        clock: Callable[[], float] = time.time,
        places: Places | None = None,
        prices: Sequence[Price] = (),
    ) -> None:
        super().__init__(places or Places(), prices=prices, clock=clock)
        self._poller = Poller(source)
        self._interval = interval
        self._ticking: Timer | None = None
        self._label = title
        self._paused_at: float | None = None
        self._drawn = Picture()

    def compose(self) -> ComposeResult:
        """One canvas, one footer, and a line to write in."""
        yield Canvas()
        yield FilterLine()
        yield Footer()

    def on_mount(self) -> None:
        """Paint at once, then look."""
        self.mind_signals()
        self._paint()
        self._look()
        self._begin_ticking()

    def on_resize(self) -> None:
        """Draw for the new size, once the canvas knows it."""
        self.call_after_refresh(self._paint)

    def _begin_ticking(self) -> None:
        if self._ticking is not None:
            self._ticking.stop()
        if self._interval is not None:
            self._ticking = self.set_interval(self._interval, self._tick)

    @property
    def label(self) -> str:
        """What stands beside the name."""
        return self._label

    def _tick(self) -> None:
        """Paint once a tick: what a look brought, or how old everything has got meanwhile."""
        self.mind_size()
        if self._paused_at is None:
            self._look()
        else:
            self._paint()

    def _look(self) -> None:
        self.run_worker(self._show(self._poller.look), group="look")

    async def _show(self, ask: Callable[[], Awaitable[Snapshot | None]]) -> None:
        snapshot = await ask()
        if snapshot is not None and self._paused_at is None:
            self._snapshot = snapshot
        self._paint()

    def _paint(self) -> None:
        canvas = self._canvas()
        if canvas is None or not canvas.size.width:
            return
        now = self._clock()
        looks = Looks(
            now=now,
            paused_for=None if self._paused_at is None else now - self._paused_at,
            asking=self._poller.refreshing,
            label=f"{self.label} masked".strip() if self.amounts.hidden else self.label,
            late_after=8.0 + 2 * (self._interval or 0.0),
            where=self._where,
            amounts=self.amounts,
        )
        self._drawn = picture(self.snapshot, canvas.size.width, canvas.size.height, looks)
        canvas.show(self._drawn.lines)

    def _canvas(self) -> Canvas | None:
        screens = self.screen_stack
        return next(iter(screens[0].query(Canvas)), None) if screens else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's signature
        """Nothing is chosen, opened or written behind what lies over the picture."""
        return not (action in _STEERING and len(self.screen_stack) > 1)

    def action_move(self, step: int) -> None:
        """Choose another row."""
        self._go(self._where.moved(self._drawn.choices, step))

    def action_next_panel(self) -> None:
        """Choose a row of the next table."""
        self._go(self._where.next_panel(self._drawn.choices))

    def action_open(self) -> None:
        """Open the page of the row that is chosen."""
        self._go(self._where.entered(self._where.here.chosen))

    def action_step_back(self) -> None:
        """Take back what was done last."""
        self._stop_writing()
        self._go(self._where.back())

    def action_targeting(self) -> None:
        """Show what an order may name."""
        self._go(self._where.went("targeting"))

    def action_sort(self) -> None:
        """Sort the table of the row that is chosen, or else the last one, by its next column."""
        row = self._where.here.chosen or next(reversed(self._drawn.choices), None)
        if row is not None:
            self._go(self._where.sorted_anew(row.panel))

    def action_filter(self) -> None:
        """Write a filter."""
        self.query_one(FilterLine).open(self._where.filter)

    def on_input_changed(self, event: FilterLine.Changed) -> None:
        """Filter while it is being written."""
        if event.input.display:
            self._go(self._where.filtered(event.value))

    def on_input_submitted(self) -> None:
        """Keep the filter, and go back to the rows."""
        self._stop_writing()
        self._go(self._where.moved(self._drawn.choices, 1))

    def _stop_writing(self) -> None:
        self.screen_stack[0].query_one(FilterLine).close()
        self.screen_stack[0].set_focus(None)

    def on_canvas_pointed(self, event: Canvas.Pointed) -> None:
        """Choose a row with the mouse; a second click opens it."""
        row = self._drawn.rows.get(event.number)
        if row is not None:
            where = self._where.pointed(row)
            self._go(where.entered(row) if event.twice else where)

    def action_help(self) -> None:
        """Show the keys and the words."""
        self.push_screen(HelpScreen(self.keys))

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
        self.run_worker(self._show(self._poller.refresh), group="refresh")
        self.call_later(self._paint)

    def action_interval(self, step: int) -> None:
        """Look less often, or more often."""
        if self._interval is not None:
            self._interval = next_interval(self._interval, step)
            self._begin_ticking()
            self._say(looks_said(self._interval))

    def action_leave(self) -> None:
        """Leave, unasked."""
        self.exit()

    async def leave_after(self, seconds: float) -> None:
        """Leave by itself after a while."""
        await asyncio.sleep(seconds)
        self.exit()
