"""`rf forecast`: how long the pools last, from what is stored on this machine."""

from __future__ import annotations

import click
import msgspec

from rf_core import picture
from rf_core.io import answers, processes, records
from rf_core.io.session import Session
from rf_core.outlook import CrawlOutlook, outlooks
from rf_core.parts import BALANCE
from rf_core.picture import Material
from rf_core.snapshot import PoolState, Snapshot
from rf_core.units import format_bytes, format_rate, format_seconds
from rf_tui.cli.opening import json_option, profile_option, with_session
from rf_tui.cli.output import print_age, print_json, print_rows
from rf_tui.cli.table import Column
from rf_tui.cli.teaching import taught

_SEEN_CRAWL_SECONDS = 3_600.0


@taught(
    "forecast",
    ("rf forecast", "how long do my pools last?"),
    (
        "rf forecast --json | jq .pools.premium.runway.low_seconds",
        "the cautious answer, for a script",
    ),
)
@profile_option
@json_option
@click.option("--refresh", is_flag=True, help="Make a call of its own for the balances first.")
def forecast(*, profile: str | None, as_json: bool, refresh: bool) -> None:
    """How long each pool lasts, and whether running crawls will finish.

    The interval is right four times out of five. Without --refresh it makes no call: it goes by the
    readings that a monitor has left here.
    """

    async def ask(session: Session) -> None:
        if refresh:
            await answers.balances(session, None)
        snapshot = await _stored(session)
        crawls = outlooks(snapshot)
        if as_json:
            print_json(_document(snapshot, crawls))
            return
        print_rows(
            (
                Column("POOL"),
                Column("STATE"),
                Column("LEFT", "right", spare=1),
                Column("DRAIN", "right"),
                Column("AT LEAST", "right"),
                Column("ABOUT", "right", spare=2),
                Column("AT MOST", "right"),
            ),
            [_pool_row(pool) for pool in snapshot.pools],
            none="No balance has been read yet; --refresh reads one.",
        )
        for crawl in crawls:
            click.echo(_crawl_line(crawl), err=True)
        if snapshot.balance_at is not None:
            print_age(snapshot.taken_at - snapshot.balance_at)

    with_session(profile, ask)


async def _stored(session: Session) -> Snapshot:
    """What is known here, without a call."""
    now = session.clock.wall()
    stored = await session.state.read(records.gather, session.key, now - _SEEN_CRAWL_SECONDS)
    balance = stored.parts.get(BALANCE)
    return picture.snapshot(
        Material(
            now=now,
            key=session.masked_key,
            readings=stored.readings,
            latest=frozenset(balance.document["pools"]) if balance else None,
            balance_at=balance.fetched_at if balance else None,
            spent=stored.spent,
            crawls=stored.crawls,
            gone=processes.gone(stored.crawls, now),
        )
    )


def _document(snapshot: Snapshot, crawls: tuple[CrawlOutlook, ...]) -> dict[str, object]:
    return {
        "pools": {
            pool.id: {
                "state": pool.drain.state,
                "left_bytes": pool.left_bytes,
                "bytes_per_second": pool.drain.bytes_per_second,
                "source": pool.drain.source,
                "runway": msgspec.to_builtins(pool.drain.runway),
            }
            for pool in snapshot.pools
        },
        "crawls": [msgspec.to_builtins(crawl) for crawl in crawls],
        "age_seconds": None
        if snapshot.balance_at is None
        else max(0.0, snapshot.taken_at - snapshot.balance_at),
    }


def _pool_row(pool: PoolState) -> tuple[str, ...]:
    left = "unknown" if pool.left_bytes is None else format_bytes(pool.left_bytes)
    runway = pool.drain.runway
    lasts = (
        ("", "", "")
        if runway is None
        else tuple(map(format_seconds, (runway.low_seconds, runway.seconds, runway.high_seconds)))
    )
    return (pool.id, pool.drain.state, left, format_rate(pool.drain.bytes_per_second), *lasts)


def _crawl_line(crawl: CrawlOutlook) -> str:
    if crawl.chance is None or crawl.need_bytes is None:
        return f"crawl {crawl.spider}: too little is known to say whether it will finish"
    return (
        f"crawl {crawl.spider}: {crawl.chance:.0%} that pool {crawl.pool} is enough for its "
        f"{crawl.pending_requests:,} known requests, about {format_bytes(crawl.need_bytes)}"
    )
