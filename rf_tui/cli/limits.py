"""`rf limits`: what is left of both rate-limit windows, as this machine knows. No call is made."""

from __future__ import annotations

from rf_core.io.session import Session
from rf_tui.cli.opening import json_option, profile_option, with_session
from rf_tui.cli.output import print_json, print_rows
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught
from rf_tui.words import holders_words, wait_words


@taught(
    "limits",
    ("rf limits", "may I call, and if not, who did?"),
    ("rf limits --json | jq .generate.free", "orders that may be placed right now"),
)
@profile_option
@json_option
def limits(*, profile: str | None, as_json: bool) -> None:
    """What is left of both rate-limit windows, as known here. Makes no call.

    A window is a rolling minute; a slot comes back a minute after its answer. Strangers are other
    machines with the same key, as the API's answers betray them.
    """

    async def ask(session: Session) -> None:
        windows = await session.headroom()
        if as_json:
            print_json(
                {
                    window.group: {
                        "limit": window.limit,
                        "free": window.free,
                        "used": window.used,
                        "foreign": window.foreign,
                        "next_slot_seconds": window.next_slot_seconds,
                        "holders": dict(window.holders),
                    }
                    for window in windows
                }
            )
            return
        print_rows(
            (
                Column("WINDOW"),
                Column("FREE", "right"),
                Column("OF", "right"),
                Column("NEXT SLOT"),
                Column("USED BY"),
            ),
            [
                (
                    window.group,
                    str(window.free),
                    str(window.limit),
                    wait_words(window.next_slot_seconds),
                    holders_words(window),
                )
                for window in windows
            ],
        )

    with_session(profile, ask)
