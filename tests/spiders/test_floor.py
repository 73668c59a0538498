"""What must remain in a pool remains, for one crawl and for several at once."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes, spider

from rf_core.units import BALANCE_QUANTUM, GIGABYTE

MB = 1 << 20
FLOOR = GIGABYTE

EARLY = """
import asyncio, pathlib
class Fetch(scrapy.Spider):
    name = "fetch"
    seen = 0
    async def start(self):
        for n in range(400):
            if n == 40:
                for _ in range(1_800):
                    if pathlib.Path("go on").exists():
                        break
                    await asyncio.sleep(0.1)
            yield scrapy.Request(f"{site}/bytes/{{20_000 + n}}", dont_filter=True)
    def parse(self, response):
        self.seen += 1
        if self.seen == 40:
            pathlib.Path("rests").touch()
"""
"""Rests after 40 pages until it is told to go on, three minutes at most."""


@pytest.fixture
def pool(sandbox):
    """Leave some MB above the floor, and say what is left at any time: the judge."""

    def left():
        return sandbox.state()["balances_bytes"]["premium"]

    sandbox.set_balance("premium", FLOOR + 3 * MB)
    return left


def pages(sandbox, count, size):
    return spider(*(f"{sandbox.site_http}/bytes/{size + n}" for n in range(count)))


def test_a_crawl_ends_before_the_pool_falls_below(sandbox, tmp_path, pool):
    done = crawl(
        tmp_path,
        pages(sandbox, 400, 20_000),
        ADDON | {"RF_FLOOR": "1 GB"},
        environment(tmp_path, sandbox),
    )
    assert done.stats["finish_reason"] == "rf_floor_reached", done.log
    assert FLOOR <= pool() <= FLOOR + 3 * BALANCE_QUANTUM
    assert done.stats["rf/floor_bytes"] == FLOOR


def test_crawls_at_the_same_time_keep_to_it_together(sandbox, tmp_path, pool):
    env = environment(tmp_path, sandbox)

    def run(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        return crawl(folder, pages(sandbox, 300, 20_000), ADDON | {"RF_FLOOR": "1 GB"}, env)

    with ThreadPoolExecutor(3) as threads:
        outcomes = list(threads.map(run, range(3)))
    assert {one.stats["finish_reason"] for one in outcomes} == {"rf_floor_reached"}
    assert FLOOR <= pool() <= FLOOR + 5 * BALANCE_QUANTUM


def test_a_crawl_that_joins_late_finds_what_it_needs_and_the_other_ends_at_the_floor(
    sandbox, tmp_path, pool
):
    env, floor = environment(tmp_path, sandbox), ADDON | {"RF_FLOOR": "1 GB"}
    early, late = tmp_path / "early", tmp_path / "late"
    early.mkdir()
    late.mkdir()
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(crawl, early, EARLY.format(site=sandbox.site_http), floor, env)
        while not (early / "rests").exists():
            assert not other.done(), other.result().log
            time.sleep(0.05)
        joined = crawl(late, pages(sandbox, 50, 20_000), floor, env)
        (early / "go on").touch()
        first = other.result()
    assert joined.stats["finish_reason"] == "finished", joined.log
    assert joined.stats["item_scraped_count"] == 50
    assert first.stats["finish_reason"] == "rf_floor_reached", first.log
    assert first.wire_bytes + joined.wire_bytes == gateway_bytes(sandbox)
    assert FLOOR <= pool() <= FLOOR + 5 * BALANCE_QUANTUM


def test_a_pool_that_is_below_already_is_left_alone(sandbox, tmp_path, pool):
    done = crawl(
        tmp_path,
        pages(sandbox, 5, 1_000),
        ADDON | {"RF_FLOOR": "1.5 GB"},
        environment(tmp_path, sandbox),
    )
    assert done.stats["finish_reason"] == "rf_floor_reached"
    assert pool() == FLOOR + 3 * MB
    assert sandbox.state()["site"]["requests"] == 0


def test_a_top_up_is_seen_by_a_crawl_that_begins_right_after_it(sandbox, tmp_path, pool):
    sandbox.set_balance("premium", FLOOR)
    env, floor = environment(tmp_path, sandbox), ADDON | {"RF_FLOOR": "1 GB"}
    before = crawl(tmp_path, pages(sandbox, 5, 1_000), floor, env)
    assert before.stats["finish_reason"] == "rf_floor_reached", before.log
    sandbox.top_up("premium", 8 * MB)
    after = crawl(tmp_path, pages(sandbox, 5, 1_000), floor, env)
    assert after.stats["finish_reason"] == "finished", after.log
    assert pool() == FLOOR + 8 * MB - gateway_bytes(sandbox)
