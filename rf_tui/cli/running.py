"""`rf run`: one command whose requests are carried, metered and capped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from rf_tui.cli.opening import profile_option, with_session
from rf_tui.cli.relay import cost_of, direct_hosts, ending
from rf_tui.cli.teaching import taught
from rf_tui.cli.terms import terms_options

if TYPE_CHECKING:
    from rf_core.io.outlet import Outlet
    from rf_core.io.passengers import Terms
    from rf_core.io.session import Session

_KEY_VARIABLE: Final = "RF_API_KEY"
_FORWARDED: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
_FROM_KEYBOARD: Final = frozenset({"SIGINT", "SIGQUIT"})
_KILLED: Final = 128


@taught(
    "run",
    ("rf run -- curl -sS https://example.com/", "one page through a generated proxy"),
    ("rf run --budget 50MB --country us -- python scrape.py", "at most so much"),
    ("rf run --rotate request -- ./fetch-all.sh", "each request on the next proxy"),
)
@profile_option
@terms_options
@click.option(
    "--no-proxy",
    metavar="HOSTS",
    help="Hosts to reach directly, by commas.  [default: this machine; nobody on a sandbox]",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(
    *, profile: str | None, terms: Terms, no_proxy: str | None, command: tuple[str, ...]
) -> int:
    """Run a command whose requests go through generated proxies, and say what it cost.

    It finds the relay in http_proxy, https_proxy and all_proxy, and does not find RF_API_KEY. The
    exit code is the command's own, or 128 and the signal that ended it; 3 when the budget was
    spent or the pool is at its floor or empty, whatever the command made of that.
    """
    from rf_core.io.outlet import Outlet  # noqa: PLC0415 - help needs none of it

    program = shutil.which(command[0])
    if program is None:
        message = f"{command[0]}: there is no such command."
        raise click.UsageError(message)
    name = os.path.basename(command[0])  # noqa: PTH119 - a name, of any kind of path

    async def carry(session: Session) -> int:
        async with Outlet(session, terms, name=f"run {name}") as outlet:
            direct = direct_hosts(outlet) if no_proxy is None else no_proxy
            environment = os.environ | outlet.environment(no_proxy=direct)
            environment.pop(_KEY_VARIABLE, None)
            code = await _run(program, command, environment, outlet)
        click.echo(f"rf run: {cost_of(outlet, name)}", err=True)
        stopped = ending(outlet)
        if stopped:
            click.echo(f"rf run: {name} itself ended with {code}", err=True)
        return stopped or code

    return with_session(profile, carry, holder=f"run {name}")


async def _run(
    program: str, command: tuple[str, ...], environment: dict[str, str], outlet: Outlet
) -> int:
    try:
        process = await asyncio.create_subprocess_exec(
            command[0], *command[1:], executable=program, env=environment
        )
    except OSError as error:
        message = f"{command[0]} cannot be run: {error.strerror}."
        raise click.UsageError(message) from None
    telling = asyncio.get_running_loop().create_task(_tell_when_stopped(outlet))
    try:
        with _forwarding(process):
            code = await process.wait()
    finally:
        telling.cancel()
    return _KILLED - code if code < 0 else code


async def _tell_when_stopped(outlet: Outlet) -> None:
    """The command may go on for long without a connection: its user should know why."""
    from rf_core.io.outlet import STOPS  # noqa: PLC0415 - next to its only use

    await outlet.stopped.wait()
    click.echo(f"rf run: {STOPS[outlet.finish_reason]}", err=True)


@contextlib.contextmanager
def _forwarding(process: asyncio.subprocess.Process) -> Iterator[None]:
    """Hand signals on to the command, and outlive it.

    What is typed at a terminal reaches the command by itself: handed on it would come twice, which
    some take for an order to drop everything.
    """
    loop = asyncio.get_running_loop()
    installed = []

    def hand_on(name: str, number: signal.Signals) -> None:
        if name in _FROM_KEYBOARD and _is_at_the_keyboard():
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    for name in _FORWARDED:
        number = getattr(signal, name, None)
        if number is None:
            continue
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, hand_on, name, number)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)


def _is_at_the_keyboard() -> bool:
    """Whether this process and its command are what the terminal talks to."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False
