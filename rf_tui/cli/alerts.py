"""`rf alerts`: what somebody wanted to be told of, and that they know. No call is made."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
import msgspec

from rf_core.alert import Alert
from rf_core.io import alert_book
from rf_core.io.session import Session
from rf_tui.alerts_page import state_of
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import json_option, profile_option, with_session
from rf_tui.cli.output import print_json, print_rows
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught
from rf_tui.words import brief_seconds


@taught(
    "alerts",
    ("rf alerts", "what is on, and what was"),
    ("rf alerts || echo look", "exit code 3 while one is on that nobody acknowledged"),
    ("rf alerts acknowledge --pool premium", "I know: be quiet until it is over"),
)
@click.argument(
    "acknowledge", required=False, type=click.Choice(["acknowledge"]), metavar="[acknowledge]"
)
@click.option("--pool", default="", metavar="ID", help="Only those of that pool.")
@profile_option
@json_option
def alerts(*, acknowledge: str | None, pool: str, profile: str | None, as_json: bool) -> int:
    """Alerts that are on, and those of the last 30 days. Makes no call.

    A running monitor, `rf --plain` or `rf record` finds them, by the rules in the profile of
    config.toml. With `acknowledge` those that are on are silent until they are over. Exit code 3
    while one is on that nobody has acknowledged.
    """

    async def ask(session: Session) -> int:
        if acknowledge:
            now = session.clock.wall()
            count = await session.state.run(alert_book.acknowledge, session.key, now, pool=pool)
            click.echo(f"rf: {count} acknowledged", err=True)
        found = await session.state.read(alert_book.get_alerts, session.key)
        found = tuple(alert for alert in found if pool in {"", alert.pool})
        _print(found, as_json=as_json)
        waiting = any(alert.is_on and alert.acknowledged_at is None for alert in found)
        return ExitCode.CONDITION if waiting else ExitCode.DONE

    return with_session(profile, ask)


def _print(found: Sequence[Alert], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {"alerts": [{**msgspec.to_builtins(one), "state": state_of(one)} for one in found]}
        )
        return
    print_rows(
        (
            Column("POOL"),
            Column("RULE"),
            Column("STATE"),
            Column("SINCE"),
            Column("FOR", "right", spare=1),
            Column("WHAT", spare=2),
            Column("NOT TOLD", spare=3),
        ),
        [_row(alert) for alert in found],
        none="No alert is on, and none was in the last 30 days.",
    )


def _row(alert: Alert) -> tuple[str, ...]:
    end = time.time() if alert.over_at is None else alert.over_at
    return (
        alert.pool,
        alert.rule,
        state_of(alert),
        time.strftime("%m-%d %H:%M:%S", time.localtime(alert.since)),
        brief_seconds(end - alert.since),
        alert.text,
        alert.outcome,
    )
