"""`RF_ON_EXHAUSTED = "pause"`: an empty pool is waited for, and nothing is lost meanwhile."""

import threading
import time

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes

from rf_sandbox.sandbox import Sandbox

EMPTYING = """
import asyncio, os, pathlib, signal
class Emptying(scrapy.Spider):
    name = "emptying"
    async def start(self):
        self.looking = asyncio.ensure_future(self.look())
        for n in range({pages}):
            meta = {{"rf_session": "one"}} if n % 5 == 0 else {{}}
            yield scrapy.Request("{site}/bytes/" + str(4_000 + n), meta=meta)
        while {interrupt} and not self.crawler.engine.paused:
            await asyncio.sleep(0.1)
        if {interrupt}:
            os.kill(os.getpid(), signal.SIGINT)
    async def look(self):
        while not self.crawler.engine.paused:
            await asyncio.sleep(0.1)
        pathlib.Path("paused").touch()
    def closed(self, reason):
        self.looking.cancel()
    def parse(self, response):
        yield {{"url": response.url}}
"""
PAUSE = ADDON | {"RF_ON_EXHAUSTED": "pause", "CONCURRENT_REQUESTS": 4}


@pytest.fixture
def fast():
    """A sandbox and a crawl whose time runs thirty times as fast."""
    with Sandbox(seed=7, clock="scaled:30") as running:
        yield running


def emptying(sandbox, *, pages=40, interrupt=False):
    return EMPTYING.format(site=sandbox.site_https, pages=pages, interrupt=interrupt)


def top_up_once_refused(sandbox, seconds=200):
    """Top up as soon as the gateway has refused somebody."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(row["status"] == 402 for row in sandbox.traffic()["traffic"]):
            sandbox.top_up("premium", 10**7)
            return
        time.sleep(0.1)


def test_a_crawl_goes_on_when_its_pool_is_topped_up(fast, tmp_path):
    """C-071, C-166"""
    fast.set_balance("premium", 60_000)
    friend = threading.Thread(target=top_up_once_refused, args=(fast,))
    friend.start()
    env = environment(tmp_path, fast, RF_CLOCK_SCALE="30")
    done = crawl(tmp_path, emptying(fast), PAUSE, env)
    friend.join()
    assert done.stats["finish_reason"] == "finished", done.log
    assert done.stats["item_scraped_count"] == 40
    assert done.stats["rf/pauses"] >= 1
    assert done.stats["rf/requests/direct"] == 0
    assert "was topped up: the crawl goes on" in done.log
    assert done.wire_bytes == gateway_bytes(fast)


def test_a_crawl_at_its_floor_goes_on_when_the_pool_is_topped_up(fast, tmp_path):
    floor, above = 1 << 30, 400_000
    fast.set_balance("premium", floor + above)
    friend = threading.Thread(target=top_up_once_paused, args=(fast, tmp_path / "paused"))
    friend.start()
    env = environment(tmp_path, fast, RF_CLOCK_SCALE="30")
    settings = PAUSE | {"RF_FLOOR": "1 GB"}
    done = crawl(tmp_path, emptying(fast, pages=100), settings, env)
    friend.join()
    assert done.stats["finish_reason"] == "finished", done.log
    assert done.stats["item_scraped_count"] == 100
    assert done.stats["rf/pauses"] >= 1
    assert "is at its floor: paused until it is topped up" in done.log
    assert "was topped up: the crawl goes on" in done.log
    assert done.wire_bytes == gateway_bytes(fast)


def top_up_once_paused(sandbox, sign, seconds=200):
    """Top up when the crawl has left the sign that it is paused."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if sign.exists():
            sandbox.top_up("premium", 10**7)
            return
        time.sleep(0.1)


def test_a_crawl_that_begins_with_an_empty_pool_waits_for_it_too(fast, tmp_path):
    """C-068, C-071"""
    fast.set_balance("premium", 0)

    def top_up_once_demo():
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            calls = fast.journal()["calls"]
            if any(call["path"] == "/api/v1/balance" for call in calls):
                fast.top_up("premium", 10**7)
                return
            time.sleep(0.1)

    friend = threading.Thread(target=top_up_once_demo)
    friend.start()
    env = environment(tmp_path, fast, RF_CLOCK_SCALE="30")
    done = crawl(tmp_path, emptying(fast), PAUSE, env)
    friend.join()
    assert done.stats["finish_reason"] == "finished", done.log
    assert done.stats["item_scraped_count"] == 40
    assert done.stats["rf/pauses"] == 1
    assert done.stats["rf/requests/direct"] == 0
    assert {row["status"] for row in fast.traffic()["traffic"]} <= {200, None}
    assert done.wire_bytes == gateway_bytes(fast)


def test_an_interrupt_ends_the_wait_of_a_crawl_that_has_not_begun(fast, tmp_path):
    fast.set_balance("premium", 0)
    env = environment(tmp_path, fast, RF_CLOCK_SCALE="30")
    settings = PAUSE | {"JOBDIR": str(tmp_path / "job")}
    first = crawl(tmp_path, emptying(fast, interrupt=True), settings, env)
    assert first.stats["finish_reason"] == "shutdown", first.log
    assert fast.traffic()["traffic"] == []
    fast.top_up("premium", 10**7)
    later = crawl(tmp_path, emptying(fast, pages=0), settings, env)
    assert later.stats["item_scraped_count"] == 40, later.log


def test_a_pool_that_is_waited_for_holds_up_no_other(fast, tmp_path):
    fast.set_balance("mobile", 30_000)
    source = """
class Two(scrapy.Spider):
    name = "two"
    async def start(self):
        for n in range(40):
            meta = {{"rf_pool": "mobile"}} if n % 2 else {{}}
            yield scrapy.Request("{site}/bytes/" + str(4_000 + n), meta=meta)
    def parse(self, response):
        yield {{"url": response.url}}
""".format(site=fast.site_https)  # noqa: UP032 - braces belong to the spider
    env = environment(tmp_path, fast, RF_CLOCK_SCALE="30")

    def top_up_once_the_other_is_done():
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            asked = [one["target"] for one in fast.site_log()["requests"]]
            own = [target for target in asked if int(target.rpartition("/")[2]) % 2 == 0]
            if len(own) == 20 and any(r["status"] == 402 for r in fast.traffic()["traffic"]):
                fast.top_up("mobile", 10**7)
                return
            time.sleep(0.1)

    friend = threading.Thread(target=top_up_once_the_other_is_done)
    friend.start()
    done = crawl(tmp_path, source, PAUSE, env)
    friend.join()
    assert done.stats["finish_reason"] == "finished", done.log
    assert done.stats["item_scraped_count"] == 40
    assert "Pool mobile was topped up: the crawl goes on" in done.log
    assert done.wire_bytes == gateway_bytes(fast)


def test_an_interrupt_ends_the_pause_and_the_job_goes_on_later(fast, tmp_path):
    fast.set_balance("premium", 60_000)
    env = environment(tmp_path, fast, RF_CLOCK_SCALE="30")
    settings = PAUSE | {"JOBDIR": str(tmp_path / "job")}
    first = crawl(tmp_path, emptying(fast, interrupt=True), settings, env)
    assert first.stats["finish_reason"] == "shutdown", first.log
    fast.top_up("premium", 10**7)
    later = crawl(tmp_path, emptying(fast, pages=0), settings, env)
    assert later.stats["finish_reason"] == "finished", later.log
    assert first.stats["item_scraped_count"] + later.stats["item_scraped_count"] == 40


def test_a_key_that_is_revoked_meanwhile_ends_the_crawl(fast, tmp_path):
    fast.set_balance("premium", 60_000)
    fast.faults(
        {"where": "api", "match": {"path": "/api/v1/balance"}, "what": {"kind": "revoke_key"}}
    )
    env = environment(tmp_path, fast, RF_CLOCK_SCALE="30")
    done = crawl(tmp_path, emptying(fast), PAUSE, env)
    assert done.stats["finish_reason"] == "rf_key_refused", done.log
