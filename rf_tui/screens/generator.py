"""The generator over the dashboard: an order is written, confirmed, sent, handed out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Key as KeyPressed
from textual.events import Paste
from textual.screen import ModalScreen
from textual.widgets import Footer
from textual.worker import Worker

from rf_core import listing
from rf_core.errors import ResiFactoryError
from rf_core.snapshot import Snapshot
from rf_tui import making
from rf_tui.guest import bindings
from rf_tui.keys import GENERATOR_KEYS
from rf_tui.making import Generates, Made
from rf_tui.order_form import FIELDS, Form, discovery_of
from rf_tui.order_page import OrderPicture, Stage, StageName, order_picture
from rf_tui.order_rules import judged, may_send
from rf_tui.widgets.canvas import Canvas

_TICK_SECONDS: Final = 0.25
_HIGHEST_FORM: Final = 15
"""Lines that are not for credentials."""

_STAGES_OF: Final[dict[str, frozenset[StageName]]] = {
    "field": frozenset({"writing"}),
    "choice": frozenset({"writing"}),
    "clear": frozenset({"writing"}),
    "enter": frozenset({"writing", "asking"}),
    "copy": frozenset({"done"}),
    "export": frozenset({"done"}),
    "reveal": frozenset({"done"}),
    "format": frozenset({"done"}),
}
"""Action → when it is to be had."""


class GeneratorScreen(ModalScreen[None]):
    """Nothing is sent before a second, explicit yes; what came is forgotten when this closes.

    Args:
        generates: Who sends.
        look: Returns the newest snapshot: what is valid, and what is free.
        form: What was written here before.
        keep: Takes the form for the next time; there is no secret in it.
        tick: Seconds that pass, for how long it takes.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(GENERATOR_KEYS, first=())

    def __init__(
        self,
        generates: Generates,
        look: Callable[[], Snapshot],
        *,
        form: Form | None = None,
        keep: Callable[[Form], None] = lambda _form: None,
        tick: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._generates = generates
        self._look = look
        self._form = form or Form()
        self._keep = keep
        self._tick = tick
        self._stage: StageName = "writing"
        self._made = Made(0)
        self._worker: Worker[None] | None = None
        self._began = 0.0
        self._took = 0.0
        self._about = ""
        self._said = ""
        self._revealed = False
        self._replaces: Path | None = None
        self._drawn = OrderPicture([], {})

    def compose(self) -> ComposeResult:
        """A canvas of its own, and the keys."""
        yield Canvas()
        yield Footer()

    def on_mount(self) -> None:
        """Paint, and again now and then: slots come free, credentials come in."""
        self.set_interval(_TICK_SECONDS, self.paint)

    def on_resize(self) -> None:
        """Draw for the new size, once the canvas knows it."""
        self.call_after_refresh(self.paint)

    def on_unmount(self) -> None:
        """Forget what came."""
        self._made = Made(0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's signature
        """Letters are letters while somebody writes."""
        return action not in _STAGES_OF or self._stage in _STAGES_OF[action]

    def paint(self) -> None:
        """Show how it stands."""
        canvas = self.query_one(Canvas)
        width, height = canvas.size
        if not width or not height:
            return
        self._drawn = order_picture(self._form, self._look(), self._shown(height), width, height)
        canvas.show(self._drawn.lines)

    def _shown(self, height: int) -> Stage:
        made = self._made
        seconds = self._took if self._stage != "sending" else self._tick() - self._began
        return Stage(
            name=self._stage,
            count=made.count + made.coming,
            asked=made.asked,
            seconds=seconds,
            about=self._about,
            said=self._said,
            lines=self._preview(max(1, height - _HIGHEST_FORM)),
            warns=made.is_demo,
        )

    def _preview(self, number: int) -> tuple[str, ...]:
        if self._stage != "done" or not self._made.count:
            return ()
        try:
            return tuple(making.shown(self._made, self._format, number, revealed=self._revealed))
        except ResiFactoryError as error:
            return (making.reason(error),)

    @property
    def _format(self) -> str:
        return self._form.text("format").strip()

    def _to(self, stage: StageName) -> None:
        self._stage = stage
        self.refresh_bindings()
        self.paint()

    def _write(self, form: Form) -> None:
        self._form = form
        self._keep(form)
        self.paint()

    async def on_key(self, event: KeyPressed) -> None:
        """Take a letter for the field, a no for the question, or do what the key is bound to.

        Bound keys are served here, and not where Textual would: they would be overtaken by letters
        that are typed after them.
        """
        bound = self.active_bindings.get(event.key)
        if self._stage == "asking" and event.key not in {"enter", "y", "Y"}:
            self._to("writing")
        elif self._stage == "asking":
            self.action_enter()
        elif self._stage == "failed":
            self._to("writing")
        elif self._stage == "writing" and event.key == "backspace":
            self._write(self._form.erased())
        elif self._stage == "writing" and event.character and event.is_printable:
            self._write(self._form.typed(event.character))
        elif bound is not None and bound.node is self:
            await self.app.run_action(bound.binding.action, self)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: Paste) -> None:
        """Write what is pasted, its first line."""
        if self._stage == "writing":
            self._write(self._form.typed(event.text.strip().partition("\n")[0]))
        event.stop()

    def on_canvas_pointed(self, event: Canvas.Pointed) -> None:
        """Choose a field with the mouse; the last row asks."""
        row = self._drawn.rows.get(event.number)
        if self._stage == "writing" and row is not None:
            self._write(self._form.pointed(row))
            if FIELDS[row][0] == "send":
                self.action_enter()

    def action_field(self, step: int) -> None:
        """Go to another field."""
        self._write(self._form.moved(step))

    def action_choice(self, step: int) -> None:
        """Take another valid value."""
        self._write(self._form.stepped(step, discovery_of(self._look())))

    def action_clear(self) -> None:
        """Empty the field."""
        self._write(self._form.cleared())

    def action_enter(self) -> None:
        """Go on: to the next field, to the question, to the API."""
        if self._stage == "asking":
            self._send()
        elif self._form.name != "send":
            self._write(self._form.moved(1))
        elif may_send(judged(self._form, discovery_of(self._look()))):
            self._to("asking")

    def action_step_back(self) -> None:
        """Give up what is under way, go back to the form, or leave."""
        if self._stage == "writing":
            self.dismiss()
            return
        if self._stage == "sending" and self._worker is not None:
            self._worker.cancel()
        self._made, self._said, self._revealed = Made(0), "", False
        self._to("writing")

    def _send(self) -> None:
        self._made = Made(self._form.quantity)
        self._said, self._revealed, self._replaces = "", False, None
        self._began = self._tick()
        self._to("sending")
        self._worker = self.run_worker(self._order(self._made), group="order", exclusive=True)

    async def _order(self, made: Made) -> None:
        try:
            await making.make(self._generates, self._form.order(), made)
        except ResiFactoryError as error:
            self._about = making.reason(error)
            if made.count:
                self._about = f"{made.count:,} came, then: {self._about}"
        else:
            self._about = _told(made)
        self._took = self._tick() - self._began
        self._to("done" if made.count else "failed")

    def action_copy(self) -> None:
        """Copy as many as a terminal takes."""
        if self._refused():
            return
        try:
            text, number = making.copied(self._made, self._format)
        except ResiFactoryError as error:
            self._say(making.reason(error))
            return
        self.app.copy_to_clipboard(text)
        whole = number == self._made.count
        first = "" if whole else "the first "
        rest = "" if whole else f" of {self._made.count:,}: a terminal takes no more, x writes all"
        self._say(f"Copied {first}{number:,}{rest}, as {self._format}, passwords included.")

    def action_export(self) -> None:
        """Write all of them to the file; ask before one that is there is replaced."""
        name = self._form.text("file").strip()
        if self._refused():
            return
        if not name:
            self._say("No file is named: Esc goes back to the form.")
            return
        file = Path(name).expanduser().absolute()
        if file.exists() and self._replaces != file:
            self._replaces = file
            self._say(f"{file} is there already: x again replaces it.")
            return
        self.run_worker(self._export(file), group="export", exclusive=True)

    async def _export(self, file: Path) -> None:
        made, name = self._made, self._format
        self._say(f"Writing {file} …")
        try:
            number = await asyncio.to_thread(making.export, made, name, file)
        except (ResiFactoryError, OSError) as error:
            self._say(making.reason(error))
        else:
            self._replaces = None
            self._say(f"{number:,} written as {name}, for you alone to read: {file}")

    def _refused(self) -> bool:
        """Credentials that do not work are not handed out."""
        if self._made.is_demo:
            self._say("None of these works: top the pool up first.")
        return self._made.is_demo

    def _say(self, text: str) -> None:
        self._said = text
        self.paint()

    def action_reveal(self) -> None:
        """Show user names and passwords, or mask them again."""
        self._revealed = not self._revealed
        self._say("User names and passwords are shown: v masks them." if self._revealed else "")

    def action_format(self) -> None:
        """Write them in another format."""
        names = list(listing.FORMATS)
        at = self._form.at
        number = next(n for n, (name, _) in enumerate(FIELDS) if name == "format")
        following = names[(names.index(self._format) + 1) % len(names)]
        self._write(self._form.pointed(number).written(following).pointed(at))


def _told(made: Made) -> str:
    """Say what came."""
    facts = made.facts
    where = "" if facts is None else f" of pool {facts.pool}"
    country = f", country {facts.country}" if facts is not None and facts.country else ""
    calls = f"{made.calls} call{'s' if made.calls > 1 else ''}"
    said = f"{made.count:,} credentials{where}{country}, by {calls}."
    if made.is_demo:
        said = f"Demo credentials{where}: none of them works, the pool has no balance."
    if made.repeats:
        said += f" {made.repeats:,} that repeat another are left out."
    short = made.asked - made.count - made.repeats
    if short > 0 and not made.is_demo:
        said += f" The API sent {short:,} fewer than were asked for."
    return said
