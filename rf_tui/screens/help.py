"""The keys and the words of the monitor, over whatever is shown."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from rf_tui.keys import KEYS, spoken

_WORDS: Final = (
    ("left", "the provider's last balance, less what crawls of this machine spent since"),
    ("drain", "bytes leaving the pool each second; measuring until there is enough to say"),
    ("bar", "what is left, of the most this pool has had while it was watched"),
    ("trend", "balances from zero, oldest left: a small change looks small"),
    ("window", "calls the API permits in any rolling minute; free ones can be made now"),
    ("strangers", "slots that others on the same key seem to hold"),
    ("on the wire", "every byte at the gateway, TLS and CONNECT included, both ways"),
    ("failures", "verdicts: auth, exhausted, limited …; a number alone is the site's status"),
    ("since last", "growth of a domain since the reading before"),
)


class HelpScreen(ModalScreen[None]):
    """Closes with Esc; `q` leaves from here, too."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter", "dismiss", "Close"),
        Binding("q", "app.leave", "Quit"),
    ]

    def compose(self) -> ComposeResult:
        """Show both tables."""
        with VerticalScroll(id="help"):
            yield Static(help_text(), markup=False)


def help_text() -> str:
    """The text of the help, drawn from the tables."""
    lines = ["KEYS", ""]
    lines += [f"  {spoken(key.keys):<18}{key.meaning}" for key in KEYS]
    lines += [f"  {'Ctrl+P':<18}command palette: themes, screenshot", "", "WORDS", ""]
    lines += [f"  {word:<18}{meaning}" for word, meaning in _WORDS]
    lines += ["", "  Esc closes this."]
    return "\n".join(lines)
