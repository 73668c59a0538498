"""`rf monitor --web`: the dashboard in a browser of this machine, until it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Sequence

import click

from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.extras import require


def serve_monitor(port: int, options: Sequence[str]) -> int:
    """Print the address to open, and serve.

    Raises:
        MissingExtraError: an extra is missing.
        click.UsageError: the port cannot be had.
    """
    require("The dashboard in a browser", "textual", "textual_serve")
    return asyncio.run(_serve(port, options))


async def _serve(port: int, options: Sequence[str]) -> int:
    from rf_tui.web import WebMonitor  # noqa: PLC0415 - loads aiohttp

    try:
        monitor = WebMonitor(port, options)
    except OSError as error:
        raise click.UsageError(
            f"Port {port} cannot be had: {error.strerror}. Choose another with --port, or 0."
        ) from None
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # loops of Windows have no signals
        for ending in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(ending, stopped.set)
    click.echo(monitor.url)
    click.echo(
        "Open that address on this machine; it is good for this run only. Ctrl+C ends it.", err=True
    )
    await monitor.serve_until(stopped)
    return ExitCode.INTERRUPTED
