"""`rf demo`: the guided tour, live on a terminal and in lines without one."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.extras import is_there, require
from rf_tui.cli.teaching import taught


@taught(
    "demo",
    ("rf demo", "the dashboard on a running crawl; q ends it"),
    ("rf demo --plain --seconds 15", "the same in lines, for a log"),
)
@click.option(
    "--seconds",
    type=click.FloatRange(5, 3_600),
    metavar="S",
    help="How long to look: 25 s without a terminal, until you press q with one.",
)
@click.option("--plain", "as_plain", is_flag=True, help="Lines instead of the dashboard.")
def demo(*, seconds: float | None, as_plain: bool) -> int:
    """A real crawl draining a real balance, without an account.

    Starts a sandbox, runs a Scrapy crawl through its gateway, shows the monitor on top, and
    compares both meters in the end. Your own key, settings and state are not touched.
    """
    require("The demo", "starlette", "uvicorn", "trustme", "scrapy")
    live = (
        not as_plain
        and sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "") not in {"", "dumb"}
        and is_there("textual")
    )
    return asyncio.run(_live(seconds) if live else _plain(seconds or 25.0))


async def _plain(seconds: float) -> int:
    from rf_tui.demo import plain_tour, summary_lines  # noqa: PLC0415 - loads the sandbox

    def echo(line: str) -> None:
        click.echo(line)
        sys.stdout.flush()

    outcome = await plain_tour(seconds, echo)
    for line in summary_lines(outcome):
        echo(line)
    return ExitCode.DONE if outcome.agrees else ExitCode.FAILED


async def _live(seconds: float | None) -> int:
    from rf_tui.app import MonitorApp  # noqa: PLC0415 - loads Textual
    from rf_tui.demo import summary_lines, tour  # noqa: PLC0415 - loads the sandbox

    async with tour() as running:
        app = MonitorApp(running.source, title="demo", generates=running.session)
        tasks = [asyncio.create_task(running.keep_topped_up())]
        tasks.append(asyncio.create_task(running.top_up_after(20.0)))
        if seconds is not None:
            tasks.append(asyncio.create_task(app.leave_after(seconds)))
        try:
            await app.run_async()
        finally:
            for task in tasks:
                task.cancel()
        click.echo("Stopping the crawl and comparing the meters …")
        outcome = await running.finish()
    for line in summary_lines(outcome):
        click.echo(line)
    if app.return_code:
        return app.return_code
    return ExitCode.DONE if outcome.agrees else ExitCode.FAILED
