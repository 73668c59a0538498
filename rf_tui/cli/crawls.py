"""`rf crawls`: what runs and ran on this machine, and what it took. No call is made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import click
import msgspec

from rf_core.control import VERBS, Verb
from rf_core.io.session import Session
from rf_core.prices import Price, cost_by_pool, format_cost
from rf_core.snapshot import CrawlReport
from rf_core.units import format_bytes
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import csv_option, json_option, profile_option, refuse_both, with_session
from rf_tui.cli.orders import told, with_losses
from rf_tui.cli.output import is_for_a_person, print_json, print_rows, print_sheet
from rf_tui.cli.sizes import Size
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught
from rf_tui.telling import state_of
from rf_tui.words import crawl_age, failures

_FAILURES_WIDTH: Final = 24
_HEADINGS: Final = (
    "id", "spider", "project", "state", "host", "pid", "pool", "started_at", "updated_at",
    "finished_at", "wire_bytes", "up_bytes", "down_bytes", "unbilled_bytes", "cost", "budget_bytes",
    "requests", "direct_requests", "failures", "exits", "items",
)  # fmt: skip


@taught(
    "crawls",
    ("rf crawls", "what runs, what ran, and what it took"),
    ("rf crawls --json | jq '.crawls[0].wire_bytes'", "bytes of the latest one"),
    ("rf crawls --csv > crawls.csv", "for a spreadsheet"),
    ("rf crawls pause books", "by its spider or its id; resume goes on"),
    ("rf crawls budget books 500MB", "let it spend no more than that in all"),
)
@click.argument("order", required=False, type=click.Choice(list(VERBS)), metavar="[ORDER]")
@click.argument("crawl", required=False, metavar="[CRAWL]")
@click.argument("size", required=False, type=Size(), metavar="[SIZE]")
@profile_option
@json_option
@csv_option
def crawls(
    *,
    order: Verb | None,
    crawl: str | None,
    size: int | None,
    profile: str | None,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Running and past crawls of this machine, the latest first. Makes no call.

    With an order it tells a running crawl, by its id or its spider: pause, resume, stop, or budget
    with a size, which can only become less. Exit code 1 when the crawl does not do so.
    """
    refuse_both(as_json=as_json, as_csv=as_csv)
    if order is not None:
        if as_csv:
            raise click.UsageError("An order is answered with --json, not with --csv.")
        return told(order, crawl, size, profile, as_json=as_json)
    _list(profile, as_json=as_json, as_csv=as_csv)
    return ExitCode.DONE


def _list(profile: str | None, *, as_json: bool, as_csv: bool) -> None:

    async def ask(session: Session) -> None:
        now = time.time()
        found = with_losses(await session.crawls(), now)
        prices = session.settings.prices
        if as_json:
            print_json({"crawls": [_crawl_document(report, prices) for report in found]})
            return
        if as_csv:
            print_sheet(_HEADINGS, [_cells(report, prices) for report in found])
            return
        print_rows(
            (
                Column("SPIDER"),
                Column("STATE"),
                Column("STARTED", spare=2),
                Column("TOOK", "right", only="terminal"),
                Column("POOL"),
                Column("ON THE WIRE", "right"),
                Column("BYTES", only="pipe"),
                Column("COST", "right", spare=3),
                Column("REQUESTS", "right"),
                Column("FAILURES", spare=1),
                Column("FROM", spare=4),
                Column("ID", spare=5),
            ),
            [_crawl_row(report, now, prices) for report in found],
            none="No crawl has run here with this key in the last 30 days.",
        )

    with_session(profile, ask)


def _cost(report: CrawlReport, prices: Sequence[Price]) -> Decimal | None:
    return cost_by_pool(
        ((spend.pool, spend.up_bytes + spend.down_bytes) for spend in report.domains),
        prices,
        datetime.fromtimestamp(report.started_at, UTC).date(),
    )


def _crawl_document(report: CrawlReport, prices: Sequence[Price]) -> dict[str, object]:
    document: dict[str, Any] = msgspec.to_builtins(report)
    for domain in document["domains"]:
        del domain["causes"]  # the ledger knows them by domain; here they are the crawl's
    cost = _cost(report, prices)
    return {
        **document,
        "state": state_of(report),
        "wire_bytes": report.wire_bytes,
        "cost": None if cost is None else float(cost),
    }


def _cells(report: CrawlReport, prices: Sequence[Price]) -> tuple[object, ...]:
    document = _crawl_document(report, prices) | {
        "cost": _cost(report, prices),
        "failures": sum(report.failures.values()),
    }
    return tuple(document[name] for name in _HEADINGS)


def _crawl_row(report: CrawlReport, now: float, prices: Sequence[Price]) -> tuple[str, ...]:
    cost = _cost(report, prices)
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(report.started_at))
    requests = f"{report.requests:,}" if is_for_a_person() else str(report.requests)
    return (
        report.spider,
        state_of(report),
        started,
        crawl_age(report, now),
        report.pool,
        format_bytes(report.wire_bytes),
        str(report.wire_bytes),
        "" if cost is None else format_cost(cost),
        requests,
        failures(report, _FAILURES_WIDTH),
        f"{report.host}:{report.pid}",
        report.id,
    )
