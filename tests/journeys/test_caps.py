"""Fifty real crawls with caps: what the gateway counted, which the code under test never reads."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes

from rf_core.units import BALANCE_QUANTUM, GIGABYTE
from rf_sandbox.sandbox import Sandbox

CRAWLS = 50
MB = 1 << 20
ONE_READ = 256 << 10
SEND_BUFFER = 2 << 20
"""What the gateway had taken in of a body that is cut: its kernel's send buffer, and its own."""
SPIDER = """
import os, signal
from random import Random
class Fetch(scrapy.Spider):
    name = "fetch"
    custom_settings = {{"DOWNLOAD_WARNSIZE": 0, "RETRY_TIMES": 1}}
    seen = 0
    async def start(self):
        chance = Random({seed})
        for n in range(3_000):
            size = int({low} * ({high} / {low}) ** chance.random())
            yield scrapy.Request(f"{site}/bytes/{{size}}?n={{n}}", dont_filter=True)
    def parse(self, response):
        self.seen += 1
        if self.seen == {dies_after}:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass
class Plan:
    scheme: str
    concurrency: int
    processes: int
    low: int
    high: int
    amount: int
    is_floor: bool
    lag: int
    crashes: int
    is_topped_up: bool


def planned(chance):
    high = chance.choice([20_000, 200_000, 2_000_000, 20_000_000])
    low = chance.choice([1_000, high // 4])
    usual = (low + high) // 3
    is_floor = chance.random() < 0.3
    crashes = chance.choice([0, 0, 1, 2])
    lag = chance.choice([0, 30, 900]) if is_floor else 0
    return Plan(
        scheme=chance.choice(["http", "https"]),
        concurrency=chance.choice([1, 4, 16, 32, 64]),
        processes=chance.choice([1, 1, 2, 3]),
        low=low,
        high=high,
        amount=min(40 * MB, max(MB, usual * chance.randint(15, 50))),
        is_floor=is_floor,
        lag=lag,
        crashes=0 if is_floor or high > 2 * MB else crashes,
        is_topped_up=is_floor and lag == 0 and chance.random() < 0.5,
    )


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(CRAWLS))
def test_a_real_crawl_keeps_to_its_cap(tmp_path, seed):
    plan = planned(Random(seed))
    with Sandbox(seed=seed) as sandbox:
        sandbox.switch(meter_lag_seconds=plan.lag)
        if plan.is_floor:
            sandbox.set_balance("premium", GIGABYTE + plan.amount)
        done = run_all(tmp_path, sandbox, plan, seed)
        if plan.is_topped_up:
            sandbox.top_up("premium", 8 * MB)
            done = run_all(tmp_path, sandbox, plan, seed + 1_000)
        billed = gateway_bytes(sandbox)
        cut = sum(row["outcome"] != "completed" for row in sandbox.traffic()["traffic"])
    # What has left the gateway whole may be cut here.
    cut = max(cut, sum(one.stats.get("downloader/exception_count", 0) for one in done))
    reasons = {one.stats["finish_reason"] for one in done}
    assert reasons == {"rf_floor_reached" if plan.is_floor else "rf_budget_spent"}, done[0].log
    allowed = plan.amount + (8 * MB if plan.is_topped_up else 0)
    past, own = billed - allowed, sum(one.stats["rf/spent_bytes"] for one in done)
    sys.stdout.write(
        f"crawl {seed}: past {past} of {plan.amount}, own count {own}, {cut} cut; {plan}\n"
    )
    if not plan.crashes and not plan.is_topped_up:
        assert own - allowed <= cut * ONE_READ, (own - allowed, cut)
    assert past <= max(plan.amount // 200, cut * SEND_BUFFER), (past, cut, plan)
    assert -past <= allowed // 50 + hidden(plan), (-past, plan)


def hidden(plan):
    """What a floor cannot know: rounding, a second's spending, a top-up on a late meter."""
    if not plan.is_floor:
        return 0
    late = plan.amount if plan.is_topped_up else 0
    return late + plan.amount // 4 + 3 * BALANCE_QUANTUM


def run_all(tmp_path, sandbox, plan, seed):
    env = environment(tmp_path, sandbox)
    cap = {"RF_FLOOR": "1 GB"} if plan.is_floor else {"RF_BUDGET": plan.amount}
    settings = ADDON | cap | {
        "CONCURRENT_REQUESTS": plan.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": plan.concurrency,
        "LOG_LEVEL": "INFO",
    }  # fmt: skip
    site = sandbox.site_http if plan.scheme == "http" else sandbox.site_https

    def one(number, dies_after=0):
        folder = tmp_path / f"{seed}-{number}-{dies_after}"
        folder.mkdir()
        source = SPIDER.format(
            seed=seed + number, site=site, low=plan.low, high=plan.high, dies_after=dies_after
        )
        return crawl(folder, source, settings, env, seconds=300)

    for number in range(plan.crashes):
        killed = one(100 + number, dies_after=6)
        if killed.returncode == 0:  # what was killed before has taken all that was left
            return [killed]
        assert killed.returncode == -9, killed.log
    with ThreadPoolExecutor(plan.processes) as threads:
        return list(threads.map(one, range(plan.processes)))
