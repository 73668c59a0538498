"""`rf relay`: a loopback proxy for any other tool, metered and capped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import json_option, profile_option, with_session
from rf_tui.cli.output import is_for_a_person, print_json
from rf_tui.cli.teaching import taught
from rf_tui.cli.terms import terms_options

if TYPE_CHECKING:
    from rf_core.io.outlet import Outlet
    from rf_core.io.passengers import Terms
    from rf_core.io.session import Session

_HIGHEST_PORT: Final = 65_535


@taught(
    "relay",
    ("rf relay --budget 1GB", "say where it listens, and in which file the way in is"),
    ("rf relay --port 8899 --env-file way-in.env", "then, elsewhere: . ./way-in.env"),
)
@profile_option
@json_option
@terms_options
@click.option(
    "--port",
    type=click.IntRange(0, _HIGHEST_PORT),
    default=0,
    metavar="PORT",
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Where to write the way in, mode 0600.  [default: relay-PORT.env among the state]",
)
@click.option("--print-url", is_flag=True, help="Print the proxy URL, secret included.")
def relay(
    *,
    profile: str | None,
    as_json: bool,
    terms: Terms,
    port: int,
    env_file: Path | None,
    print_url: bool,
) -> int:
    """A loopback proxy that carries what any other tool asks through generated proxies.

    Until SIGTERM or Ctrl+C. Every byte is metered like a crawl's, and the monitor shows it. Nobody
    is served without the secret, which stands in a file that only you can read, as lines to source.
    """
    from rf_core.io.outlet import STOPS, Outlet  # noqa: PLC0415 - help needs none of it

    async def carry(session: Session) -> int:
        async with Outlet(session, terms, name="relay", port=port) as outlet:
            path = env_file or session.settings.state_dir / f"relay-{outlet.relay.port}.env"
            with _told_to_end() as told, _way_in(path, outlet):
                _announce(outlet, path, as_json=as_json, print_url=print_url)
                await _first_of(told, outlet.stopped)
        if outlet.finish_reason:
            click.echo(f"rf relay: {STOPS[outlet.finish_reason]}", err=True)
        click.echo(f"rf relay: {cost_of(outlet, 'This relay')}", err=True)
        return ending(outlet)

    return with_session(profile, carry, holder="relay")


@contextlib.contextmanager
def _way_in(path: Path, outlet: Outlet) -> Iterator[None]:
    """A file with the variables as lines to source, which only the user can read.

    Raises:
        click.ClickException: it cannot be written.
    """
    lines = [f"# rf relay, process {os.getpid()}: gone when it ends"]
    lines += [
        f"export {name}={shlex.quote(value)}"
        for name, value in outlet.environment(no_proxy=direct_hosts(outlet)).items()
    ]
    try:
        path.unlink(missing_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write("\n".join((*lines, "")))
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}."
        raise click.ClickException(message) from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def direct_hosts(outlet: Outlet) -> str:
    """What tools reach without the relay: this machine, unless the whole account is on it."""
    return "" if outlet.is_rehearsal else "localhost,127.0.0.1,::1"


def cost_of(outlet: Outlet, what: str) -> str:
    """One line that says what it cost."""
    from rf_core.costs import cost_line  # noqa: PLC0415 - next to its only use

    passengers = outlet.passengers
    return cost_line(
        what,
        outlet.meter,
        pool=passengers.pool,
        proxies=passengers.used,
        budget=passengers.guard.standing,
        cost=outlet.cost,
    )


def ending(outlet: Outlet) -> int:
    """The exit code for why it stopped carrying, 0 if it did not."""
    match outlet.finish_reason:
        case "":
            return ExitCode.DONE
        case "rf_key_refused":
            return ExitCode.KEY_REFUSED
        case "rf_no_proxies":
            return ExitCode.FAILED
        case _:
            return ExitCode.CONDITION


def _announce(outlet: Outlet, path: Path, *, as_json: bool, print_url: bool) -> None:
    address = f"http://127.0.0.1:{outlet.relay.port}"
    if as_json:
        document = {
            "address": address,
            "port": outlet.relay.port,
            "env_file": str(path),
            "pid": os.getpid(),
            "pool": outlet.passengers.pool,
        }
        print_json(document | ({"url": outlet.url.reveal()} if print_url else {}))
    elif print_url:
        click.echo(outlet.url.reveal())
    elif is_for_a_person():
        click.echo(f"Listening on {address}; in another terminal:  . {shlex.quote(str(path))}")
    else:
        click.echo(f"{address}\t{path}")
    sys.stdout.flush()


@contextlib.contextmanager
def _told_to_end() -> Iterator[asyncio.Event]:
    """An event that signals set."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        # Windows has no such handlers: there Ctrl+C interrupts.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, told.set)
    try:
        yield told
    finally:
        for number in signals:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
