"""An application that leaves the terminal as it found it, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Final

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Size

from rf_core.redaction import Secret
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.crash import sentence, write_report
from rf_tui.hangup import mind_terminal
from rf_tui.keys import Key

_ENDINGS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_THEME_WITHOUT_COLOURS: Final = "ansi-dark"
"""The terminal's own foreground and background."""

_PRIORITY: Final = frozenset({"ctrl+q", "ctrl+c", "tab"})
"""Tab is the toolkit's own key for widgets, of which there is only one here."""


class Guest(App[None]):
    """What a program owes to the terminal it runs in.

    Args:
        report_folder: Where a crash report goes.
    """

    def __init__(self, report_folder: Path | None) -> None:
        # Without it, NO_COLOR becomes shades of grey: the filter is chosen here, once and for all.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self._report_folder = report_folder
        if self.no_color:
            self.theme = _THEME_WITHOUT_COLOURS

    def mind_signals(self) -> None:
        """Leave the terminal as it was when told to end from outside."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # loops of Windows have no signals
            for ending in _ENDINGS:
                loop.add_signal_handler(ending, self._interrupt)
        if sys.__stdin__ is not None:
            mind_terminal(sys.__stdin__.fileno(), loop, self._interrupt)

    def _interrupt(self) -> None:
        self.exit(None, ExitCode.INTERRUPTED)

    def on_unmount(self) -> None:
        """Give the signals back."""
        if self.is_headless:
            return
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):
            for ending in _ENDINGS:
                loop.remove_signal_handler(ending)

    def mind_size(self) -> None:
        """Follow the terminal where no signal did.

        When a corner is dragged quickly, one size signal interrupts the handler of another, which
        then reports the older size last.
        """
        if self.is_headless or self.is_web:
            return
        size = Size(*shutil.get_terminal_size())
        if size != self.size:
            self.post_message(Resize(size, size))

    def secrets(self) -> list[Secret]:
        """What must not stand in a report of a crash."""
        key = os.environ.get("RF_API_KEY", "")
        return [Secret(key)] if key else []

    def _fatal_error(self) -> None:
        """Textual would print every frame's variables here, an API key among them."""
        error = self._exception or RuntimeError("unknown")
        report = write_report(error, self._report_folder, self.secrets())
        self.bell()
        self._exit_renderables.append(Text(sentence(error, report)))
        self._close_messages_no_wait()


def bindings(keys: Iterable[Key], first: Container[str] = _PRIORITY) -> list[BindingType]:
    """Make bindings of a table of keys; of several for one thing, the footer shows the first.

    Args:
        first: Keys that nothing else on the screen gets.
    """
    return [
        Binding(
            name,
            key.action,
            key.label,
            show=key.in_footer and not place,
            tooltip=key.meaning,
            id=key.id if not place else f"{key.id}.{place}",
            priority=name in first,
        )
        for key in keys
        for place, name in enumerate(key.keys.split(","))
    ]
