"""Commands whose help ends in examples: what to type, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import click

Example: TypeAlias = tuple[str, str]

_FIRST_COLUMN: Final = 44


class TaughtCommand(click.Command):
    """A command that shows how it is used."""

    def __init__(self, *args: Any, examples: tuple[Example, ...] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the nearest option, or what the given one is the beginning of."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:
                raise
            given = error.option_name
            names = [name for parameter in self.get_params(ctx) for name in parameter.opts]
            meant = next((name for name in names if name.startswith(given)), "")
            hint = f" Did you mean '{meant}'?" if meant else ""
            message = f"No such option '{given}'.{hint}"
            raise click.NoSuchOption(given, message, ctx=error.ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                formatter.write_dl(self.examples, col_max=_FIRST_COLUMN)


def taught(name: str, *examples: Example) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, with examples to learn it by."""
    return click.command(
        name,
        cls=TaughtCommand,
        examples=examples,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
