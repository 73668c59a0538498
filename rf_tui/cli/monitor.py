"""`rf monitor`: the live dashboard, or the same in plain text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from rf_core.io.configuration import load_settings, profile_names
from rf_core.settings import Settings
from rf_tui.cli.dashboard import show
from rf_tui.cli.opening import RECORDING, json_option
from rf_tui.cli.teaching import taught
from rf_tui.cli.terminal import require_dashboard, require_terminal
from rf_tui.cli.web import serve_monitor


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
    "--replay",
    "recording",
    type=RECORDING,
    metavar="FILE",
    help="A recording: rf replay.",
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
        from rf_tui.cli.recorder import replay_file  # noqa: PLC0415 - see dashboard

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

    if live:
        require_terminal()
        require_dashboard()
        return show(names, settings, interval)
    from rf_tui.cli.plainly import print_once, print_ticks  # noqa: PLC0415 - see dashboard

    if as_plain:
        return print_ticks(settings, interval, ticks, as_json=as_json)
    return print_once(settings, as_json=as_json)


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
