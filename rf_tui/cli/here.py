"""`rf limits`, `rf crawls`: what this machine knows by itself. No call is made."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from rf_core.io import processes
from rf_core.io.session import Session
from rf_core.prices import Price, cost_by_pool, format_cost
from rf_core.snapshot import CrawlReport
from rf_core.units import format_bytes
from rf_tui.cli.opening import json_option, profile_option, with_session
from rf_tui.cli.output import is_for_a_person, print_json, print_rows
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught
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
)
@profile_option
@json_option
def crawls(*, profile: str | None, as_json: bool) -> None:
    """Running and past crawls of this machine, the latest first. Makes no call."""

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


def with_losses(reports: Iterable[CrawlReport], now: float) -> list[CrawlReport]:
    """Say of crawls whose process is gone that they are lost, instead of running for ever."""
    reports = list(reports)
    lost = processes.gone(reports, now)
    return [
        replace(report, finished_at=report.updated_at, finish_reason="lost")
        if report.id in lost
        else report
        for report in reports
    ]


def _state(report: CrawlReport) -> str:
    return "running" if report.finished_at is None else report.finish_reason or "finished"


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
        "state": _state(report),
        "wire_bytes": report.wire_bytes,
        "cost": None if cost is None else float(cost),
    }


def _crawl_row(report: CrawlReport, now: float, prices: Sequence[Price]) -> tuple[str, ...]:
    cost = _cost(report, prices)
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(report.started_at))
    requests = f"{report.requests:,}" if is_for_a_person() else str(report.requests)
    return (
        report.spider,
        _state(report),
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
