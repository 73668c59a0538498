"""What needs an extra that may not be installed, and the one sentence that says so."""

from __future__ import annotations

import importlib.util
from typing import IO, Any, Final

import click

EXTRA_BY_MODULE: Final = {
    "textual": "tui",
    "textual_serve": "web",
    "scrapy": "scrapy",
    "starlette": "sandbox",
    "uvicorn": "sandbox",
    "trustme": "sandbox",
}
"""A library → the extra that brings it."""


class MissingExtraError(click.UsageError):
    """A library is missing: one sentence, exit code 2."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it, without the usage: the command was spelled right."""
        click.echo(f"rf: {self.message}", file=file, err=file is None)


def is_there(module: str) -> bool:
    """Tell whether a library can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False


def require(what: str, *modules: str, otherwise: str = "") -> None:
    """Refuse what cannot work, with what to install.

    Args:
        what: What the user asked for, as the sentence's subject.
        otherwise: What works without.

    Raises:
        MissingExtraError: a library is not there.
    """
    missing = [module for module in modules if not is_there(module)]
    if missing:
        extras = ",".join(sorted({EXTRA_BY_MODULE[module] for module in missing}))
        way_out = f'pip install "resifactory-toolkit[{extras}]"'
        message = f"{what} needs {', '.join(missing)}: {way_out}. {otherwise}"
        raise MissingExtraError(message.strip())
