"""`rf sandbox`: the whole API, a metering gateway and a small site, in the foreground."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import click

from rf_tui.cli.teaching import taught

_PROFILES: Final = ("documented", "adverse")
_HIGHEST_PORT: Final = 65_535
_Command = TypeVar("_Command", bound=Callable[..., Any])


class CannotError(click.UsageError):
    """What this installation or version cannot do: one sentence, exit code 2."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it, without the usage: the command was spelled right."""
        click.echo(f"rf sandbox: {self.message}", file=file, err=file is None)


def _port_option(name: str, what: str) -> Callable[[_Command], _Command]:
    return click.option(
        f"--{name}-port",
        type=click.IntRange(0, _HIGHEST_PORT),
        default=0,
        metavar="PORT",
        help=f"Port of {what}; 0 takes a free one.",
    )


@taught(
    "sandbox",
    ("rf sandbox", "serve until Ctrl+C; paste the export lines elsewhere"),
    ("rf sandbox --profile adverse", "the other reading of every open question"),
    ("rf sandbox --state ./twin --seed 7", "the same account again after a restart"),
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Write the ready document there too, mode 0600.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    help="Same seed, same keys, user names and exits.  [default: 0, or that of --state]",
)
@click.option(
    "--profile",
    type=click.Choice(_PROFILES),
    help="Which reading of the API's open questions to play.  "
    "[default: documented, or that of --state]",
)
@_port_option("api", "the REST API")
@_port_option("gateway", "the proxy gateway")
@_port_option("control", "the control API")
@_port_option("site", "the site without TLS")
@_port_option("site-tls", "the site with TLS")
@_port_option("api-tls", "the REST API with TLS")
@click.option(
    "--clock",
    default="real",
    show_default=True,
    metavar="real|virtual|scaled:N",
    help="Its time: the machine's, one that stands still until POST /clock, or N times as fast.",
)
@click.option(
    "--allow-target",
    "targets",
    multiple=True,
    metavar="HOST:PORT",
    help="Another address of this machine that the gateway may reach. Repeatable.",
)
@click.option(
    "--allow-external",
    is_flag=True,
    help="Reach real sites too, from this machine's own address: to rehearse what a crawl costs.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep everything in that directory, and go on from there: after a kill too.",
)
def sandbox(
    *,
    ready_file: Path | None,
    seed: int | None,
    profile: str | None,
    api_port: int,
    gateway_port: int,
    control_port: int,
    site_port: int,
    site_tls_port: int,
    api_tls_port: int,
    clock: str,
    targets: tuple[str, ...],
    allow_external: bool,
    state: Path | None,
) -> None:
    """Serve a sandbox on loopback until SIGTERM or Ctrl+C.

    Prints one JSON object on stdout once everything listens, and the environment to work with it as
    export lines on stderr. Its gigabytes are not real; everything else is.
    """
    try:
        from rf_sandbox.sandbox import (  # noqa: PLC0415 - an extra that need not be there
            Clock,
            Ports,
            PortTakenError,
            StateError,
            read_pace,
            run_foreground,
        )
    except ModuleNotFoundError as error:
        way_out = 'pip install "resifactory-toolkit[sandbox]"'
        missing = str(error.name).partition(".")[0]
        message = f"needs {missing}, which is not installed: {way_out}"
        raise CannotError(message) from None

    try:
        pace = read_pace(clock)
    except ValueError as error:
        raise CannotError(str(error)) from None

    def announce(ready: dict[str, Any]) -> None:
        _announce(ready, ready_file)
        if allow_external:
            click.echo("# real sites are reached too, and see this machine's own address", err=True)

    allowed = frozenset(_target(text) for text in targets)
    ports = Ports(api_port, gateway_port, control_port, site_port, site_tls_port, api_tls_port)
    try:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)  # whoever waits for it must not read an older one
        run_foreground(
            seed=seed,
            ports=ports,
            clock=Clock(pace),
            profile=profile,
            allowed_targets=allowed,
            announce=announce,
            allow_external=allow_external,
            state=state,
        )
    except StateError as error:
        raise click.ClickException(str(error)) from None
    except PortTakenError as error:
        raise click.ClickException(error.strerror or str(error)) from None
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        message = f"The sandbox cannot start:{where} {error.strerror}."
        raise click.ClickException(message) from None


def _announce(ready: dict[str, Any], ready_file: Path | None) -> None:
    from rf_sandbox.sandbox import write_ready_file  # noqa: PLC0415 - an extra that is there by now

    if ready_file is not None:
        write_ready_file(ready_file, ready)
    click.echo(json.dumps(ready))
    sys.stdout.flush()
    for name, value in ready["env"].items():
        click.echo(f"export {name}={shlex.quote(value)}", err=True)


def _target(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
        message = f"--allow-target takes HOST:PORT, not {text!r}"
        raise CannotError(message)
    if not _is_loopback(host):
        message = f"--allow-target {host}: the sandbox reaches this machine only"
        raise CannotError(message)
    return host.strip("[]").lower(), int(port)


def _is_loopback(host: str) -> bool:
    from rf_core.settings import is_loopback  # noqa: PLC0415 - next to its only use

    return is_loopback(host.strip("[]").lower())
