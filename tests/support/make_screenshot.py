"""Draws the pictures of the docs: the live app itself on a made-up but plausible moment.

Run it after changing how the monitor looks.
"""

import asyncio
import math
import os
import time
from dataclasses import replace
from pathlib import Path

from support import snapshots
from support.generates import Api

from rf_core.snapshot import (
    Alert,
    CrawlReport,
    DomainSpend,
    DomainState,
    Drain,
    Headroom,
    PoolState,
    Runway,
    Snapshot,
)
from rf_tui.app import MonitorApp
from rf_tui.pictures import tidy
from rf_tui.places import Place, Whereabouts

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "monitor.svg"
NOW = 1_795_465_860.0
MEGABYTE = 1 << 20
GIGABYTE = 1 << 30


def moment() -> Snapshot:
    """A quarter of an hour into two crawls, a while after a top-up."""
    history = []
    left = 1.9 * GIGABYTE
    for step in range(90):
        if step == 40:
            left += 2 * GIGABYTE
        left -= (14 + 9 * math.sin(step / 7)) * MEGABYTE
        history.append((NOW - 900 + step * 10, int(left)))
    crawls = (
        CrawlReport(
            id="a1", spider="listings", project="shop", pid=4711, host="box", pool="premium",
            started_at=NOW - 860, updated_at=NOW - 1, up_bytes=48 * MEGABYTE,
            down_bytes=1_180 * MEGABYTE, requests=41_207, exits=16,
            failures={"target_429": 112, "gateway_auth": 3}, bytes_per_second=1.31 * MEGABYTE,
            backoffs={"press.example": 12.0},
        ),
        CrawlReport(
            id="b2", spider="prices", project="shop", pid=4712, host="box", pool="premium",
            started_at=NOW - 300, updated_at=NOW - 1, up_bytes=9 * MEGABYTE,
            down_bytes=167 * MEGABYTE, requests=7_964, exits=16, bytes_per_second=0.42 * MEGABYTE,
        ),
    )  # fmt: skip
    return Snapshot(
        taken_at=NOW,
        key="rf_live_…x7kQ",
        account="jane_doe",
        pools=(
            PoolState(
                "premium", balance_bytes=history[-1][1], balance_at=NOW - 4,
                spent_since_bytes=7 * MEGABYTE, history=tuple(history),
                drain=Drain("draining", 1.73 * MEGABYTE, runway=Runway(1_575.0, 1_310.0, 1_930.0)),
                topped_up_at=NOW - 500,
                proxy_types=("rotating", "sticky"),
            ),
            PoolState(
                "mobile", balance_bytes=6 * GIGABYTE, balance_at=NOW - 4, drain=Drain("idle"),
                proxy_types=("mobile_rotating", "mobile_sticky"),
                history=tuple((at, 6 * GIGABYTE) for at, _ in history),
            ),
        ),
        windows=(
            Headroom(
                "generate", 20, 3, holders=(("crawl listings", 2), ("crawl prices", 1)),
            ),
            Headroom("reads", 120, 11, foreign=4, holders=(("poller", 11),)),
        ),
        crawls=crawls,
        domains=(
            DomainState("listings.example", 912 * MEGABYTE, 30_112, 14 * MEGABYTE),
            DomainState("img.listings.example", 268 * MEGABYTE, 11_095, 3 * MEGABYTE),
            DomainState("prices.example", 176 * MEGABYTE, 7_964, 5 * MEGABYTE),
            DomainState("press.example", 3 * MEGABYTE, 240, 0),
        ),
        balance_at=NOW - 4,
        usage_at=NOW - 9,
        discovery_at=NOW - 240,
        own_calls_per_minute=11,
    )  # fmt: skip


class Still:
    """A source that always shows the same moment."""

    def __init__(self, snapshot):
        self._snapshot = snapshot

    async def snapshot(self):
        return self._snapshot

    async def refresh(self):
        return self._snapshot


def pages() -> dict[Path, Place]:
    """Which page each picture shows."""
    folder = PICTURE.parents[1] / "reference"
    return {
        PICTURE: Place(),
        folder / "monitor-pool.svg": Place("pool", "premium"),
        folder / "monitor-crawl.svg": Place("crawl", "a1"),
        folder / "monitor-domain.svg": Place("domain", "listings.example"),
        folder / "monitor-targeting.svg": Place("targeting"),
        folder / "monitor-alerts.svg": Place("alerts"),
        folder / "monitor-requests.svg": Place("requests"),
    }


def presses() -> dict[Path, tuple[str, ...]]:
    """Which keys lead to what lies over the picture."""
    folder = PICTURE.parents[1] / "reference"
    return {
        folder / "monitor-generator.svg": ("g", *"premium", "down", "u", "s"),
        folder / "monitor-help.svg": ("question_mark",),
    }


def pages_moment() -> Snapshot:
    """The same, with what only other pages show."""
    shown = moment()
    spends = (
        DomainSpend("premium", "listings.example", 31 * MEGABYTE, 880 * MEGABYTE, 30_112),
        DomainSpend("premium", "img.listings.example", 14 * MEGABYTE, 254 * MEGABYTE, 11_095),
    )
    alert = Alert(
        "premium", "3% in 1h", "pace", NOW - 240,
        "Pool premium loses 5.1 % in an hour: more than the 3 % that were to be told of.",
    )  # fmt: skip
    return replace(
        shown,
        crawls=(replace(shown.crawls[0], domains=spends, items=9_812), shown.crawls[1]),
        targeting=snapshots.busy().targeting,
        calls=snapshots.CALLS,
        alerts=(alert,),
    )


async def picture(place: Place, keys=(), width=112, height=36) -> str:
    """Return the app's own SVG of a page, or of what keys lead to from there."""
    shown = moment() if place == Place() and not keys else pages_moment()
    app = MonitorApp(
        Still(shown), interval=None, clock=lambda: NOW, generates=Api() if keys else None
    )
    app._where = Whereabouts((Place(), place) if place != Place() else (Place(),))
    async with app.run_test(size=(width, height)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press(*keys)
        await pilot.pause()
        svg = app.export_screenshot(title="rf")
    return tidy(svg)


async def drawn() -> None:
    for path, place in pages().items():
        path.write_text(await picture(place))
        print(path, path.stat().st_size)
    for path, keys in presses().items():
        path.write_text(await picture(Place(), keys))
        print(path, path.stat().st_size)


if __name__ == "__main__":
    os.environ["TZ"] = "UTC"
    time.tzset()
    asyncio.run(drawn())
