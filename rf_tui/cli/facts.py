"""`rf me`, `pools`, `balance`, `usage`: what the API tells, one fact at a time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from rf_core.io.glance import Balances, fresh_balances
from rf_core.redaction import printable
from rf_core.units import format_bytes
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import (
    freshness_options,
    json_option,
    profile_option,
    settings_of,
    with_session,
)
from rf_tui.cli.output import is_for_a_person, print_age, print_json, print_rows, terminal_width
from rf_tui.cli.sizes import Size
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught

if TYPE_CHECKING:
    from rf_core.io.session import Session
    from rf_core.models import Targeting

_BYTES: Final = Column("BYTES", only="pipe")
_LABEL_WIDTH: Final = 16


def _age(fetched_at: float) -> float:
    return max(0.0, time.time() - fetched_at)


@taught(
    "me",
    ("rf me", "is this key good, and what for?"),
    ("rf me --refresh --json | jq -r '.scopes[]'", "its scopes, asked for now"),
)
@profile_option
@json_option
@freshness_options
def me(*, profile: str | None, as_json: bool, max_age: float | None) -> None:
    """Who this key is and what it may do."""

    async def ask(session: Session) -> None:
        from rf_core.io import answers  # noqa: PLC0415 - needs all of a session

        account, at = await answers.identity(session, max_age)
        if as_json:
            print_json(
                {
                    "id": account.id,
                    "username": account.username,
                    "scopes": list(account.scopes),
                    "key_name": account.key_name,
                    "key": session.masked_key,
                    "balances_bytes": dict(account.balances),
                    "age_seconds": _age(at),
                }
            )
            return
        print_rows(
            (Column(""), Column("")),
            [
                ("account", f"{account.username} (number {account.id})"),
                ("key", f"{session.masked_key} {account.key_name}".strip()),
                ("scopes", ", ".join(account.scopes) or "none"),
            ],
        )
        print_age(_age(at))

    with_session(profile, ask)


@taught(
    "pools",
    ("rf pools", "what can be ordered today"),
    ("rf pools --json | jq -r '.pools[].id'", "the ids, for a script"),
)
@profile_option
@json_option
@freshness_options
def pools(*, profile: str | None, as_json: bool, max_age: float | None) -> None:
    """Pools and targeting values of today.

    In a pipe the pools alone; --json has the targeting values too.
    """

    async def ask(session: Session) -> None:
        from rf_core.io import answers  # noqa: PLC0415 - needs all of a session

        found, at = await answers.discovery(session, max_age)
        if as_json:
            import msgspec  # noqa: PLC0415 - only here

            document = msgspec.to_builtins(found)
            print_json({**document, "age_seconds": _age(at)})
            return
        print_rows(
            (Column("POOL"), Column("LABEL", spare=1), Column("GATEWAY"), Column("TYPES")),
            [(p.id, p.label, p.host, ", ".join(p.proxy_types)) for p in found.pools],
            none="This key has no pools.",
        )
        if is_for_a_person():
            click.echo()
            for line in _targeting_lines(found.targeting, terminal_width()):
                click.echo(line)
        print_age(_age(at))

    with_session(profile, ask)


def _targeting_lines(targeting: Targeting, width: int) -> list[str]:
    import textwrap  # noqa: PLC0415 - only here

    low, high = targeting.session_minutes_min, targeting.session_minutes_max
    values = (
        ("countries", targeting.countries),
        ("us states", targeting.us_states),
        ("carriers", targeting.carriers),
        ("session minutes", (f"{low} to {high}",)),
    )
    return [
        line
        for label, listed in values
        if listed
        for line in textwrap.wrap(
            " ".join(printable(value, 60) for value in listed),
            max(width, 2 * _LABEL_WIDTH),
            initial_indent=label.ljust(_LABEL_WIDTH),
            subsequent_indent=" " * _LABEL_WIDTH,
        )
    ]


@taught(
    "balance",
    ("rf balance", "what every pool has left"),
    ("rf balance --fail-below 2GB || ./top-up.sh", "exit 3 when a pool has less"),
    ("rf balance --pool premium --fail-below 500MB", "the same for one pool"),
    ("rf balance --max-age 5", "no older than five seconds"),
)
@profile_option
@json_option
@freshness_options
@click.option("--pool", "only", metavar="ID", help="That pool alone.")
@click.option(
    "--fail-below", type=Size(), metavar="SIZE", help="Exit 3 when a pool has less than that left."
)
def balance(
    *,
    profile: str | None,
    as_json: bool,
    max_age: float | None,
    only: str | None,
    fail_below: int | None,
) -> int:
    """What every pool has left.

    LEFT is the provider's number less what crawls of this machine have spent since it was read.
    """

    def told(found: Balances) -> int:
        chosen = _chosen(list(found.read), only)
        left = {pool: found.left[pool] for pool in chosen}
        low = [
            pool for pool, count in left.items() if fail_below is not None and count < fail_below
        ]
        if as_json:
            print_json(
                {
                    "balances_bytes": {pool: found.read[pool] for pool in chosen},
                    "spent_since_bytes": {pool: found.spent_since[pool] for pool in chosen},
                    "left_bytes": left,
                    "below": low,
                    "age_seconds": _age(found.at),
                }
            )
        else:
            _print_balances(found, chosen)
            print_age(_age(found.at))
        for pool in low:
            click.echo(
                f"rf: pool {printable(pool, 80)} has {format_bytes(left[pool])} left, "
                f"less than {format_bytes(fail_below or 0)}",
                err=True,
            )
        return ExitCode.CONDITION if low else ExitCode.DONE

    async def ask(session: Session) -> Balances:
        from rf_core.io import answers  # noqa: PLC0415 - needs all of a session

        return await answers.balances(session, max_age)

    settings = settings_of(profile)
    settings.require_key()
    fresh = None if max_age is None else fresh_balances(settings, max_age)
    return told(fresh or with_session(settings, ask))


def _print_balances(found: Balances, chosen: Sequence[str]) -> None:
    spends = any(found.spent_since[pool] for pool in chosen)
    since = Column("SPENT SINCE", "right", only=None if spends else "pipe")
    print_rows(
        (Column("POOL"), Column("LEFT", "right"), _BYTES, since),
        [
            (
                pool,
                format_bytes(found.left[pool]),
                str(found.left[pool]),
                format_bytes(found.spent_since[pool]),
            )
            for pool in chosen
        ],
        none="The API names no balances.",
    )


def _chosen(pools_: Sequence[str], only: str | None) -> list[str]:
    """The pools asked for.

    Raises:
        click.UsageError: there is none of that name.
    """
    if only is None:
        return list(pools_)
    if only in pools_:
        return [only]
    import difflib  # noqa: PLC0415 - only for this sentence

    near = difflib.get_close_matches(only, pools_, n=1)
    hint = f"Did you mean {printable(near[0], 80)}?" if near else ""
    known = ", ".join(printable(pool, 80) for pool in pools_) or "none"
    message = f"There is no balance of a pool {printable(only, 80)!r}. {hint} There is: {known}."
    raise click.UsageError(message.replace("  ", " "))


@taught(
    "usage",
    ("rf usage", "where the account's traffic went"),
    ("rf usage | sort -t$'\\t' -k4 -nr | head -5", "by requests"),
)
@profile_option
@json_option
@freshness_options
def usage(*, profile: str | None, as_json: bool, max_age: float | None) -> None:
    """Top domains by traffic, for the whole account and as long as the provider counts.

    Only the largest are told, so they do not add up to all of it.
    """

    async def ask(session: Session) -> None:
        from rf_core.io import answers  # noqa: PLC0415 - needs all of a session

        found, at = await answers.usage(session, max_age)
        if as_json:
            print_json(
                {
                    "top_domains": [
                        {"domain": d.domain, "bytes": d.bytes, "requests": d.requests}
                        for d in found.top_domains
                    ],
                    "age_seconds": _age(at),
                }
            )
            return
        person = is_for_a_person()
        print_rows(
            (Column("DOMAIN"), Column("USED", "right"), _BYTES, Column("REQUESTS", "right")),
            [
                (
                    d.domain,
                    format_bytes(d.bytes),
                    str(d.bytes),
                    f"{d.requests:,}" if person else str(d.requests),
                )
                for d in found.top_domains
            ],
            none="No traffic yet.",
        )
        print_age(_age(at))

    with_session(profile, ask)
