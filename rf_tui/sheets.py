"""Rows for a spreadsheet, in which no cell becomes a formula and no amount loses a digit."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def sheet(headings: Sequence[str], rows: Iterable[Sequence[object]], newline: str = "\n") -> str:
    """Write rows under their headings, separated by commas (RFC 4180).

    What begins like a formula gets an apostrophe; a number is one and stays one. What is not known
    is an empty cell; money has six digits behind its point.
    """
    cells = [headings, *([_cell(value) for value in row] for row in rows)]
    return "".join(f"{_line(row)}{newline}" for row in cells)


def _line(row: Sequence[object]) -> str:
    """Write one, without its end: Python quotes a break only where the end of lines has it."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return text.getvalue().removesuffix("\r\n")


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:.6f}"
        case str() if value.lstrip(" ").startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value
