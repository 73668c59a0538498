"""The ledger: how big, how fast; and what attribution, ledger and guard take of each request.

Thirty days of twenty crawls a day, a hundred domains each, on https with retries and redirects.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bench_guard import best as guard_microseconds
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.httpobj import urlparse_cached

from rf_core.accounts import Statements, cause_totals
from rf_core.caps import Cap
from rf_core.causes import SpendCause
from rf_core.io import records, spending
from rf_core.io.state import State
from rf_core.meter import Meter, Tally
from rf_core.snapshot import CauseSpend, CrawlReport, DomainSpend
from rf_scrapy.causes import Causes
from rf_scrapy.flights import Flight

DAYS, CRAWLS, DOMAINS = 30, 20, 100
FIRST_DAY = 20_000
ROUNDS = 15
REQUESTS = 4_000
AT_ONCE = 16
PIECES = 3
A_SECOND = 100
"""Requests of a fast crawl: the ledger is written once a second, whatever it does."""
SCRAPY_MICROSECONDS = 1_500
"""What a request takes of the processor in Scrapy without us (measured; see bench_relay.py)."""


def spend(number: int, grown: int) -> DomainSpend:
    """One domain: a request each time, each tenth time a retry, each tenth time a redirect."""
    retries, redirects = (grown + number) // 10, (grown + number + 5) // 10
    pages = grown - retries - redirects
    causes = (
        CauseSpend("page", 500 * pages, 9_000 * pages, pages),
        CauseSpend("retry", 500 * retries, 900 * retries, retries),
        CauseSpend("redirect", 500 * redirects, 400 * redirects, redirects),
        CauseSpend("tunnel", 800 * retries, 3_000 * retries, retries),
    )
    up, down = sum(one.up_bytes for one in causes), sum(one.down_bytes for one in causes)
    return DomainSpend("premium", f"shop-{number:04}.somewhere.example", up, down, grown, causes)


def report(crawl: str, at: float, grown: int) -> CrawlReport:
    """What a crawl that fetches shops says of itself."""
    return CrawlReport(
        id=crawl, spider=f"spider {crawl[-2:]}", project="shop", pid=1, host="box",
        pool="premium", started_at=at, updated_at=at, items=grown,
        domains=tuple(spend(number, grown) for number in range(DOMAINS)),
    )  # fmt: skip


def size_of(folder: str) -> int:
    """Bytes of all files of the database."""
    return sum(path.stat().st_size for path in Path(folder).iterdir())


async def ledger() -> float:
    """Fill it as crawls do, then look; return what a report takes, in µs of the processor."""
    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder))
        await state.open()
        for day in range(DAYS):
            for crawl in range(CRAWLS):
                at = (FIRST_DAY + day) * 86_400.0
                await state.run(records.put_crawl, "key", report(f"{day:08x}{crawl:02}", at, 1_000))
        steps = []
        for grown in range(1_001, 1_001 + ROUNDS):
            now = report(f"{DAYS - 1:08x}00", at, grown)
            began = time.process_time()
            await state.run(records.put_crawl, "key", now)
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
            for by in ("spider", "domain", "crawl", "cause", "day"):
                began = time.perf_counter()
                await state.read(spending.entries, "key", by, 0)
                asked.setdefault(by, []).append(time.perf_counter() - began)
            began = time.perf_counter()
            await state.read(spending.causes, "key", 0)
            await state.read(spending.top_domains, "key", 0, most=3)
            asked.setdefault("cause and domain, for `waste`,", []).append(
                time.perf_counter() - began
            )
            await state.close()
        print(f"opens in {min(opened) * 1e3:.1f} ms")
        for by, times in asked.items():
            print(f"sums by {by} in {min(times) * 1e3:.1f} ms")
        return min(steps) * 1e6


class Bench:
    """Requests in tunnels, so many at once, told apart or only counted."""

    def __init__(self, *, told_apart: bool) -> None:
        self.meter = Meter()
        self.causes = Causes(self.meter) if told_apart else None
        self.counts = Counter()

    def go(self, requests: list[Request]) -> None:
        """Let them all leave, move and land."""
        for start in range(0, len(requests), AT_ONCE):
            flights = []
            for lane, request in enumerate(requests[start : start + AT_ONCE]):
                handle = f"lane{lane}"
                flight = Flight(
                    "shop.example:443", 0.0, handle, "premium", lane, None, "shop.example"
                )
                if self.causes:
                    self.causes.began(request, flight, self.counts)
                tally = Tally(self.meter, "premium", "shop.example", (handle, flight.target))
                tally.bill()
                tally.up(500)
                for _ in range(PIECES):
                    tally.down(9_000)
                flights.append((request, flight))
            for request, flight in flights:
                if self.causes:
                    self.causes.answered(request, Response(request.url, status=200), flight)


def microseconds(*, told_apart: bool) -> float:
    """What one takes of the processor, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        requests = [Request(f"https://shop.example/{n}") for n in range(REQUESTS)]
        for request in requests:
            urlparse_cached(request)
        bench = Bench(told_apart=told_apart)
        began = time.process_time()
        bench.go(requests)
        best = min(best, time.process_time() - began)
    return best / REQUESTS * 1e6


def stated() -> float:
    """What a second's report of all domains and its sums take to be made, in µs."""
    meter = Meter()
    for number in range(DOMAINS):
        account = meter.spend("premium", f"shop-{number:04}.somewhere.example")
        account.up_bytes, account.down_bytes, account.requests = 1_000, 90_000, 10
        for cause in (SpendCause.RETRY, SpendCause.REDIRECT, SpendCause.TUNNEL):
            account.part(cause).down_bytes = 9_000
    statements = Statements(meter)
    steps = []
    for _ in range(ROUNDS):
        began = time.process_time()
        statements.changed()
        cause_totals(meter)  # the report's
        cause_totals(meter)  # the stats'
        steps.append(time.process_time() - began)
    return min(steps) * 1e6


async def main() -> None:
    """Print it all."""
    written = (await ledger() + stated()) / A_SECOND
    bare = microseconds(told_apart=False)
    answer = min(_answer_microseconds() for _ in range(ROUNDS))
    apart = microseconds(told_apart=True) - bare - answer
    guarded = await guard_microseconds(Cap(2 << 30)) - await guard_microseconds(None)
    whole = apart + guarded + written
    print(f"of each request: attribution {apart:.1f} µs, guard {guarded:.1f} µs,")
    print(f"ledger {written:.1f} µs ({A_SECOND} requests a second to {DOMAINS} domains, all grown)")
    share = whole / SCRAPY_MICROSECONDS
    print(f"together {whole:.1f} µs of the processor, {share:.1%} of what Scrapy takes")


def _answer_microseconds() -> float:
    """Making an answer is the bench's own doing."""
    began = time.process_time()
    for _ in range(REQUESTS):
        Response("https://shop.example/", status=200)
    return (time.process_time() - began) / REQUESTS * 1e6


if __name__ == "__main__":
    asyncio.run(main())
