"""`rf record`, `rf replay`: what the monitor shows, kept in a file, and shown again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from datetime import datetime
from pathlib import Path

import click

from rf_core.errors import StateError
from rf_core.io.alarms import Alarms
from rf_core.io.recorder import MOST_BYTES, Recorder
from rf_core.io.recordings import Recording
from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.units import format_bytes, format_seconds
from rf_tui.cells import plain
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import RECORDING, json_option, profile_option, with_session
from rf_tui.cli.output import is_for_a_person, print_json, terminal_width
from rf_tui.cli.sizes import Size
from rf_tui.cli.teaching import taught
from rf_tui.cli.terminal import bell, require_dashboard, require_terminal
from rf_tui.looks import Looks
from rf_tui.telling import document, tick_line
from rf_tui.view import overview


@taught(
    "record",
    ("rf record night.rec", "until Ctrl+C; rf replay night.rec shows it again"),
    ("rf record --seconds 600 bug.rec", "ten minutes, to send to somebody"),
)
@click.argument("file", type=RECORDING)
@profile_option
@click.option(
    "--interval",
    type=click.FloatRange(0.2, 3_600),
    default=1.0,
    show_default=True,
    metavar="S",
    help="Seconds between frames.",
)
@click.option("--seconds", type=click.FloatRange(0.2), metavar="S", help="Stop after so long.")
@click.option(
    "--limit",
    type=Size(),
    default=MOST_BYTES,
    metavar="SIZE",
    help="How large the file may get before its oldest frames go; 50 MB without it.",
)
def record(
    *, file: Path, profile: str | None, interval: float, seconds: float | None, limit: int
) -> int:
    """Record what the monitor shows. A file that is there is gone on with.

    Every second of the last hour is kept, every ten seconds of the last day, every minute of thirty
    days. A recording holds no key and no password. Alerts ring and are told as in the monitor.
    A full disk is waited for; a file that is moved away ends there, and a new one begins.
    """

    async def work(session: Session) -> int:
        with Recorder(file, most_bytes=limit) as recorder:
            click.echo(f"Recording to {file}. Ctrl+C ends it.", err=True)
            source = LiveSource(session, alarms=Alarms(session, bell()))
            return await _record(source, recorder, interval, seconds)

    return with_session(profile, work, holder="recorder")


async def _record(
    source: LiveSource, recorder: Recorder, interval: float, seconds: float | None
) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # loops of Windows have no signals
        for ending in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(ending, stopped.set)
    began: float | None = None  # the first look may wait for answers
    frames = 0
    trouble = ""
    while not stopped.is_set():
        snapshot = await source.snapshot()
        before, trouble = trouble, ""
        try:
            frames += recorder.write(snapshot)
        except StateError as error:
            trouble = str(error)
        if trouble != before:
            click.echo(f"rf: {trouble or 'It records again.'}", err=True)
        began = time.monotonic() if began is None else began
        passed = time.monotonic() - began
        if seconds is not None and passed >= seconds:
            break
        with contextlib.suppress(TimeoutError):
            # Ticks keep their beat, whatever a look takes.
            await asyncio.wait_for(stopped.wait(), interval - passed % interval)
    size = recorder.path.stat().st_size if recorder.path.exists() else 0
    click.echo(f"{frames:,} frames, {format_bytes(size)} in {recorder.path}", err=True)
    if trouble:
        return ExitCode.FAILED
    return ExitCode.INTERRUPTED if stopped.is_set() else ExitCode.DONE


@taught(
    "replay",
    ("rf replay night.rec --speed 60", "a minute in a second; ← → move, + - change the speed"),
    ('rf replay night.rec --from "2026-11-24 03:10"', "from that moment on"),
    ("rf replay night.rec --plain | grep pool=premium", "a line for each frame"),
)
@click.argument("file", type=RECORDING)
@click.option(
    "--speed",
    type=click.FloatRange(0.01, 86_400),
    default=1.0,
    show_default=True,
    help="How many times faster than it was.",
)
@click.option(
    "--from", "begin", metavar="TIME", help="2026-11-24 03:10, or +90 for seconds after its begin."
)
@click.option("--plain", "as_plain", is_flag=True, help="A line for each frame, for pipes.")
@click.option("--once", is_flag=True, help="The last frame, or that of --from.")
@json_option
def replay(
    *, file: Path, speed: float, begin: str | None, as_plain: bool, once: bool, as_json: bool
) -> int:
    """Show a recording as the monitor showed it. Makes no call and needs no key.

    --json prints one object instead of a frame; with --plain one for each.
    """
    return replay_file(
        file, speed=speed, begin=begin, as_plain=as_plain, once=once, as_json=as_json
    )


def replay_file(
    file: Path,
    *,
    speed: float = 1.0,
    begin: str | None = None,
    as_plain: bool,
    once: bool,
    as_json: bool,
) -> int:
    """Show a recording in one of the monitor's ways."""
    with Recording(file) as recording:
        moment = _moment(begin, recording)
        if as_plain:
            return _print_frames(recording, moment, as_json=as_json)
        if once or as_json:
            return _print_one(recording, moment, as_json=as_json)
        require_terminal()
        require_dashboard()
        return asyncio.run(_show(recording, speed, moment))


async def _show(recording: Recording, speed: float, moment: float | None) -> int:
    from rf_tui.replay import Replay  # noqa: PLC0415 - next to its only use
    from rf_tui.replay_app import ReplayApp  # noqa: PLC0415 - loads Textual

    app = ReplayApp(Replay(recording, speed=speed, begin=moment))
    await app.run_async()
    return app.return_code or ExitCode.DONE


def _print_frames(recording: Recording, begin: float | None, *, as_json: bool) -> int:
    for moment in recording.moments():
        if begin is None or moment >= begin:
            snapshot = recording.at(moment)
            if as_json:
                print_json(document(snapshot))
            else:
                click.echo(tick_line(snapshot))
    return ExitCode.DONE


def _print_one(recording: Recording, moment: float | None, *, as_json: bool) -> int:
    snapshot = recording.at(recording.end if moment is None else moment)
    if as_json:
        print_json(document(snapshot))
        return ExitCode.DONE
    width = terminal_width() if is_for_a_person() else 80
    for line in overview(snapshot, width, None, Looks(now=snapshot.taken_at)):
        click.echo(plain(line).rstrip())
    span = format_seconds(recording.end - recording.begin)
    click.echo(f"from a recording of {span}: {recording.path}", err=True)
    return ExitCode.DONE


def _moment(text: str | None, recording: Recording) -> float | None:
    """Read `--from`, in local time.

    Raises:
        click.UsageError: it is no time, or not within the recording.
    """
    if text is None:
        return None
    try:
        moment = (
            recording.begin + float(text)
            if text.startswith("+")
            else datetime.fromisoformat(text).astimezone().timestamp()
        )
    except (ValueError, OverflowError, OSError):
        raise click.UsageError(
            f'--from {text!r} is no time: write "2026-11-24 03:10", or +90.'
        ) from None
    if not recording.begin <= moment <= recording.end:
        first, last = (
            datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
            for at in (recording.begin, recording.end)
        )
        raise click.UsageError(f"The recording goes from {first} to {last}.")
    return moment
