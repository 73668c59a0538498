"""Sizes on the command line."""

from __future__ import annotations

import click

from rf_core.caps import Cap, read_cap
from rf_core.units import parse_bytes


class Size(click.ParamType[int]):
    """A number of bytes with a unit: `2GB`, `500 MB`, `1.5 GB`; binary, as the provider's."""

    name = "size"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        try:
            return parse_bytes(value)
        except ValueError:
            self.fail(f"{value!r} is no size: write 2GB, 500MB or 0.5GB.", param, ctx)


class Spendable(click.ParamType[Cap]):
    """What may be spent: a size, or dollars, as `$5`."""

    name = "budget"

    def convert(
        self, value: str | Cap, param: click.Parameter | None, ctx: click.Context | None
    ) -> Cap:
        """Read it."""
        if isinstance(value, Cap):
            return value
        try:
            return read_cap(value)
        except ValueError:
            self.fail(f"{value!r} is no budget: write 2GB, 500MB or $5.", param, ctx)
