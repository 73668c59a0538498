"""How commands print: a table on a terminal, tabs in a pipe, one JSON object if asked."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

import click

from rf_core.redaction import escape_controls, printable
from rf_core.units import format_seconds
from rf_tui.cli.table import Column, tabbed, table
from rf_tui.sheets import sheet

Shape: TypeAlias = Literal["json", "csv", "rows"]
"""What is printed: one object, a spreadsheet, or rows for a person or a pipe."""

_WIDTH: Final = 80
_LONGEST_CELL: Final = 1_000


def print_json(document: dict[str, Any]) -> None:
    """Print one object with stable keys; a stranger's text in it steers no terminal."""
    click.echo(escape_controls(json.dumps(document, ensure_ascii=False)))


def print_sheet(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows for a spreadsheet; a stranger's text in them steers no terminal."""
    clean = (
        [printable(cell, _LONGEST_CELL) if isinstance(cell, str) else cell for cell in row]
        for row in rows
    )
    click.echo(sheet(headings, clean), nl=False)


def print_age(seconds: float) -> None:
    """Tell a person at a terminal how old the rows are; a script asks for `--json`."""
    if is_for_a_person():
        when = "now" if seconds < 1 else f"{format_seconds(seconds)} ago"
        click.echo(f"as of {when}", err=True)


def print_rows(columns: Sequence[Column], rows: Sequence[Sequence[str]], none: str = "") -> None:
    """Print rows: aligned under their headings for a person, bare and tab-separated for a pipe.

    Args:
        none: What to tell when there are no rows.
    """
    if not rows and none:
        click.echo(none, err=True)
        return
    person = is_for_a_person()
    for line in table(columns, rows, terminal_width()) if person else tabbed(columns, rows):
        click.echo(line)


def is_for_a_person() -> bool:
    """Tell whether what is printed ends on a terminal, and not in a pipe or a file."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """Cells in a line."""
    return shutil.get_terminal_size((_WIDTH, 24)).columns


def has_colours() -> bool:
    """Tell whether colours are wanted: on a terminal that has them, unless NO_COLOR is set."""
    return (
        is_for_a_person()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "") not in {"", "dumb"}
    )
