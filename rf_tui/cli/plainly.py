"""The monitor without a dashboard: one frame, a line per tick, or objects."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from typing import Final

import click

from rf_core.io.alarms import Alarms
from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.settings import Settings
from rf_core.snapshot import Finding, Snapshot
from rf_tui.cells import plain
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import with_session
from rf_tui.cli.output import print_json
from rf_tui.cli.terminal import bell
from rf_tui.looks import Looks
from rf_tui.telling import document, news, tick_line
from rf_tui.view import overview

_REFUSED: Final = frozenset({"key_refused", "account_disabled"})


def print_once(settings: Settings | None, *, as_json: bool) -> int:
    """Print one frame, or one object."""

    async def work(session: Session) -> int:
        return await _once(LiveSource(session), as_json=as_json)

    return with_session(settings, work, holder="monitor")


def print_ticks(
    settings: Settings | None, interval: float, ticks: int | None, *, as_json: bool
) -> int:
    """Print a line per tick, or an object."""

    async def work(session: Session) -> int:
        source = LiveSource(session, alarms=Alarms(session, bell()))
        return await _ticks(source, interval, ticks, as_json=as_json)

    return with_session(settings, work, holder="monitor")


async def _once(source: LiveSource, *, as_json: bool) -> int:
    snapshot = await source.snapshot()
    if as_json:
        print_json(document(snapshot))
        return _verdict(snapshot)
    width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
    for line in overview(snapshot, width, None, Looks(now=snapshot.taken_at)):
        click.echo(plain(line).rstrip())
    return _verdict(snapshot)


async def _ticks(source: LiveSource, interval: float, ticks: int | None, *, as_json: bool) -> int:
    before: tuple[Finding, ...] = ()
    count = 0
    while True:
        began = time.monotonic()
        snapshot = await source.snapshot()
        if as_json:
            print_json(document(snapshot))
        else:
            for line in (tick_line(snapshot), *news(before, snapshot.findings)):
                click.echo(line)
        before = snapshot.findings
        sys.stdout.flush()
        count += 1
        if count == ticks or _is_refused(snapshot):
            return _verdict(snapshot)
        await asyncio.sleep(max(0.0, interval - (time.monotonic() - began)))


def _is_refused(snapshot: Snapshot) -> bool:
    return any(finding.code in _REFUSED for finding in snapshot.findings)


def _verdict(snapshot: Snapshot) -> int:
    if _is_refused(snapshot):
        click.echo(f"rf: the API refused the key {snapshot.key}", err=True)
        return ExitCode.KEY_REFUSED
    return ExitCode.DONE if snapshot.balance_at is not None else ExitCode.FAILED
