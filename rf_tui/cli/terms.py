"""The options of commands that carry requests: what to order, how to rotate, what may be spent."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from rf_core.caps import Cap
from rf_core.rotation import requests_each
from rf_tui.cli.sizes import Size, Spendable


class Rotation(click.ParamType[int | None]):
    """When the next proxy takes over."""

    name = "rotation"

    def convert(
        self, value: str | int | None, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Read it."""
        try:
            return requests_each(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f"{value!r} is no rotation: {error}.", param, ctx)


def terms_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options; the command gets one value for all of them, `terms`."""

    @functools.wraps(command)
    def decided(
        *,
        pool: str | None,
        country: str | None,
        state: str | None,
        proxy_type: str,
        session_minutes: int | None,
        rotate: int | None,
        live: int,
        budget: Cap | None,
        budget_name: str | None,
        floor: int | None,
        **options: Any,
    ) -> Any:
        from rf_core.io.passengers import Terms  # noqa: PLC0415 - help needs none of it

        terms = Terms(
            pool=pool,
            country=country,
            state=state,
            proxy_type=proxy_type,
            session_minutes=session_minutes,
            rotate=rotate,
            live=live,
            budget=budget,
            budget_name=budget_name,
            floor_bytes=floor,
        )
        return command(terms=terms, **options)

    for option in reversed(
        (
            click.option("--pool", metavar="ID", help="Pool that pays; else the default."),
            click.option("--country", metavar="CC", help="Country of the exits, as us."),
            click.option("--state", metavar="ST", help="US state of the exits, as CA."),
            click.option(
                "--type",
                "proxy_type",
                default="rotating",
                show_default=True,
                metavar="TYPE",
                help="rotating, sticky, mobile_rotating or mobile_sticky.",
            ),
            click.option(
                "--session-minutes",
                type=click.IntRange(1, 1_440),
                metavar="N",
                help="How long a sticky proxy, or a session, keeps its exit.",
            ),
            click.option(
                "--rotate",
                type=Rotation(),
                default="tunnel",
                show_default=True,
                metavar="WHEN",
                help="The next proxy: with each connection in turn (tunnel), for good after each "
                "request (request), or after so many (20).",
            ),
            click.option(
                "--live",
                type=click.IntRange(1, 1_000),
                default=16,
                show_default=True,
                metavar="N",
                help="Proxies in turn at once.",
            ),
            click.option(
                "--budget",
                type=Spendable(),
                metavar="SIZE",
                help="What may be spent, as 5GB, or as '$5' when the profile has a price: a cap.",
            ),
            click.option(
                "--budget-name",
                metavar="NAME",
                help="Draw from the budget of that name, with all who say it, now or later.",
            ),
            click.option(
                "--floor",
                type=Size(),
                metavar="SIZE",
                help="What must remain in the pool, as 2GB.",
            ),
        )
    ):
        decided = option(decided)
    return decided
