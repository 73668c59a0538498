"""`rf crawls ORDER`: tells a running crawl to pause, to go on, to stop, or to spend less."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import click

from rf_core.control import Verb, named
from rf_core.io import processes
from rf_core.io.control import ask
from rf_core.io.session import Session
from rf_core.snapshot import CrawlReport
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import with_session
from rf_tui.cli.output import print_json


def told(
    verb: Verb, crawl: str | None, size: int | None, profile: str | None, *, as_json: bool
) -> int:
    """Tell a crawl something, and print what it says."""
    if crawl is None:
        raise click.UsageError(f"Which one? rf crawls {verb} CRAWL; `rf crawls` lists them.")
    if (verb == "budget") != (size is not None):
        raise click.UsageError("A size belongs to budget, and to nothing else: 500MB.")

    async def tell(session: Session) -> int:
        reports = with_losses(await session.crawls(), time.time())
        found = named(reports, crawl)
        if isinstance(found, str):
            raise click.UsageError(found)
        said = await ask(session, found.id, verb, size)
        if as_json:
            print_json(
                {
                    "id": found.id,
                    "spider": found.spider,
                    "order": verb,
                    "done": said.is_done,
                    "answer": said.text,
                }
            )
        else:
            click.echo(f"rf: crawl {found.spider} ({found.id}): {said.text}", err=True)
        return ExitCode.DONE if said.is_done else ExitCode.FAILED

    return with_session(profile, tell)


def with_losses(reports: Iterable[CrawlReport], now: float) -> list[CrawlReport]:
    """Say of crawls whose process is gone that they are lost, instead of running for ever."""
    reports = list(reports)
    lost = processes.gone(reports, now)
    return [
        replace(report, finished_at=report.updated_at, finish_reason="lost")
        if report.id in lost
        else report
        for report in reports
    ]
