"""How commands print: a table on a terminal, tabs in a pipe, one JSON object if asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from rf_core.redaction import printable
from rf_core.units import format_seconds
from rf_tui.cells import fit, width_of


def print_json(document: dict[str, Any]) -> None:
    """Print one object with stable keys."""
    click.echo(json.dumps(document, ensure_ascii=False))


def print_age(seconds: float) -> None:
    """Tell a person at a terminal how old the rows are; a script asks for `--json`."""
    if sys.stdout.isatty():
        click.echo(f"as of {format_seconds(seconds)} ago", err=True)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows: aligned under their headings for a person, bare and tab-separated for a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(printable(cell, 400) for cell in row))
        return
    widths = [
        max(width_of(printable(cell)) for cell in column)
        for column in zip(columns, *rows, strict=True)
    ]
    for row in (columns, *rows):
        line = "  ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
