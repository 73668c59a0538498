"""Paints styled lines, and repaints only those that have changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, get_args

from rich.segment import Segment
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from rf_tui.cells import Line, Style, plain

_STYLES = tuple(style for style in get_args(Style) if style)


class Canvas(Widget):
    """A whole screen of lines. It knows nothing of what they say."""

    class Pointed(Message):
        """Somebody has clicked on a line.

        Attributes:
            number: Which, from the top.
            twice: Whether it was the second click on it.
        """

        def __init__(self, number: int, *, twice: bool) -> None:
            super().__init__()
            self.number = number
            self.twice = twice

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"canvas--{style}" for style in _STYLES}

    def __init__(self) -> None:
        super().__init__(id="canvas")
        self._lines: list[Line] = []

    def show(self, lines: Sequence[Line]) -> int:
        """Show these lines; return how many had to be painted."""
        changed = [
            number
            for number in range(max(len(lines), len(self._lines)))
            if _line(lines, number) != _line(self._lines, number)
        ]
        self._lines = list(lines)
        if changed:
            self.refresh(*(Region(0, number, self.size.width, 1) for number in changed))
        return len(changed)

    @property
    def text(self) -> str:
        """What is shown, without styles: for tests and for screen captures."""
        return "\n".join(plain(line).rstrip() for line in self._lines)

    def on_click(self, event: Click) -> None:
        """Say which line it was."""
        self.post_message(self.Pointed(event.y, twice=event.chain > 1))

    def render_line(self, y: int) -> Strip:
        """Paint one line."""
        base = self.rich_style
        segments = [
            Segment(
                span.text,
                self.get_component_rich_style(f"canvas--{span.style}") if span.style else base,
            )
            for span in _line(self._lines, y)
        ]
        return Strip(segments).adjust_cell_length(self.size.width, base)


def _line(lines: Sequence[Line], number: int) -> Line:
    return lines[number] if number < len(lines) else ()
