"""The live dashboard: asks its source for snapshots and shows what the view makes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from rf_core.prices import Price
from rf_core.snapshot_source import Hands, Source
from rf_tui.accounts import Desk
from rf_tui.acting import Acting
from rf_tui.amounts import printing
from rf_tui.charted import charted_seconds
from rf_tui.guest import bindings
from rf_tui.handy import Places
from rf_tui.kept import Kept
from rf_tui.keys import CONTROL_KEYS, GENERATOR_KEYS, KEYS, Key
from rf_tui.layout import Picture
from rf_tui.looks import Looks
from rf_tui.places import Page
from rf_tui.view import picture
from rf_tui.widgets.canvas import Canvas
from rf_tui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from rf_tui.making import Generates
    from rf_tui.widgets.filter_line import FilterLine

_STEERING: Final = frozenset(
    {
        "move", "next_panel", "open", "step_back", "filter", "sort", "targeting", "alerts",
        "requests", "zoom", "shift",
        "generate", "control", "seek", "faster", "copy", "export", "mask", "account", "picture",
    }
)  # fmt: skip


class MonitorApp(Acting):
    """A screen that is a function of the latest snapshot.

    Args:
        source: Where snapshots come from; or several of them, each an account on a tab of its own.
        interval: Seconds between looks; None looks only when asked, for tests.
        title: Shown beside the name, such as `demo`.
        clock: Unix seconds, for ages.
        places: Where files go.
        prices: What a gigabyte costs, for amounts in dollars.
        wishes: Keys that a person has bound anew: id → keys.
        generates: Who sends orders; without it nothing can be ordered from here.
        hands: What a person may do about what is shown; without it they only look.
    """

    CSS_PATH = "app.tcss"
    AUTO_FOCUS = None  # keys are the app's until somebody wants to write
    TITLE = "ResiFactory"
    keys: ClassVar[tuple[Key, ...]] = KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    def __init__(
        self,
        source: Source | Sequence[Desk],
        *,
        interval: float | None = 1.0,
        title: str = "",
        clock: Callable[[], float] = time.time,
        places: Places | None = None,
        prices: Sequence[Price] = (),
        generates: Generates | None = None,
        hands: Hands | None = None,
        wishes: Mapping[str, str] | None = None,
    ) -> None:
        desks = (
            source if isinstance(source, Sequence) else [Desk("", source, prices, generates, hands)]
        )
        super().__init__(desks, places or Places(), interval=interval, clock=clock)
        self._label = title
        self._drawn = Picture()
        self._line: FilterLine | None = None
        self._kept = Kept()
        self._wishes = wishes or {}
        self._bound: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        """One canvas, below a line of tabs. What else there is comes once this is to be seen."""
        yield TabLine()
        yield Canvas()

    def on_mount(self) -> None:
        """Begin once something is to be seen: until then, all other work would hold it up."""
        self.mind_signals()
        self.call_after_refresh(self._furnish)

    async def _furnish(self) -> None:
        """Put the footer and the line to write in where they belong, and begin to look."""
        from textual.widgets import Footer  # noqa: PLC0415 - after the first text

        from rf_tui.widgets.filter_line import FilterLine  # noqa: PLC0415 - same

        self._line = FilterLine()
        await self.screen_stack[0].mount(self._line, Footer())
        if self._wishes:
            self._bind_anew()
        self.begin()
        # A footer that comes late has missed the word that keys are bound, and stays empty.
        self.refresh_bindings()
        self.begun.set()

    def _bind_anew(self) -> None:
        """Give keys to what config.toml gives them to, and say what could not be."""
        from rf_tui.keymap import remapped  # noqa: PLC0415 - few have such wishes

        found = remapped((*self.keys, *GENERATOR_KEYS, *CONTROL_KEYS), self._wishes)
        self._bound = found.keymap
        self.set_keymap(dict(found.keymap))
        for complaint in found.complaints:
            self._say(complaint, wrong=True)

    def on_resize(self) -> None:
        """Draw for the new size, once the canvas knows it."""
        self.call_after_refresh(self._paint)

    @property
    def label(self) -> str:
        """What stands beside the name."""
        return self._label

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
            late_after=8.0 + 2 * self._beat.seconds(self._interval or 0.0),
            where=self._where,
            amounts=self.amounts,
        )
        size = canvas.size
        self._drawn = picture(self.snapshot, size.width, size.height, looks, self._kept)
        canvas.show(self._drawn.lines)
        self._paint_tabs()

    def _canvas(self) -> Canvas | None:
        screens = self.screen_stack
        return next(iter(screens[0].query(Canvas)), None) if screens else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's signature
        """Nothing is chosen, opened or written behind what lies over the picture."""
        if action == "generate" and self._desk.orders is None:
            return False
        return not (action in _STEERING and len(self.screen_stack) > 1)

    def action_move(self, step: int) -> None:
        """Choose another row."""
        self._go(self._where.moved(self._drawn.choices, step))

    def action_next_panel(self) -> None:
        """Choose a row of the next table."""
        self._go(self._where.next_panel(self._drawn.choices))

    def action_open(self) -> None:
        """Open the page of the row that is chosen."""
        self._enter(self._where.here.chosen)

    def action_step_back(self) -> None:
        """Take back what was done last."""
        self._stop_writing()
        self._go(self._where.back())

    def action_targeting(self) -> None:
        """Show what an order may name."""
        self._go(self._where.went("targeting"))

    def action_zoom(self, step: int) -> None:
        """Show a shorter time in the charts, or a longer one."""
        whole = charted_seconds(self.snapshot, self._where)
        self._go(self._where.reaching(self._where.reach.zoomed(step, whole)))

    def action_shift(self, step: int) -> None:
        """Show what was before in the charts, or what came later."""
        whole = charted_seconds(self.snapshot, self._where)
        self._go(self._where.reaching(self._where.reach.shifted(step, whole)))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Let the palette find pages, subjects and what keys do, besides Textual's own.

        But for its picture, which others may read and which fetches fonts: there is one of ours.
        """
        yield from (one for one in super().get_system_commands(screen) if one.title != "Screenshot")
        from textual.markup import escape  # noqa: PLC0415 - after the first text

        from rf_tui.palette import entries  # noqa: PLC0415 - same

        with printing(self.amounts):
            found = entries(self.snapshot, self._offered())
        for entry in found:
            act = partial(self._find, entry.action, entry.page, entry.subject)
            yield SystemCommand(escape(entry.name), escape(entry.meaning), act)

    async def _find(self, action: str, page: Page | None, subject: str) -> None:
        if page is None:
            await self.run_action(action)
        else:
            self._go(self._where.went(page, subject))

    def _offered(self) -> list[Key]:
        """The keys that have something to do here."""
        has = self._desk.orders is not None
        return [key for key in self.keys if has or key.action != "generate"]

    def action_requests(self) -> None:
        """Show the calls of the API."""
        self._go(self._where.went("requests"))

    def action_generate(self) -> None:
        """Order credentials; not under the mask, which names of pools are typed through."""
        if self._chosen.masked:
            self._say("The generator names pools: m takes the mask off first.", wrong=True)
        elif (generates := self._desk.orders) is not None:
            from rf_tui.screens.generator import GeneratorScreen  # noqa: PLC0415 - seldom wanted

            desk = self._desk
            self.push_screen(
                GeneratorScreen(generates, lambda: desk.snapshot, form=desk.form, keep=desk.keep)
            )

    def action_sort(self) -> None:
        """Sort the table of the row that is chosen, or else the last one, by its next column."""
        row = self._where.here.chosen or next(reversed(self._drawn.choices), None)
        if row is not None:
            self._go(self._where.sorted_anew(row.panel))

    def action_filter(self) -> None:
        """Write a filter."""
        if self._line is not None:
            self._line.open(self._where.filter)

    def on_input_changed(self, event: FilterLine.Changed) -> None:
        """Filter while it is being written."""
        if event.input.display:
            self._go(self._where.filtered(event.value))

    def on_input_submitted(self) -> None:
        """Keep the filter, and go back to the rows."""
        self._stop_writing()
        self._go(self._where.moved(self._drawn.choices, 1))

    def _stop_writing(self) -> None:
        if self._line is not None:
            self._line.close()
        self.screen_stack[0].set_focus(None)

    def on_canvas_pointed(self, event: Canvas.Pointed) -> None:
        """Choose a row with the mouse; a second click opens it."""
        row = self._drawn.rows.get(event.number)
        if row is not None:
            where = self._where.pointed(row)
            self._go(where.entered(row) if event.twice else where)

    def action_help(self) -> None:
        """Show the keys and the words."""
        from rf_tui.screens.help import HelpScreen  # noqa: PLC0415 - after the first text

        self.push_screen(HelpScreen(self._offered(), self._bound))

    def action_leave(self) -> None:
        """Leave, unasked."""
        self.exit()

    async def leave_after(self, seconds: float) -> None:
        """Leave by itself after a while."""
        await asyncio.sleep(seconds)
        self.exit()
