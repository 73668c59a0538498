"""Thirty days of twenty crawls a day, a hundred domains each: how big the ledger is, how fast."""

import asyncio
import tempfile
import time
from pathlib import Path

from rf_core.io import records, spending
from rf_core.io.state import State
from rf_core.snapshot import CrawlReport, DomainSpend

DAYS, CRAWLS, DOMAINS = 30, 20, 100
FIRST_DAY = 20_000
ROUNDS = 15


def report(crawl: str, at: float, grown: int) -> CrawlReport:
    """What a crawl that fetches shops says of itself."""
    return CrawlReport(
        id=crawl, spider=f"spider {crawl[-2:]}", project="shop", pid=1, host="box",
        pool="premium", started_at=at, updated_at=at, items=grown,
        domains=tuple(
            DomainSpend("premium", f"shop-{n:04}.somewhere.example", grown, 9 * grown, grown)
            for n in range(DOMAINS)
        ),
    )  # fmt: skip


def size_of(folder: str) -> int:
    """Bytes of all files of the database."""
    return sum(path.stat().st_size for path in Path(folder).iterdir())


async def main() -> None:
    """Fill it as crawls do, then look."""
    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder))
        await state.open()
        for day in range(DAYS):
            for crawl in range(CRAWLS):
                at = (FIRST_DAY + day) * 86_400.0
                await state.run(records.put_crawl, "key", report(f"{day:08x}{crawl:02}", at, 1_000))
        steps = []
        for grown in range(1_001, 1_001 + ROUNDS):
            began = time.process_time()
            await state.run(records.put_crawl, "key", report(f"{DAYS - 1:08x}00", at, grown))
            steps.append(time.process_time() - began)
        await state.close()
        size = size_of(folder)
        print(f"{DAYS} days of {CRAWLS} crawls to {DOMAINS} domains: {size / 1e6:.1f} MB")
        print(f"one report, every domain grown: {min(steps) * 1e3:.2f} ms of the processor")
        opened, asked = [], {}
        for _ in range(ROUNDS):
            began = time.perf_counter()
            state = State(Path(folder))
            await state.open()
            opened.append(time.perf_counter() - began)
            for by in ("spider", "domain", "crawl", "day"):
                began = time.perf_counter()
                await state.read(spending.entries, "key", by, 0)
                asked.setdefault(by, []).append(time.perf_counter() - began)
            await state.close()
        print(f"opens in {min(opened) * 1e3:.1f} ms")
        for by, times in asked.items():
            print(f"sums by {by} in {min(times) * 1e3:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
