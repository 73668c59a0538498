"""Every key of the monitor: one table for bindings, footer and help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Key:
    """One key binding. `id` is what `[keys]` of config.toml names."""

    id: str
    keys: str
    action: str
    label: str
    meaning: str
    in_footer: bool = True


KEYS: Final = (
    Key("monitor.up", "up,k", "move(-1)", "Up", "choose the row above", False),
    Key("monitor.down", "down,j", "move(1)", "Down", "choose the row below", False),
    Key("monitor.first", "home", "move(-1000000)", "First", "choose the first row", False),
    Key("monitor.last", "end", "move(1000000)", "Last", "choose the last row", False),
    Key("monitor.panel", "tab", "next_panel", "Panel", "choose a row of the next table", False),
    Key("monitor.open", "enter", "open", "Open", "the page of what is chosen"),
    Key(
        "monitor.back",
        "escape",
        "step_back",
        "Back",
        "take back the filter, the page, the choice",
        False,
    ),
    Key(
        "monitor.filter",
        "slash",
        "filter",
        "Filter",
        "list rows with a text; !text without, ~txt roughly",
    ),
    Key(
        "monitor.sort",
        "s",
        "sort",
        "Sort",
        "sort the table of what is chosen by its next column",
        False,
    ),
    Key("monitor.targeting", "t", "targeting", "Targeting", "what an order may name today"),
    Key("monitor.closer", "plus,right_square_bracket", "zoom(1)", "Zoom", "a shorter time", False),
    Key("monitor.farther", "minus,left_square_bracket", "zoom(-1)", "Zoom", "a longer one", False),
    Key("monitor.earlier", "left,comma", "shift(-1)", "Earlier", "what was before", False),
    Key("monitor.later", "right,full_stop", "shift(1)", "Later", "of what came after that", False),
    Key("monitor.requests", "l", "requests", "Requests", "the calls of the API, the last first"),
    Key("monitor.generate", "g", "generate", "Generate", "order credentials; asks before it sends"),
    Key(
        "monitor.alerts",
        "a",
        "alerts",
        "Alerts",
        "what you wanted to be told of; there: acknowledge it",
        False,
    ),
    Key(
        "monitor.control",
        "x",
        "control",
        "Control",
        "pause, resume, stop the crawl or lower its budget; asks first",
        False,
    ),
    Key("monitor.help", "question_mark,f1", "help", "Help", "show this"),
    Key("monitor.pause", "p,space", "pause", "Pause", "freeze the picture, or let it go on"),
    Key("monitor.refresh", "r", "refresh_now", "Refresh", "ask the API now instead of when due"),
    Key("monitor.copy", "c", "copy", "Copy", "the row that is chosen, to the clipboard", False),
    Key(
        "monitor.export",
        "e",
        "export('csv')",
        "Export",
        "the table of what is chosen as CSV; with nothing chosen, each of the page",
        False,
    ),
    Key(
        "monitor.export_json",
        "E",
        "export('json')",
        "Export",
        "every table of the page as JSON",
        False,
    ),
    Key("monitor.picture", "i", "picture", "Picture", "the screen as an SVG", False),
    Key("monitor.mask", "m", "mask", "Mask", "mask names and amounts, for others' eyes", False),
    Key("monitor.units", "u", "units", "Units", "amounts in GB, GiB, MB, bytes, dollars", False),
    Key("monitor.account", "n", "account(1)", "Account", "the next account, of several", False),
    Key("monitor.account_before", "N", "account(-1)", "Account", "the one before it", False),
    Key("monitor.rarer", "greater_than_sign", "interval(1)", "Rarer", "look less often", False),
    Key("monitor.oftener", "less_than_sign", "interval(-1)", "Oftener", "look more often", False),
    Key("monitor.quit", "q,ctrl+q,ctrl+c", "leave", "Quit", "leave, unasked"),
    Key(
        "monitor.suspend",
        "ctrl+z",
        "suspend_process",
        "Suspend",
        "to the shell; fg comes back",
        False,
    ),
)

REPLAY_KEYS: Final = (
    Key("replay.back", "left", "seek(-10)", "Back", "ten seconds back", False),
    Key("replay.on", "right", "seek(10)", "On", "ten seconds on", False),
    Key("replay.far_back", "shift+left", "seek(-600)", "Back", "ten minutes back", False),
    Key("replay.far_on", "shift+right", "seek(600)", "On", "ten minutes on", False),
    Key("replay.faster", "plus", "faster(1)", "Faster", "at a higher speed", False),
    Key("replay.slower", "minus", "faster(-1)", "Slower", "at a lower speed", False),
)
"""Those that a recording has besides."""

GENERATOR_KEYS: Final = (
    Key("generate.up", "up,shift+tab", "field(-1)", "Up", "the field above", False),
    Key("generate.down", "down,tab", "field(1)", "Down", "the field below", False),
    Key("generate.before", "left", "choice(-1)", "Before", "the valid value before", False),
    Key("generate.after", "right", "choice(1)", "Value", "the next valid value"),
    Key("generate.clear", "ctrl+u", "clear", "Clear", "empty the field"),
    Key("generate.enter", "enter", "enter", "Enter", "the next field; at the end ask, then send"),
    Key(
        "generate.copy", "c", "copy", "Copy", "credentials, as many as a terminal's clipboard takes"
    ),
    Key("generate.export", "x", "export", "Write", "all of them to the file; only you can read it"),
    Key("generate.reveal", "v", "reveal", "Show", "user names and passwords, or mask them again"),
    Key("generate.format", "f", "format", "Format", "write them in the next format"),
    Key("generate.back", "escape", "step_back", "Back", "give up, back to the form, leave"),
)
"""Those of the generator, which has letters for itself while somebody writes."""


CONTROL_KEYS: Final = (
    Key("control.pause", "p", "choose('pause')", "Pause", "tell the crawl to pause"),
    Key("control.resume", "r", "choose('resume')", "Resume", "tell it to go on"),
    Key("control.stop", "s", "choose('stop')", "Stop", "tell it to stop"),
    Key("control.budget", "b", "choose('budget')", "Budget", "lower what it may spend"),
    Key("control.confirm", "y", "confirm", "Yes", "it is meant"),
    Key("control.back", "escape", "step_back", "Back", "take the word back, or leave"),
)
"""Those of the question that comes before a crawl is told anything."""


def beside(keys: Sequence[Key], others: Sequence[Key]) -> tuple[Key, ...]:
    """Put two tables together; a key that is in both means what the second one says."""
    taken = {name for key in others for name in key.keys.split(",")}
    kept = [
        replace(key, keys=",".join(name for name in key.keys.split(",") if name not in taken))
        for key in keys
    ]
    return (*(key for key in kept if key.keys), *others)


def spoken(keys: str) -> str:
    """Write a binding's keys for a person."""
    names = {
        "question_mark": "?", "space": "Space", "f1": "F1", "slash": "/", "escape": "Esc",
        "left": "←", "right": "→", "shift+left": "Shift+←", "shift+right": "Shift+→",
        "right_square_bracket": "]", "left_square_bracket": "[", "comma": ",", "full_stop": ".",
        "plus": "+", "minus": "-", "less_than_sign": "<", "greater_than_sign": ">",
        "enter": "Enter", "tab": "Tab", "up": "↑", "down": "↓",
        "home": "Home", "end": "End", "shift+tab": "Shift+Tab",
    }  # fmt: skip
    return ", ".join(names.get(key) or _spoken(key) for key in keys.split(","))


def _spoken(key: str) -> str:
    if key.startswith("ctrl+"):
        return f"Ctrl+{key[-1].upper()}"
    return key.upper() if key[:1] == "f" and key[1:].isdigit() else key
