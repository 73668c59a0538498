"""`rf sandbox`: the whole API, a metering gateway and a small site, in the foreground."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

_PROFILES = ("documented", "adverse")


@click.command("sandbox")
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Write the ready document there too, mode 0600.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Same seed, same keys, user names and exits.",
)
@click.option(
    "--profile",
    type=click.Choice(_PROFILES),
    default="documented",
    show_default=True,
    help="Which reading of the API's open questions to play.",
)
@click.option("--api-port", type=click.IntRange(0, 65_535), default=0, metavar="PORT")
@click.option("--gateway-port", type=click.IntRange(0, 65_535), default=0, metavar="PORT")
@click.option("--control-port", type=click.IntRange(0, 65_535), default=0, metavar="PORT")
@click.option("--site-port", type=click.IntRange(0, 65_535), default=0, metavar="PORT")
@click.option(
    "--site-tls-port",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="PORT",
    help="Ports to listen on; 0 takes a free one.",
)
@click.option(
    "--allow-target",
    "targets",
    multiple=True,
    metavar="HOST:PORT",
    help="Another address of this machine that the gateway may reach. Repeatable.",
)
def sandbox(
    *,
    ready_file: Path | None,
    seed: int,
    profile: str,
    api_port: int,
    gateway_port: int,
    control_port: int,
    site_port: int,
    site_tls_port: int,
    targets: tuple[str, ...],
) -> None:
    """Serve a sandbox on loopback until SIGTERM or Ctrl+C.

    Prints one JSON object on stdout once everything listens, and the environment to work with it as
    export lines on stderr. Its gigabytes are not real; everything else is.
    """
    if profile == "adverse":
        raise click.UsageError("The profile adverse is not in this version.")
    try:
        from rf_sandbox.sandbox import (  # noqa: PLC0415 - an extra that need not be there
            Ports,
            PortTakenError,
            run_foreground,
            write_ready_file,
        )
    except ModuleNotFoundError as error:
        message = (
            f"The sandbox needs {error.name}, which is not installed: "
            'pip install "resifactory-toolkit[sandbox]"'
        )
        raise click.UsageError(message) from None

    def announce(ready: dict[str, Any]) -> None:
        if ready_file is not None:
            write_ready_file(ready_file, ready)
        click.echo(json.dumps(ready))
        sys.stdout.flush()
        for name, value in ready["env"].items():
            click.echo(f"export {name}={shlex.quote(value)}", err=True)

    allowed = frozenset(_target(text) for text in targets)
    ports = Ports(api_port, gateway_port, control_port, site_port, site_tls_port)
    try:
        run_foreground(seed=seed, ports=ports, allowed_targets=allowed, announce=announce)
    except PortTakenError as error:
        raise click.ClickException(error.strerror or str(error)) from None
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        message = f"The sandbox cannot start:{where} {error.strerror}."
        raise click.ClickException(message) from None


def _target(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal():
        message = f"--allow-target takes HOST:PORT, not {text!r}"
        raise click.UsageError(message)
    if not _is_loopback(host):
        message = f"--allow-target {host}: the sandbox reaches this machine only"
        raise click.UsageError(message)
    return host.strip("[]").lower(), int(port)


def _is_loopback(host: str) -> bool:
    from rf_core.settings import is_loopback  # noqa: PLC0415 - next to its only use

    return is_loopback(host.strip("[]").lower())
