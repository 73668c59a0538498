"""The line in which a filter is written; it is there only while somebody writes."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class FilterLine(Input):
    """What is typed applies at once; Enter keeps it, Esc takes it back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.step_back", "Back", show=False)]

    def __init__(self) -> None:
        super().__init__(
            id="filter",
            placeholder="rows with this; !this: without it; ~ths: roughly",
            compact=True,
        )
        self.display = False

    def open(self, text: str) -> None:
        """Begin to write."""
        self.value = text
        self.display = True
        self.focus()

    def close(self) -> None:
        """Be gone; what was written stays."""
        self.display = False
