"""`rf monitor`: the live dashboard, or the same in plain text."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from rf_core.io.alarms import Alarms
from rf_core.io.configuration import load_settings, profile_names, state_folder
from rf_core.io.hands import StoreHands
from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.settings import Settings
from rf_core.snapshot import Finding, Snapshot
from rf_tui.cells import plain
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import json_option
from rf_tui.cli.output import print_json
from rf_tui.cli.recorder import FILE, replay_file
from rf_tui.cli.teaching import taught
from rf_tui.cli.terminal import bell, require_dashboard, require_terminal
from rf_tui.cli.web import serve_monitor
from rf_tui.telling import document, news, tick_line
from rf_tui.view import Looks, overview

_REFUSED = frozenset({"key_refused", "account_disabled"})


@taught(
    "monitor",
    ("rf", "the dashboard; q leaves it, ? explains it"),
    ("rf --once", "one look, for a script or a screen reader"),
    ("rf --plain --interval 10 >> drain.log", "a line every ten seconds"),
    ("rf --json | jq '.pools[].left_bytes'", "one look as one object"),
    ("rf --profile shop --profile press", "two accounts, a tab each; n shows the next"),
)
@click.option(
    "--profile",
    "profiles",
    metavar="NAME",
    multiple=True,
    help="Profile of config.toml; else RF_PROFILE. Several: a tab each.",
)
@click.option("--all-profiles", is_flag=True, help="Every profile there is, a tab each.")
@click.option("--plain", "as_plain", is_flag=True, help="A line per tick, for pipes.")
@click.option("--once", is_flag=True, help="One frame, then exit.")
@json_option
@click.option("--web", is_flag=True, help="In a browser of this machine.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=0, help="With --web; 0 takes a free one."
)
@click.option(
    "--replay", "recording", type=FILE, metavar="FILE", help="A recording, as rf replay shows it."
)
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
    profiles: Sequence[str] = (),
    all_profiles: bool = False,
    as_plain: bool = False,
    once: bool = False,
    as_json: bool = False,
    web: bool = False,
    port: int = 0,
    recording: Path | None = None,
    ticks: int | None = None,
    interval: float = 1.0,
) -> int:
    """Balances with their drain, both rate-limit windows, running crawls, top domains.

    Every monitor and command of this machine shares what one of them asks the API for.
    --json prints one object instead of a frame; with --plain one a tick.
    """
    if recording is not None:
        return replay_file(recording, as_plain=as_plain, once=once, as_json=as_json)
    live = not (once or as_plain or as_json)
    names = _accounts(profiles, all_profiles=all_profiles, live=live)
    settings = None if names[1:] else _settings(names)
    if web:
        if not live:
            raise click.UsageError(
                "--web is the live dashboard: leave out --once, --plain, --json."
            )
        require_dashboard()
        chosen = [option for name in names for option in ("--profile", name)]
        return serve_monitor(port, ["--interval", str(interval), *chosen])

    async def watch() -> int:
        if settings is None:
            return await _show_accounts(names, interval)
        async with Session(settings, holder="monitor") as session:
            if live:
                return await _show(session, interval)
            if as_plain:
                source = LiveSource(session, alarms=Alarms(session, bell()))
                return await _print_ticks(source, interval, ticks, as_json=as_json)
            return await _print_once(LiveSource(session), as_json=as_json)

    if live:
        require_terminal()
        require_dashboard()
    return asyncio.run(watch())


def _accounts(profiles: Sequence[str], *, all_profiles: bool, live: bool) -> tuple[str, ...]:
    """Name the profiles that are asked for, each once; nothing is the one that settings choose.

    Raises:
        click.UsageError: there are none, or several where only one can be shown.
    """
    names = tuple(dict.fromkeys(profile_names() if all_profiles else profiles))
    if all_profiles and not names:
        raise click.UsageError("There is no profile in config.toml.")
    if names[1:] and not live:
        raise click.UsageError("Only the live dashboard shows several accounts: name one profile.")
    return names


def _settings(names: Sequence[str]) -> Settings:
    settings = load_settings(profile=names[0] if names else None)
    settings.require_key()
    return settings


async def _show(session: Session, interval: float) -> int:
    from rf_tui.app import MonitorApp  # noqa: PLC0415 - loads Textual
    from rf_tui.handy import Places  # noqa: PLC0415 - same
    from rf_tui.preferences import FILE_NAME  # noqa: PLC0415 - same

    # What is stored is shown at once, with its age, and not held back until there is better.
    alarms = Alarms(session)
    source = LiveSource(session, patience_seconds=0.0, alarms=alarms)
    folder = session.settings.state_dir
    app = MonitorApp(
        source,
        interval=interval,
        places=Places(reports=folder, preferences=folder / FILE_NAME),
        prices=session.settings.prices,
        generates=session,
        hands=StoreHands(session),
    )
    alarms.ring = app.bell
    await app.run_async()
    return app.return_code or ExitCode.DONE


async def _show_accounts(names: Sequence[str], interval: float) -> int:
    """Show several: one that cannot be opened says so on its tab, and hurts no other."""
    from rf_tui.accounts import Desk, Profile  # noqa: PLC0415 - only where there are several
    from rf_tui.app import MonitorApp  # noqa: PLC0415 - loads Textual
    from rf_tui.handy import Places  # noqa: PLC0415 - same
    from rf_tui.preferences import FILE_NAME  # noqa: PLC0415 - same

    folder = state_folder()
    async with contextlib.AsyncExitStack() as closing:
        profiles = [Profile(name) for name in names]
        for profile in profiles:
            closing.push_async_callback(profile.aclose)
        desks = [Desk(name, profile) for name, profile in zip(names, profiles, strict=True)]
        places = Places(reports=folder, preferences=folder / FILE_NAME)
        app = MonitorApp(desks, interval=interval, places=places)
        for profile in profiles:
            profile.ring = app.bell
        await app.run_async()
    return app.return_code or ExitCode.DONE


async def _print_once(source: LiveSource, *, as_json: bool) -> int:
    snapshot = await source.snapshot()
    if as_json:
        print_json(document(snapshot))
        return _verdict(snapshot)
    width = shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else 80
    for line in overview(snapshot, width, None, Looks(now=snapshot.taken_at)):
        click.echo(plain(line).rstrip())
    return _verdict(snapshot)


async def _print_ticks(
    source: LiveSource, interval: float, ticks: int | None, *, as_json: bool
) -> int:
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
