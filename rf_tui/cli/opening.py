"""What every command with an account does first: read the settings, open a session, close it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rf_core.errors import AccountDisabledError, InsufficientScopeError, UnauthorizedError
from rf_core.io.configuration import load_settings
from rf_core.settings import Settings

if TYPE_CHECKING:
    from rf_core.io.session import Session

_Result = TypeVar("_Result")

RECORDING = click.Path(dir_okay=False, path_type=Path)
"""A file with a recording."""

profile_option = click.option(
    "--profile", metavar="NAME", help="Profile of config.toml; else RF_PROFILE."
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
csv_option = click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, with headings.")


def refuse_both(*, as_json: bool, as_csv: bool) -> None:
    """Raise where two forms are asked for at once.

    Raises:
        click.UsageError: they are.
    """
    if as_json and as_csv:
        raise click.UsageError("Take one of --json and --csv.")


def freshness_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--max-age` and `--refresh`, for what the API tells.

    The command gets one value, `max_age`: seconds, or None for a call of its own.
    """

    @functools.wraps(command)
    def decided(*, max_age: float, refresh: bool, **options: Any) -> Any:
        return command(max_age=None if refresh else max_age, **options)

    decided = click.option(
        "--refresh", is_flag=True, help="Make a call of its own, whatever is stored."
    )(decided)
    return click.option(
        "--max-age",
        type=click.FloatRange(0),
        default=60.0,
        show_default=True,
        metavar="S",
        help="Accept what is stored if it is no older.",
    )(decided)


def settings_of(profile: str | None) -> Settings:
    """Read the settings, and say what was repaired in them."""
    settings = load_settings(profile=profile)
    for warning in settings.warnings:
        click.echo(f"rf: {warning}", err=True)
    return settings


def with_session(
    profile: str | Settings | None,
    work: Callable[[Session], Awaitable[_Result]],
    *,
    holder: str = "rf",
) -> _Result:
    """Run some work on an open session.

    Args:
        profile: Whose, or the settings themselves.
    """
    import asyncio  # noqa: PLC0415 - what is stored and fresh is printed without all this

    from rf_core.io.session import Session  # noqa: PLC0415 - same

    async def opened() -> _Result:
        settings = profile if isinstance(profile, Settings) else settings_of(profile)
        async with Session(settings, holder=holder) as session:
            try:
                return await work(session)
            except (UnauthorizedError, AccountDisabledError, InsufficientScopeError):
                click.echo(f"rf: the key in use is {session.masked_key}", err=True)
                raise

    return asyncio.run(opened())
