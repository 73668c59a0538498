"""`rf ledger`: what was spent, by whom, where and why; `explain` doubts it, `waste` minds it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, get_args

import click

from rf_core.io import spending
from rf_core.io.session import Session
from rf_core.prices import format_cost
from rf_core.spending import Grouping, Spent, day_name, read_since, summed, total
from rf_core.units import format_bytes
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.explain import explained
from rf_tui.cli.opening import csv_option, json_option, profile_option, refuse_both, with_session
from rf_tui.cli.output import Shape, is_for_a_person, print_json, print_rows, print_sheet
from rf_tui.cli.readings import Readings, ReadingsFile, told_readings
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught
from rf_tui.cli.waste import told_waste

_HEADINGS: Final = (
    "bytes",
    "up_bytes",
    "down_bytes",
    "requests",
    "items",
    "cost",
    "cost_per_1000_items",
)


class Since(click.ParamType[int]):
    """A day: `7d`, `today`, `2026-11-01`."""

    name = "day"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it."""
        if isinstance(value, int):
            return value
        try:
            return read_since(value, time.time())
        except ValueError as error:
            self.fail(str(error), param, ctx)


@taught(
    "ledger",
    ("rf ledger", "which spider spends most?"),
    ("rf ledger --by domain --since 7d", "where to, in the last seven days"),
    ("rf ledger --by day --csv > november.csv", "for a spreadsheet"),
    ("rf ledger --json | jq .total_bytes", "all that was ever counted here"),
    ("rf ledger --by cause --spider books", "pages, retries, pictures, bans, …"),
    ("rf ledger waste --since 7d", "which line would have saved how much?"),
    ("rf ledger explain", "did the provider take just that?"),
    ("rf ledger readings --json > here.json", "on another machine of the account"),
    ("rf ledger explain --with here.json", "did it take what both did?"),
)
@click.argument(
    "doubt",
    required=False,
    type=click.Choice(["explain", "waste", "readings"]),
    metavar="[explain|waste|readings]",
)
@profile_option
@json_option
@click.option(
    "--by",
    type=click.Choice(get_args(Grouping)),
    default="spider",
    show_default=True,
    help="What the rows are.",
)
@click.option("--since", type=Since(), metavar="DAY", help="7d, today, or a day: 2026-11-01.")
@click.option("--spider", metavar="NAME", help="Of this spider alone.")
@csv_option
@click.option(
    "--with",
    "others",
    type=ReadingsFile(),
    multiple=True,
    metavar="FILE",
    help="With explain: what another machine of the account wrote by `rf ledger readings --json`.",
)
def ledger(
    *,
    doubt: str | None,
    profile: str | None,
    as_json: bool,
    by: Grouping,
    since: int | None,
    spider: str | None,
    as_csv: bool,
    others: tuple[Readings, ...],
) -> int:
    """What crawls of this machine have spent, to the byte. Makes no call.

    Days are those of UTC. Costs need a price in the profile of config.toml.

    With `explain` it compares that with what the provider took, by the balances that were read
    here: clean, overhead, foreign or inconclusive. Foreign ends with exit code 3.

    With `readings` it prints those balances, with what was spent here until then, for `--with`.

    With `waste` it sums what was spent on anything but pages, and says which line of settings.py
    would have saved how much of that.
    """
    refuse_both(as_json=as_json, as_csv=as_csv)
    shape: Shape = "json" if as_json else "csv" if as_csv else "rows"
    if others and doubt != "explain":
        raise click.UsageError("--with goes with `rf ledger explain`.")
    if doubt == "explain":
        return explained(profile, shape=shape, others=others)
    if doubt == "readings":
        return told_readings(profile, shape=shape)
    if doubt == "waste":
        return told_waste(profile, since=since, spider=spider, shape=shape)

    async def ask(session: Session) -> None:
        day = since or 0
        read = session.state.read
        rows = summed(
            await read(spending.entries, session.key, by, day, spider),
            session.settings.prices,
            by=by,
            items=await read(spending.items, session.key, by, day, spider),
        )
        match shape:
            case "json":
                print_json(_document(rows, by, since))
            case "csv":
                print_sheet((by, *_HEADINGS), [_cells(row) for row in rows])
            case "rows":
                _print_table(rows, by)

    with_session(profile, ask)
    return ExitCode.DONE


def _document(rows: Sequence[Spent], by: Grouping, since: int | None) -> dict[str, object]:
    whole = total(rows)
    return {
        "by": by,
        "since": None if since is None else day_name(since),
        "rows": [
            {
                "name": row.name,
                "bytes": row.bytes,
                "up_bytes": row.up_bytes,
                "down_bytes": row.down_bytes,
                "requests": row.requests,
                "items": row.items,
                "cost": _number(row.cost),
                "cost_per_1000_items": _number(row.cost_per_1000_items),
            }
            for row in rows
        ],
        "total_bytes": whole.bytes,
        "total_requests": whole.requests,
        "total_cost": _number(whole.cost),
    }


def _number(dollars: Decimal | None) -> float | None:
    return None if dollars is None else float(dollars)


def _cells(row: Spent) -> tuple[object, ...]:
    return (
        row.name,
        row.bytes,
        row.up_bytes,
        row.down_bytes,
        row.requests,
        row.items,
        row.cost,
        row.cost_per_1000_items,
    )


def _print_table(rows: Sequence[Spent], by: Grouping) -> None:
    whole = total(rows)
    print_rows(
        (
            Column(by.upper()),
            Column("SPENT", "right", only="terminal"),
            Column("BYTES", only="pipe"),
            Column("SHARE", "right", only="terminal", spare=2),
            Column("REQUESTS", "right", spare=1),
            Column("COST", "right"),
            Column("PER 1,000 ITEMS", "right", spare=3),
        ),
        [_row(row, whole) for row in rows],
        none="Nothing has been spent here with this key.",
    )
    if rows and is_for_a_person():
        cost = "" if whole.cost is None else f", {format_cost(whole.cost)}"
        click.echo(f"in all {format_bytes(whole.bytes)} ({whole.bytes:,} bytes){cost}", err=True)


def _row(row: Spent, whole: Spent) -> tuple[str, ...]:
    each = row.cost_per_1000_items
    return (
        row.name or "(earlier)",
        format_bytes(row.bytes),
        str(row.bytes),
        f"{row.bytes / whole.bytes:.0%}" if whole.bytes else "",
        f"{row.requests:,}" if is_for_a_person() else str(row.requests),
        "" if row.cost is None else format_cost(row.cost),
        "" if each is None else format_cost(each),
    )
