"""Every key of the monitor: one table for bindings, footer and help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Key:
    """One key binding. `id` is what a user's own keymap names."""

    id: str
    keys: str
    action: str
    label: str
    meaning: str
    in_footer: bool = True


KEYS: Final = (
    Key("monitor.help", "question_mark,f1", "help", "Help", "show this"),
    Key("monitor.pause", "p,space", "pause", "Pause", "freeze the picture, or let it go on"),
    Key("monitor.refresh", "r", "refresh_now", "Refresh", "ask the API now instead of when due"),
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


def spoken(keys: str) -> str:
    """Write a binding's keys for a person."""
    names = {"question_mark": "?", "space": "Space", "f1": "F1"}
    return ", ".join(
        names.get(key, f"Ctrl+{key[-1].upper()}" if key.startswith("ctrl+") else key)
        for key in keys.split(",")
    )
