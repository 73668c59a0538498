"""The keys and the words of the monitor, over whatever is shown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from rf_tui.keymap import as_bound
from rf_tui.keys import CONTROL_KEYS, GENERATOR_KEYS, Key, spoken

_WORDS: Final = (
    ("left", "the provider's last balance, less what crawls of this machine spent since"),
    ("bar", "what is left, of the most this pool has had while it was watched"),
    ("drain", "bytes leaving the pool each second; measuring until there is enough to say"),
    ("runway", "how long the pool lasts at its drain: right four times out of five"),
    ("trend", "the balance from zero, oldest left: a small change looks small"),
    ("window", "calls the API permits in any rolling minute; free ones can be made now"),
    ("slots", "each held one stands where it comes free: a letter is one, a digit so many"),
    ("held by", "whose letter that is, and how many; strangers are outside this machine"),
    ("on the wire", "every byte at the gateway, TLS and CONNECT included, both ways"),
    ("failures", "verdicts, most frequent first; a number alone is the site's status"),
    ("left alone", "sites that asked for patience, and for how much longer"),
    ("since last", "growth of a domain since the reading before"),
    ("stale", "the API does not answer: ages say how old what you see is"),
    ("frozen", "no new picture has come for a while: this program's own trouble"),
)
_WIDEST: Final = 100
_FRAME: Final = 8
"""Cells that border, padding and scroll bar take."""

_INDENT: Final = 2
_TERM: Final = 20


class HelpScreen(ModalScreen[None]):
    """Closes with Esc; `q` leaves from here, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter", "dismiss", "Close"),
        Binding("q", "app.leave", "Quit"),
    ]

    def __init__(self, keys: Sequence[Key], bound: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._keys = keys
        self._bound = bound or {}

    def compose(self) -> ComposeResult:
        """Show both tables."""
        with VerticalScroll(id="help"):
            yield Static(id="words", markup=False)

    def on_resize(self) -> None:
        """Break lines for the new width."""
        words = self.query_one("#words", Static)
        words.update(help_text(self._keys, min(_WIDEST, self.size.width) - _FRAME, self._bound))


def help_text(shown: Sequence[Key], width: int, bound: Mapping[str, str] | None = None) -> str:
    """The text of the help, drawn from the tables, in lines of that many cells.

    Args:
        bound: What a person has bound anew.
    """

    def told(table: Sequence[Key]) -> list[tuple[str, str]]:
        return [(spoken(key.keys), key.meaning) for key in as_bound(table, bound or {})]

    keys = told(shown)
    keys.append(("Ctrl+P", "find a page, a pool, a crawl, a domain, what keys do, a theme"))
    lines = ["KEYS", "", *_entries(keys, width)]
    if any(key.action == "generate" for key in shown):
        lines += ["", "IN THE GENERATOR", "", *_entries(told(GENERATOR_KEYS), width)]
    if any(key.action == "control" for key in shown):
        lines += ["", "TELLING A CRAWL", "", *_entries(told(CONTROL_KEYS), width)]
    lines += ["", "WORDS", "", *_entries(_WORDS, width)]
    return "\n".join([*lines, "", "Esc closes this; arrows scroll it."])


def _entries(entries: Iterable[tuple[str, str]], width: int) -> list[str]:
    """A term and what it means, broken under its own beginning."""
    lines: list[str] = []
    for term, meaning in entries:
        broken = textwrap.wrap(meaning, max(20, width - _TERM - _INDENT))
        lines += [
            " " * _INDENT + f"{'' if number else term:<{_TERM}}{part}"
            for number, part in enumerate(broken)
        ]
    return lines
