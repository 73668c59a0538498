"""The accounts that are open, side by side; a click chooses one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from rf_tui.cells import width_of


class TabLine(Static):
    """One line; it is there only where there is more than one account."""

    class Chosen(Message):
        """Somebody has clicked on a tab.

        Attributes:
            number: Which, from the left.
        """

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__(id="tabs", markup=False)
        self._tabs: list[tuple[str, bool]] = []
        self.display = False

    def show(self, tabs: Sequence[tuple[str, bool]]) -> None:
        """Show these: what each says, and whether it is the one that is chosen."""
        if list(tabs) == self._tabs:
            return
        self._tabs = list(tabs)
        self.display = len(tabs) > 1
        line = Text(no_wrap=True, overflow="ellipsis")
        for said, is_chosen in tabs:
            line.append(f"[{said}]" if is_chosen else f" {said} ", "bold reverse" * is_chosen)
        self.update(line)

    @property
    def text(self) -> str:
        """What is shown: for tests."""
        return "".join(f"[{said}]" if chosen else f" {said} " for said, chosen in self._tabs)

    def on_click(self, event: Click) -> None:
        """Say which tab it was."""
        left = 0
        for number, (said, _) in enumerate(self._tabs):
            left += width_of(said) + 2
            if event.x < left:
                self.post_message(self.Chosen(number))
                return
