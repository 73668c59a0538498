"""Moments for the monitor's tests: an empty one, a busy one, a bad one, a hostile one."""

from dataclasses import replace

from rf_core.alert import Alert
from rf_core.meters import Reconciliation
from rf_core.models import Targeting
from rf_core.snapshot import (
    ApiCall,
    CauseSpend,
    CrawlReport,
    DomainSpend,
    DomainState,
    Drain,
    Finding,
    Headroom,
    PoolState,
    Runway,
    SessionCounts,
    Snapshot,
)

NOW = 1_795_465_860.0
MB = 1 << 20
GB = 1 << 30

WINDOWS = (
    Headroom(
        "generate", 20, 1, holders=(("crawl books", 1),), frees_in_seconds=(41.0,), held_by=(0,)
    ),
    Headroom(
        "reads", 120, 11, foreign=4, holders=(("poller", 8), ("crawl books", 2), ("monitor", 1)),
        frees_in_seconds=(3.2, 8.1, 13.4, 14.0, 14.1, 24.8, 30.2, 39.9, 44.6, 51.3, 60.8),
        held_by=(0, 0, 0, 1, 1, 0, 0, 2, 0, 0, 0), foreign_for_seconds=33.0,
    ),
)  # fmt: skip

ALERTS = (
    Alert(
        "walmart_premium", "foreign use", "foreign", NOW - 300,
        "Somebody else took 5.12 MB from pool walmart_premium in 14 min 10 s.",
        outcome="notify-send cannot be run: No such file or directory.",
    ),
    Alert(
        "walmart_premium", "empty within 2h", "pace", NOW - 2_000,
        "Pool walmart_premium will be empty in about 54 min 30 s: 3.3528 GB left, 1.05 MB/s "
        "leaving (empty within 2h).",
        acknowledged_at=NOW - 1_900,
    ),
    Alert(
        "unread", "below 2 GB", "level", NOW - 90_000, "Pool unread is below 2 GB: 1.98 GB left.",
        over_at=NOW - 86_000,
    ),
)  # fmt: skip


CALLS = (
    ApiCall(NOW - 5, "GET", "/balance", 200, 0.041, "poller", "reads", 104, 120),
    ApiCall(NOW - 12, "GET", "/usage", 200, 0.062, "poller", "reads", 105, 120),
    ApiCall(NOW - 19, "POST", "/proxies", 200, 3.21, "crawl books", "generate", 19, 20),
    ApiCall(NOW - 44, "POST", "/proxies", 429, 0.02, "rf generate", "generate", 0, 20),
    ApiCall(NOW - 75, "GET", "/pools", 0, 10.0, "monitor", "reads", trouble="transport"),
    ApiCall(NOW - 300, "GET", "/me", 401, 0.03, "poller", "reads"),
    ApiCall(NOW - 900, "GET", "/openapi.json", 200, 0.1, "rf doctor"),
)


def empty() -> Snapshot:
    """Before anything has been read."""
    return Snapshot(taken_at=NOW, key="rf_live_…x7kQ")


def busy() -> Snapshot:
    """Two crawls on one pool, another pool idle."""
    history = tuple((NOW - 600 + step * 20, 2 * GB - step * 20 * MB) for step in range(30))
    return Snapshot(
        taken_at=NOW,
        key="rf_live_…x7kQ",
        account="jane_doe",
        pools=(
            PoolState(
                "walmart_premium", balance_bytes=history[-1][1], balance_at=NOW - 5,
                spent_since_bytes=5 * MB,
                drain=Drain("draining", 1.2 * MB, runway=Runway(1_219.0, 1_010.0, 1_490.0)),
                history=history,
                label="Walmart Premium", host="gw.example", proxy_types=("rotating", "sticky"),
                meters=Reconciliation(
                    "clean", NOW - 600, NOW - 5, 580 * MB, 581 * MB, -MB, 4 * MB, 30.0, 0.0
                ),
            ),
            PoolState(
                "retail_select", balance_bytes=6 * GB, balance_at=NOW - 5, drain=Drain("idle"),
                history=((NOW - 600, 6 * GB), (NOW - 5, 6 * GB)),
            ),
        ),
        windows=WINDOWS,
        crawls=(
            CrawlReport(
                id="a", spider="books", project="shop", pid=1, host="box", pool="walmart_premium",
                started_at=NOW - 590, updated_at=NOW - 1, up_bytes=20 * MB, down_bytes=500 * MB,
                requests=21_004, exits=16,
                failures={"target_429": 12, "gateway_auth": 2},
                bytes_per_second=1.2 * MB, backoffs={"slow.example": 7.0}, live_proxies=16,
                causes=(
                    CauseSpend("page", 14 * MB, 380 * MB, 19_000),
                    CauseSpend("retry", MB, 24 * MB, 1_004),
                    CauseSpend("media", 3 * MB, 85 * MB, 1_000),
                    CauseSpend("tunnel", 2 * MB, 11 * MB, 5_200),
                ),
                unbilled_bytes=14_200, sessions=SessionCounts(3, 12, 2, 1, 4), retired_proxies=2,
                backoff_count=5, backoff_seconds=61.0, budget_bytes=2 * GB,
                items=1_204, pending_requests=812,
                domains=(
                    DomainSpend("walmart_premium", "books.example", 15 * MB, 395 * MB, 18_000),
                    DomainSpend("walmart_premium", "slow.example", 5 * MB, 105 * MB, 3_004),
                ),
            ),
            CrawlReport(
                id="b", spider="prices", project="shop", pid=2, host="box", pool="walmart_premium",
                started_at=NOW - 1_000, updated_at=NOW - 400, up_bytes=MB, down_bytes=9 * MB,
                requests=400, finished_at=NOW - 400, finish_reason="finished",
            ),
        ),
        domains=(
            DomainState("books.example", 410 * MB, 18_000, 3 * MB),
            DomainState("slow.example", 110 * MB, 3_004, 0),
        ),
        targeting=Targeting(
            countries=("us", "de", "fr", "gb", "nl", "jp"), us_states=("CA", "NY", "TX"),
            session_minutes_max=720,
        ),
        balance_at=NOW - 5,
        usage_at=NOW - 12,
        discovery_at=NOW - 300,
        own_calls_per_minute=11,
        calls=CALLS,
    )  # fmt: skip


def degraded() -> Snapshot:
    """An empty pool, a full window, a refused key."""
    return Snapshot(
        taken_at=NOW,
        key="rf_live_…x7kQ",
        account="jane_doe",
        pools=(
            PoolState("walmart_premium", balance_bytes=0, balance_at=NOW - 900),
            PoolState("unread"),
        ),
        windows=(
            Headroom(
                "generate", 20, 20, next_slot_seconds=17.4, holders=(("crawl books", 20),),
                frees_in_seconds=tuple(17.4 + n for n in range(20)), held_by=(0,) * 20,
            ),
            WINDOWS[1],
        ),
        alerts=ALERTS,
        findings=(
            Finding(
                "error", "key_refused", "The API refused the key rf_live_…x7kQ (401).",
                "Make a new key in the dashboard, export RF_API_KEY and start again.",
            ),
            Finding(
                "warning", "pool_empty", "Pool walmart_premium is empty.",
                "Top it up in the dashboard.",
            ),
        ),
        balance_at=NOW - 900,
        calls=CALLS[3:],
    )  # fmt: skip


def crowded() -> Snapshot:
    """Fifty pools, thirty crawls, a hundred domains."""
    shown = busy()
    pool, crawl, domain = shown.pools[0], shown.crawls[0], shown.domains[0]
    return replace(
        shown,
        pools=tuple(replace(pool, id=f"pool_{number:02}") for number in range(50)),
        crawls=tuple(replace(crawl, id=str(n), spider=f"spider_{n:02}") for n in range(30)),
        domains=tuple(replace(domain, domain=f"{n:03}.example") for n in range(100)),
        calls=tuple(replace(CALLS[0], at=NOW - n) for n in range(200)),
    )


HOSTILE = (
    "[/red]",
    "[bold red]x[/]",
    "\x1b[31mred\x1b[0m\x07",
    "a\u202eb\u2066c",
    "表" * 40,
    "x" * 10_000,
    "new\nline\ttab\r",
    "",
    "e\u0301" * 30,
)


def hostile() -> Snapshot:
    """Every text an API or a target can choose, chosen badly."""
    return Snapshot(
        taken_at=NOW,
        key="rf_live_…x7kQ",
        account=HOSTILE[2],
        pools=tuple(PoolState(name, balance_bytes=GB, balance_at=NOW) for name in HOSTILE),
        windows=WINDOWS,
        crawls=tuple(
            CrawlReport(
                id=str(number), spider=name, project=name, pid=1, host=name, pool=name,
                started_at=NOW, updated_at=NOW, failures={name: 1}, backoffs={name: 1.0},
            )
            for number, name in enumerate(HOSTILE)
        ),
        domains=tuple(DomainState(name, 1, 1) for name in HOSTILE),
        findings=tuple(Finding("warning", "x", name, name) for name in HOSTILE),
        calls=tuple(ApiCall(NOW, name, name, 0, 1.0, name, name, trouble=name) for name in HOSTILE),
        balance_at=NOW,
    )  # fmt: skip


class Still:
    """A source that shows one moment, counts who asks, and can be held up."""

    def __init__(self, snapshot):
        self.moment = snapshot
        self.looks = 0
        self.refreshes = 0
        self.gate = None

    async def snapshot(self):
        self.looks += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.moment

    async def refresh(self):
        self.refreshes += 1
        return self.moment
