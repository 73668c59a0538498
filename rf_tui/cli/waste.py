"""`rf ledger waste`: what went on anything but pages, and which line would have saved it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import click

from rf_core.causes import SpendCause
from rf_core.io import spending
from rf_core.io.session import Session
from rf_core.prices import format_cost
from rf_core.spending import day_name
from rf_core.units import format_bytes
from rf_core.waste import Waste, wasted
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import with_session
from rf_tui.cli.output import Shape, is_for_a_person, print_json, print_rows, print_sheet
from rf_tui.cli.table import Column

_SHOWN_DOMAINS: Final = 3
_HEADINGS: Final = (
    "cause", "bytes", "requests", "cost", "saves_bytes", "saves_cost", "certainty", "setting",
    "means",
)  # fmt: skip


def told_waste(profile: str | None, *, since: int | None, spider: str | None, shape: Shape) -> int:
    """Print it."""

    async def ask(session: Session) -> None:
        read, key, day = session.state.read, session.key, since or 0
        found = wasted(
            await read(spending.causes, key, day, spider),
            session.settings.prices,
            await read(spending.top_domains, key, day, spider, most=_SHOWN_DOMAINS),
        )
        match shape:
            case "json":
                print_json(_document(found, since))
            case "csv":
                rows = [list(_values(waste).values()) for waste in found]
                print_sheet(_HEADINGS, rows)
            case "rows":
                _print_table(found)

    with_session(profile, ask)
    return ExitCode.DONE


def _values(waste: Waste) -> dict[str, str | int | Decimal | None]:
    remedy = waste.remedy
    values = (
        waste.cause,
        waste.bytes,
        waste.requests,
        waste.cost,
        waste.saves_bytes,
        waste.saves_cost,
        remedy.certainty if remedy else None,
        remedy.line if remedy else None,
        remedy.means if remedy else None,
    )
    return dict(zip(_HEADINGS, values, strict=True))


def _document(found: Sequence[Waste], since: int | None) -> dict[str, object]:
    return {
        "since": None if since is None else day_name(since),
        "rows": [
            {
                **{
                    name: float(value) if isinstance(value, Decimal) else value
                    for name, value in _values(waste).items()
                },
                "domains": [{"domain": domain, "bytes": count} for domain, count in waste.domains],
            }
            for waste in found
        ],
        "total_bytes": sum(waste.bytes for waste in found),
    }


def _print_table(found: Sequence[Waste]) -> None:
    whole = sum(waste.bytes for waste in found)
    print_rows(
        (
            Column("CAUSE"),
            Column("SPENT", "right", only="terminal"),
            Column("BYTES", only="pipe"),
            Column("SHARE", "right", only="terminal", spare=2),
            Column("COST", "right", spare=1),
            Column("WOULD SAVE"),
            Column("WITH"),
            Column("AND THEN", spare=3),
        ),
        [_row(waste, whole) for waste in found],
        none="Nothing has been spent here with this key.",
    )
    if is_for_a_person():
        for waste in found:
            if waste.remedy is not None:
                most = ", ".join(f"{name} {format_bytes(count)}" for name, count in waste.domains)
                click.echo(f"rf: {waste.cause}: {most}", err=True)


def _row(waste: Waste, whole: int) -> tuple[str, ...]:
    remedy = waste.remedy
    saves = money = ""
    if remedy is not None:
        money = "" if waste.saves_cost is None else f", {format_cost(waste.saves_cost)}"
        bound = "" if remedy.certainty == "exactly" else f"{remedy.certainty} "
        saves = f"{bound}{format_bytes(waste.saves_bytes)}{money}"
    return (
        waste.cause or "(not told apart)",
        format_bytes(waste.bytes),
        str(waste.bytes),
        f"{waste.bytes / whole:.0%}" if whole else "",
        "" if waste.cost is None else format_cost(waste.cost),
        saves,
        remedy.line or remedy.means if remedy else _none(waste),
        remedy.means if remedy and remedy.line else "",
    )


def _none(waste: Waste) -> str:
    return "what you came for" if waste.cause == SpendCause.PAGE else ""
