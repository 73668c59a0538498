"""`rf monitor`: the live dashboard, or the same in plain text."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time

import click

from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.snapshot import Snapshot
from rf_tui.cells import plain
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import profile_option
from rf_tui.telling import finding_line, tick_line
from rf_tui.view import Looks, overview

_REFUSED = frozenset({"key_refused", "account_disabled"})


@click.command("monitor")
@profile_option
@click.option("--plain", "as_plain", is_flag=True, help="A line per tick, for pipes.")
@click.option("--once", is_flag=True, help="One frame, then exit.")
@click.option("--ticks", type=click.IntRange(1), help="With --plain: stop after so many lines.")
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 3_600),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Seconds between looks.",
)
def monitor(
    *,
    profile: str | None = None,
    as_plain: bool = False,
    once: bool = False,
    ticks: int | None = None,
    interval: float = 1.0,
) -> int:
    """Balances with their drain, both rate-limit windows, running crawls, top domains.

    Every monitor and command of this machine shares what one of them asks the API for.
    """
    settings = load_settings(profile=profile)
    settings.require_key()

    async def watch() -> int:
        async with Session(settings, holder="monitor") as session:
            source = LiveSource(session)
            if once:
                return await _print_frame(source)
            if as_plain:
                return await _print_lines(source, interval, ticks)
            from rf_tui.app import MonitorApp  # noqa: PLC0415 - loads Textual

            app = MonitorApp(source, interval=interval, report_folder=settings.state_dir)
            await app.run_async()
            return app.return_code or ExitCode.DONE

    if not (once or as_plain):
        require_terminal()
        require_textual()
    return asyncio.run(watch())


def require_terminal() -> None:
    """Refuse to draw where nobody could see it.

    Raises:
        click.UsageError: no terminal, or one that cannot be drawn on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "The dashboard needs a terminal. Use --plain for a line per tick, --once for one look."
        )
    if os.environ.get("TERM", "") in {"", "dumb"}:
        raise click.UsageError(
            "This terminal (TERM=dumb) cannot be drawn on. Use --plain or --once."
        )


def require_textual() -> None:
    """Say what to install when the dashboard's library is not there.

    Raises:
        click.UsageError: Textual is missing.
    """
    import importlib.util  # noqa: PLC0415 - next to its only use

    if importlib.util.find_spec("textual") is None:
        raise click.UsageError(
            'The dashboard needs textual: pip install "resifactory-toolkit[tui]". '
            "Without it there are --plain and --once."
        )


async def _print_frame(source: LiveSource) -> int:
    snapshot = await source.snapshot()
    width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
    height = 22 + max(0, len(snapshot.pools) - 2) + max(0, len(snapshot.domains) - 3)
    for line in overview(snapshot, width, min(height, 120), Looks(now=snapshot.taken_at)):
        click.echo(plain(line).rstrip())
    return _verdict(snapshot)


async def _print_lines(source: LiveSource, interval: float, ticks: int | None) -> int:
    said: set[str] = set()
    count = 0
    snapshot = await source.snapshot()
    while True:
        began = time.monotonic()
        click.echo(tick_line(snapshot))
        codes = {finding.code for finding in snapshot.findings}
        for finding in snapshot.findings:
            if finding.code not in said:
                click.echo(finding_line(finding))
        said = codes
        sys.stdout.flush()
        count += 1
        if count == ticks:
            return _verdict(snapshot)
        await asyncio.sleep(max(0.0, interval - (time.monotonic() - began)))
        snapshot = await source.snapshot()


def _verdict(snapshot: Snapshot) -> int:
    refused = _REFUSED.intersection(finding.code for finding in snapshot.findings)
    if refused:
        click.echo(f"rf: the API refused the key {snapshot.key}", err=True)
        return ExitCode.KEY_REFUSED
    return ExitCode.DONE if snapshot.balance_at is not None else ExitCode.FAILED
