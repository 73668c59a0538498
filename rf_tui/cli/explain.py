"""`rf ledger explain`: whether the provider took what our crawls spent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import click
import msgspec

from rf_core.elsewhere import beside
from rf_core.io import records
from rf_core.io.session import Session
from rf_core.io.shares import stored_shares
from rf_core.meters import Reconciliation
from rf_core.reconcile import reconcile_all
from rf_core.units import format_bytes, format_seconds
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import with_session
from rf_tui.cli.output import Shape, is_for_a_person, print_json, print_rows, print_sheet
from rf_tui.cli.readings import Readings
from rf_tui.cli.table import Column
from rf_tui.meters import in_words

_UNREAD: Final = "Two balances have to be read first: watch with `rf`, or `rf balance`."
_ALONE: Final = "No two balances were read here while the other machines had read theirs."
_HEADINGS: Final = (
    "pool", "begin", "end", "verdict", "provider_bytes", "our_bytes", "excess_bytes", "noise_bytes",
    "share", "unit", "lag_seconds", "cadence_seconds", "foreign_bytes_per_second",
)  # fmt: skip


def explained(profile: str | None, *, shape: Shape, others: Sequence[Readings] = ()) -> int:
    """Compare both meters over the readings that are stored, pool by pool.

    Args:
        others: What other machines of the account had spent; what only one knows is left out.
    """

    async def ask(session: Session) -> int:
        history = await session.state.read(records.get_history, session.key)
        usual = stored_shares(await session.state.read(records.get_parts, session.key))
        found = {}
        for pool, readings in sorted(history.items()):
            shared = beside(readings, [other.pools.get(pool, ()) for other in others])
            found[pool] = reconcile_all(
                shared.readings,
                usual=usual.get(pool),
                elsewhere=shared.spent_bytes,
                unsure_seconds=shared.unsure_seconds,
            )
        found = {pool: stretches for pool, stretches in found.items() if stretches}
        foreign = [pool for pool, all_ in found.items() if all_[-1].verdict == "foreign"]
        match shape:
            case "json":
                print_json({"pools": _document(found), "foreign": foreign})
            case "csv":
                print_sheet(_HEADINGS, _cells(found))
            case "rows":
                _print_table(found, none=_ALONE if others else _UNREAD)
        for pool, stretches in found.items():
            if is_for_a_person() or pool in foreign:
                click.echo(f"rf: pool {pool}: {in_words(stretches[-1])}", err=True)
        return ExitCode.CONDITION if foreign else ExitCode.DONE

    return with_session(profile, ask)


def _document(found: dict[str, tuple[Reconciliation, ...]]) -> dict[str, object]:
    return {
        pool: [
            {
                **msgspec.to_builtins(one),
                "foreign_bytes_per_second": one.foreign_bytes_per_second,
            }
            for one in stretches
        ]
        for pool, stretches in found.items()
    }


def _cells(found: dict[str, tuple[Reconciliation, ...]]) -> list[list[object]]:
    return [
        [pool, *(getattr(one, name) for name in _HEADINGS[1:])]
        for pool, stretches in found.items()
        for one in stretches
    ]


def _print_table(found: dict[str, tuple[Reconciliation, ...]], *, none: str) -> None:
    print_rows(
        (
            Column("POOL"),
            Column("FROM"),
            Column("FOR", "right", spare=1),
            Column("VERDICT"),
            Column("PROVIDER", "right"),
            Column("OURS", "right"),
            Column("MORE", "right"),
            Column("NOISE", "right", spare=2),
        ),
        [_row(pool, one) for pool, stretches in found.items() for one in stretches],
        none=none,
    )


def _row(pool: str, one: Reconciliation) -> tuple[str, ...]:
    return (
        pool,
        time.strftime("%m-%d %H:%M:%S", time.localtime(one.begin)),
        format_seconds(one.end - one.begin),
        one.verdict,
        format_bytes(one.provider_bytes),
        format_bytes(one.our_bytes),
        format_bytes(one.excess_bytes),
        format_bytes(one.noise_bytes),
    )
