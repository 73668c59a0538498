"""`rf limits`, `rf crawls`: what this machine knows by itself. No call is made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
import msgspec

from rf_core.control import VERBS, Verb
from rf_core.io.session import Session
from rf_core.prices import Price, cost_by_pool, format_cost
from rf_core.snapshot import CrawlReport
from rf_core.units import format_bytes
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.opening import json_option, profile_option, with_session
from rf_tui.cli.orders import told, with_losses
from rf_tui.cli.output import is_for_a_person, print_json, print_rows
from rf_tui.cli.sizes import Size
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught
from rf_tui.telling import state_of
from rf_tui.words import crawl_age, failures, holders_words, wait_words

_FAILURES_WIDTH = 24


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


@taught(
    "crawls",
    ("rf crawls", "what runs, what ran, and what it took"),
    ("rf crawls --json | jq '.crawls[0].wire_bytes'", "bytes of the latest one"),
    ("rf crawls pause books", "by its spider or its id; resume goes on"),
    ("rf crawls budget books 500MB", "let it spend no more than that in all"),
)
@click.argument("order", required=False, type=click.Choice(list(VERBS)), metavar="[ORDER]")
@click.argument("crawl", required=False, metavar="[CRAWL]")
@click.argument("size", required=False, type=Size(), metavar="[SIZE]")
@profile_option
@json_option
def crawls(
    *,
    order: Verb | None,
    crawl: str | None,
    size: int | None,
    profile: str | None,
    as_json: bool,
) -> int:
    """Running and past crawls of this machine, the latest first. Makes no call.

    With an order it tells a running crawl, by its id or its spider: pause, resume, stop, or budget
    with a size, which can only become less. Exit code 1 when the crawl does not do so.
    """
    if order is not None:
        return told(order, crawl, size, profile, as_json=as_json)
    _list(profile, as_json=as_json)
    return ExitCode.DONE


def _list(profile: str | None, *, as_json: bool) -> None:

    async def ask(session: Session) -> None:
        now = time.time()
        found = with_losses(await session.crawls(), now)
        prices = session.settings.prices
        if as_json:
            print_json({"crawls": [_crawl_document(report, prices) for report in found]})
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
