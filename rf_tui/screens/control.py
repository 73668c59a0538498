"""Asks what a crawl is to be told, and whether that is meant; tells nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Static

from rf_core.control import VERBS, Verb
from rf_core.redaction import printable
from rf_core.snapshot import CrawlReport
from rf_core.units import parse_bytes
from rf_tui.amounts import Amounts
from rf_tui.guest import bindings
from rf_tui.keys import CONTROL_KEYS, spoken

_KEY_OF: Final = {key.action: spoken(key.keys) for key in CONTROL_KEYS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person wants a crawl to be told.

    Attributes:
        limit_bytes: With `budget`, what it may spend in all.
    """

    verb: Verb
    limit_bytes: int | None = None


class ControlScreen(ModalScreen[Wanted | None]):
    """A word is chosen by its key, and then confirmed. Esc goes back, and out.

    Args:
        crawl: As it is shown, masked or not.
        amounts: How amounts are printed.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(CONTROL_KEYS)

    def __init__(self, crawl: CrawlReport, amounts: Amounts) -> None:
        super().__init__()
        self._crawl = crawl
        self._amounts = amounts
        self._wanted: Wanted | None = None
        self._wrong = ""

    def compose(self) -> ComposeResult:
        """What is to be chosen, a line for a size, and the keys."""
        with Vertical(id="control"):
            yield Static(id="question", markup=False)
            yield Input(placeholder="500 MB", compact=True, id="size")
        yield Footer()

    def on_mount(self) -> None:
        """Nothing is chosen yet."""
        self._input().display = False
        self._say()

    def _input(self) -> Input:
        return self.query_one("#size", Input)

    def _say(self) -> None:
        self.query_one("#question", Static).update(self.question())

    def question(self) -> str:
        """What is asked right now."""
        crawl = self._crawl
        name = f"crawl {printable(crawl.spider, 40)}"
        size, budget = self._amounts.size, crawl.budget_bytes
        spent = f"It has spent {size(crawl.wire_bytes, crawl.pool)}"
        capped = "without a budget." if budget is None else f"of {size(budget, crawl.pool)}."
        if self._input().display:
            wrong = f"\n{self._wrong}" if self._wrong else ""
            return f"How much may {name} spend in all? {spent}, {capped}{wrong}"
        if self._wanted is not None:
            limit = self._wanted.limit_bytes
            what = "" if limit is None else f", and no more than {size(limit, crawl.pool)} in all"
            return (
                f"Tell {name} to {self._wanted.verb}{what}?\n"
                f"{_capital(VERBS[self._wanted.verb])}.\n\n"
                f"{_KEY_OF['confirm']} yes   {_KEY_OF['step_back']} no"
            )
        words = [f"{_KEY_OF[f'choose({verb!r})']}  {verb:<7} {VERBS[verb]}" for verb in VERBS]
        return "\n".join([f"Tell {name}. {spent}, {capped}", "", *words])

    def action_choose(self, verb: Verb) -> None:
        """Take a word, to be confirmed; a budget needs a size first."""
        if self._wanted is not None:
            return
        if verb == "budget":
            self._input().display = True
            self._input().focus()
        else:
            self._wanted = Wanted(verb)
        self._say()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Read the size."""
        event.stop()
        try:
            limit = parse_bytes(event.value)
        except ValueError as error:
            self._wrong = _capital(str(error)) + "."
        else:
            self._wrong = ""
            self._wanted = Wanted("budget", limit)
            self._input().display = False
            self.set_focus(None)
        self._say()

    def on_input_changed(self, event: Input.Changed) -> None:
        """It is this screen's line, and no filter."""
        event.stop()

    def action_confirm(self) -> None:
        """It is meant."""
        if self._wanted is not None:
            self.dismiss(self._wanted)

    def action_step_back(self) -> None:
        """Take the word back, or leave."""
        if self._wanted is None and not self._input().display:
            self.dismiss(None)
            return
        self._wanted = None
        self._wrong = ""
        self._input().display = False
        self.set_focus(None)
        self._say()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
