"""Every Scrapy stat of ours: one table from the crawl's counts to their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from rf_core.accounts import cause_totals
from rf_core.caps import Cap
from rf_core.causes import SpendCause
from rf_core.prices import cost_by_pool

if TYPE_CHECKING:
    from rf_scrapy.crawl import Crawl


@dataclass(frozen=True, slots=True)
class Stat:
    """One stat: its name, what it counts, and where that stands."""

    name: str
    meaning: str
    read: Callable[[Crawl], Any]


def _requests(crawl: Crawl) -> int:
    return sum(spend.requests for spend in crawl.meter.spends.values())


def cost_of_crawl(crawl: Crawl) -> Decimal | None:
    """Return what a crawl has cost, in dollars; None without a price in the profile."""
    session = crawl.supply.session
    return cost_by_pool(
        (
            (pool, spend.up_bytes + spend.down_bytes)
            for (pool, _domain), spend in crawl.meter.spends.items()
        ),
        session.settings.prices if session else (),
        datetime.fromtimestamp(crawl.started_at, UTC).date(),
    )


def _cost(crawl: Crawl) -> float | None:
    cost = cost_of_crawl(crawl)
    return None if cost is None else round(float(cost), 6)


def _dollars(cap: Cap | None) -> float | None:
    return float(cap.dollars) if cap is not None and cap.in_money else None


STATS: Final = (
    Stat("rf/wire_bytes/up", "Billed bytes sent to the gateway", lambda c: c.meter.up_bytes),
    Stat("rf/wire_bytes/down", "Billed bytes read from it", lambda c: c.meter.down_bytes),
    Stat("rf/spent_bytes", "Billed bytes, both ways", lambda c: c.meter.wire_bytes),
    Stat("rf/cost", "Dollars, when the profile has a price", _cost),
    Stat(
        "rf/budget_bytes", "What may be spent; 0 without a cap", lambda c: c.guard.limit_bytes or 0
    ),
    Stat(
        "rf/budget_dollars",
        "The same in dollars, when `RF_BUDGET` is",
        lambda c: _dollars(c.guard.standing),
    ),
    Stat("rf/floor_bytes", "What must remain; 0 without a floor", lambda c: c.settings.floor or 0),
    Stat(
        "rf/unbilled_bytes",
        "Bytes of exchanges the gateway refused itself",
        lambda c: c.meter.unbilled_bytes,
    ),
    Stat("rf/requests/proxied", "Requests sent through a proxy", _requests),
    Stat("rf/requests/direct", "Requests sent without one, on purpose", lambda c: c.direct.total()),
    Stat(
        "rf/orders",
        "Orders; one call may serve many crawls",
        lambda c: c.supply.orders,
    ),
    Stat(
        "rf/targetings",
        "Targetings that proxies were ordered for",
        lambda c: sum(1 for source in c.supply.sources() if source.orders),
    ),
    Stat("rf/proxies/live", "Lanes with a working credential", lambda c: c.supply.lanes.live),
    Stat("rf/proxies/used", "Distinct credentials used", lambda c: c.supply.lanes.used),
    Stat("rf/exits/distinct", "Exits that were asked for", lambda c: c.exits),
    Stat("rf/sessions/begun", "Sessions that were begun", lambda c: c.supply.sessions.known.begun),
    Stat(
        "rf/sessions/renewed",
        "Those whose key was used again after their lease",
        lambda c: c.supply.sessions.known.renewed,
    ),
    Stat(
        "rf/sessions/broken",
        "Those whose credential was refused or banned",
        lambda c: c.supply.sessions.known.broken,
    ),
    Stat(
        "rf/sessions/resumed",
        "Requests of another run's sessions, which began anew",
        lambda c: c.supply.sessions.known.resumed,
    ),
    Stat("rf/proxies/retired", "Credentials refused for good", lambda c: c.supply.lanes.refused),
    Stat(
        "rf/pauses",
        "Times a pool was waited for, empty or at its floor",
        lambda c: c.top_ups.pauses,
    ),
    Stat("rf/control", "Orders of `rf crawls` it has done", lambda c: c.control.obeyed),
    Stat("rf/tunnels", "CONNECT tunnels that were opened", lambda c: c.meter.tunnels),
    Stat(
        "rf/replays",
        "Requests sent again because a kept-alive connection had died",
        lambda c: c.meter.replays,
    ),
    Stat(
        "rf/probes",
        "Questions put to the gateway because a plain answer could have been a target's",
        lambda c: c.meter.probes,
    ),
    Stat("rf/backoff/count", "Pauses of a domain, a burst counted once", lambda c: c.backoff_steps),
    Stat("rf/backoff/seconds", "Their length together", lambda c: round(c.backoff_seconds, 3)),
)

CAUSE_PREFIX: Final = "rf/cause/"
VERDICT_PREFIX: Final = "rf/verdict/"
TARGETING_PREFIX: Final = "rf/requests/targeting/"
DIRECT_PREFIX: Final = "rf/requests/direct/"


def stats_of(crawl: Crawl) -> Mapping[str, Any]:
    """Return every stat of a crawl as it stands."""
    found = {stat.name: stat.read(crawl) for stat in STATS}
    values = {name: value for name, value in found.items() if value is not None}
    values |= {f"{VERDICT_PREFIX}{name}": count for name, count in crawl.verdicts.items()}
    values |= {f"{TARGETING_PREFIX}{name}": n for name, n in crawl.supply.requests.items()}
    values |= {f"{DIRECT_PREFIX}{way}": count for way, count in crawl.direct.items()}
    values |= {f"{CAUSE_PREFIX}{cause}": 0 for cause in SpendCause}
    values |= {f"{CAUSE_PREFIX}{one.cause}": one.bytes for one in cause_totals(crawl.meter)}
    return values


def write_stats(crawl: Crawl) -> None:
    """Write them to Scrapy's collector."""
    for name, value in stats_of(crawl).items():
        crawl.crawler.stats.set_value(name, value)
