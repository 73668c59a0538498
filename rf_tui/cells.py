"""Text in terminal cells: how wide it is, how to cut and pad it, and what may not be printed."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rf_core.redaction import printable

Style = Literal["", "dim", "bold", "head", "good", "fill", "warn", "bad", "accent", "chosen"]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style. Styles are meanings; the theme knows their colours."""

    text: str
    style: Style = ""


Line: TypeAlias = Sequence[Span]
"""Made of spans from left to right; a tuple, or what makes itself when it is looked at."""


def width_of(text: str) -> int:
    """Cells a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def fit(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """Cut or pad a text to exactly that many cells. Strangers' text is made printable first."""
    clean = printable(text, limit=max(4 * width, 16))
    taken = width_of(clean)
    if taken > width:
        kept, used = [], 0
        for char in clean:
            cells = _cells(char)
            if used + cells > width - 1:
                break
            kept.append(char)
            used += cells
        clean = "".join(kept) + "…" if width > 0 else ""
        taken = used + 1 if width > 0 else 0
    padding = " " * max(0, width - taken)
    return padding + clean if align == "right" else clean + padding


def plain(line: Line) -> str:
    """A line's text without its styles."""
    return "".join(span.text for span in line)


def clip(line: Line, width: int) -> Line:
    """Cut a line to that many cells, at most, and leave nothing in it that a terminal obeys."""
    result: list[Span] = []
    left = width
    for raw in line:
        span = Span(printable(raw.text, limit=len(raw.text)), raw.style) if raw.text else raw
        taken = width_of(span.text)
        if taken > left:
            if left > 0:
                result.append(Span(fit(span.text, left), span.style))
            break
        result.append(span)
        left -= taken
    return tuple(result)


def pad(line: Line, width: int) -> Line:
    """Cut or fill a line up to exactly that many cells."""
    cut = clip(line, width)
    return (*cut, Span(" " * (width - sum(width_of(span.text) for span in cut))))


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
