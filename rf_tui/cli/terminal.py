"""What the live dashboard needs before it can be drawn: a terminal, and the library that draws."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from rf_tui.cli.extras import require


def require_terminal() -> None:
    """Refuse to draw where nobody could see it.

    Raises:
        click.UsageError: no terminal, or one that cannot be drawn on.
    """
    if os.environ.get("TEXTUAL_DRIVER"):
        return  # it is drawn somewhere else
    # Textual reads standard input and draws on standard error.
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise click.UsageError(
            "The dashboard needs a terminal, with nothing redirected. "
            "Use --plain for a line per tick, --once for one look."
        )
    if os.environ.get("TERM", "") in {"", "dumb"}:
        raise click.UsageError(
            "This terminal (TERM=dumb) cannot be drawn on. Use --plain or --once."
        )


def bell() -> Callable[[], None] | None:
    """Return what rings the terminal; None where what is written there ends in a file."""
    if not sys.stderr.isatty():
        return None
    return lambda: click.echo("\a", err=True, nl=False)


def require_dashboard() -> None:
    """Say what to install when the dashboard's library is not there.

    Raises:
        MissingExtraError: Textual is missing.
    """
    require("The dashboard", "textual", otherwise="Without it there are --plain and --once.")
