"""A day at the monitor, in about a minute: what a refresh costs and holds first, midway and last.

Two looks are STEP seconds apart by a clock that is turned, 30 unless told: `bench_flat.py 1` shows
each second of the day and takes half an hour. Everything on the screen changes with each look; of
50 crawls one ends each minute and another begins, and each hour another pool takes one's place.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import snapshots
from support.snapshots import NOW, Still

from rf_tui.app import MonitorApp

DAY = 86_400
CRAWLS, MINUTE, HOUR = 50, 60, 3_600
SIZE = (120, 40)
PARTS = 10


def memory_mb():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def moment(shown, second):
    """What there is at a second of the day."""
    begun, renewed = second // MINUTE, second // HOUR
    pools = tuple(
        replace(pool, id=f"pool_{n + renewed:02}", spent_since_bytes=second * 1_003 + n)
        for n, pool in enumerate(shown.pools)
    )
    crawls = tuple(
        replace(
            shown.crawls[0], id=str(n), spider=f"spider_{n:04}", pool=pools[n % len(pools)].id,
            requests=second * 7 + n, started_at=NOW + (n - CRAWLS) * MINUTE,
            updated_at=NOW + second,
        )
        for n in range(begun, begun + CRAWLS)
    )  # fmt: skip
    domains = tuple(replace(one, bytes=one.bytes + second * 991) for one in shown.domains)
    at = NOW + second
    return replace(
        shown, pools=pools, crawls=crawls, domains=domains, taken_at=at, balance_at=at - 5,
        usage_at=at - 9,
    )  # fmt: skip


async def day(step):
    """Look on for a day, and print what it takes in each tenth."""
    shown, clock = snapshots.crowded(), [NOW]
    app = MonitorApp(Still(shown), interval=None, clock=lambda: clock[0])
    costs, figures = [], []
    async with app.run_test(size=SIZE) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        seconds = range(0, DAY, step)
        for number, second in enumerate(seconds, 1):
            now = moment(shown, second)
            began = time.process_time()
            clock[0], app._desk.snapshot = now.taken_at, now
            app._paint()
            await asyncio.sleep(0.017)  # Textual paints at its next frame
            costs.append(time.process_time() - began)
            if number % (len(seconds) // PARTS) == 0:
                gc.collect()
                cost, costs = statistics.median(costs) * 1_000, []
                figures.append((second / HOUR, memory_mb(), sys.getallocatedblocks(), cost))
    return len(seconds), figures


def main(step=30):
    looks, figures = asyncio.run(day(step))
    print(f"{looks:,} refreshes of everything, {step} s apart by the clock that was turned")
    for name, at in (("start", 0), ("middle", len(figures) // 2), ("end", -1)):
        hours, memory, blocks, cost = figures[at]
        print(f"{name:6} until {hours:4.1f} h: {memory:5.1f} MB, {blocks:,} blocks, "
              f"{cost:.1f} ms of CPU a refresh")  # fmt: skip
    (_, memory, blocks, cost), (_, later, more, last) = figures[len(figures) // 2], figures[-1]
    print(f"end beside middle: memory {later / memory:.3f} x, blocks {more / blocks:.3f} x, "
          f"CPU {last / cost:.2f} x")  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
