"""A running crawl is told something by another process of the same user, and does just that."""

import asyncio
import os
import signal
import threading

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes

from rf_core.io.configuration import load_settings
from rf_core.io.control import ask
from rf_core.io.session import Session
from rf_sandbox.sandbox import Sandbox

PAGES = 100
MB = 1 << 20
CRAWLING = """
import asyncio, pathlib
class Door:
    came = set()
    async def process_request(self, request, spider=None):
        self.came.add(request.url)
        while len(self.came) > 30 and not pathlib.Path("door is open").exists():
            await asyncio.sleep(0.05)
class Crawling(scrapy.Spider):
    name = "crawling"
    async def start(self):
        for n in range({pages}):
            yield scrapy.Request("{site}/bytes/" + str(4_000 + n), dont_filter=True)
    def parse(self, response):
        yield {{"url": response.url}}
"""
"""After 30 pages it waits until whoever tells it something is through with that.

A request that waits for room of a small budget comes more than once."""
SLOW = ADDON | {
    "DOWNLOADER_MIDDLEWARES": {"spider_under_test.Door": 100},
    "CONCURRENT_REQUESTS": 4,
    "DOWNLOAD_DELAY": 0.05,
    "RANDOMIZE_DOWNLOAD_DELAY": False,
}
FAST = {"DOWNLOAD_DELAY": 0}


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=7) as running:
        yield running


@pytest.fixture
def sandbox(servers):
    servers.reset()
    return servers


def crawling(sandbox, pages=PAGES):
    return CRAWLING.format(site=sandbox.site_http, pages=pages)


class Person:
    """Somebody at another terminal, who tells the crawl that runs something."""

    def __init__(self, folder, sandbox, script):
        self._door = folder / "door is open"
        self._settings = load_settings(environ=environment(folder, sandbox))
        self._script = script
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.said = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._thread.join()

    async def _run(self):
        async with Session(self._settings, holder="rf") as session:
            self.session = session
            try:
                self.crawl = await self.seen(lambda report: report.requests > 8)
                await self._script(self)
            finally:
                self.open_door()

    def open_door(self):
        self._door.touch()

    async def seen(self, holds, tries=1_800):
        """Wait until the crawl reports something."""
        for _ in range(tries):
            for report in await self.session.crawls():
                if report.finished_at is None and holds(report):
                    return report
            await asyncio.sleep(0.1)
        raise AssertionError("the crawl never said so")

    async def tell(self, verb, limit=None):
        told = ask(self.session, self.crawl.id, verb, limit, patience_seconds=30)
        self.said.append(await told)
        return self.said[-1]


async def stands_still(person):
    """Let it go on if it will, and wait until two reports in a row have the same count."""
    person.open_door()
    before = await person.seen(lambda report: report.paused == "asked to")
    while True:
        after = await person.seen(lambda report, at=before.updated_at: report.updated_at > at)
        if after.requests == before.requests:
            return after
        before = after


def test_a_paused_crawl_sends_nothing_and_goes_on_where_it_was(sandbox, tmp_path):
    stood = []

    async def script(person):
        assert (await person.tell("pause")).is_done
        stood.append(await stands_still(person))
        assert not (await person.tell("pause")).is_done
        assert (await person.tell("resume")).is_done
        await person.seen(lambda report: not report.paused)

    with Person(tmp_path, sandbox, script) as person:
        done = crawl(tmp_path, crawling(sandbox), SLOW, environment(tmp_path, sandbox))
    assert done.stats["finish_reason"] == "finished", done.log
    assert done.stats["item_scraped_count"] == PAGES
    assert stood[0].requests < PAGES
    assert [said.is_done for said in person.said] == [True, False, True]
    assert done.stats["rf/control"] == 2
    assert "Told to pause by rf" in done.log
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_a_stopped_crawl_says_who_did_it_and_its_job_keeps_the_rest(sandbox, tmp_path):
    async def script(person):
        await person.tell("pause")
        await stands_still(person)
        await person.tell("stop")

    settings = SLOW | {"JOBDIR": str(tmp_path / "job")}
    env = environment(tmp_path, sandbox)
    with Person(tmp_path, sandbox, script) as person:
        first = crawl(tmp_path, crawling(sandbox), settings, env)
    assert [said.is_done for said in person.said] == [True, True]
    assert first.stats["finish_reason"] == "rf_stopped", first.log
    later = crawl(tmp_path, crawling(sandbox, pages=0), settings | FAST, env)
    assert later.stats["finish_reason"] == "finished", later.log
    together = first.stats["item_scraped_count"] + later.stats["item_scraped_count"]
    assert together == PAGES
    assert later.stats["item_scraped_count"] > 0


def test_an_interrupt_ends_a_paused_crawl_and_its_job_goes_on_later(sandbox, tmp_path):
    async def script(person):
        await person.tell("pause")
        await stands_still(person)
        os.kill(person.crawl.pid, signal.SIGINT)

    settings = SLOW | {"JOBDIR": str(tmp_path / "job")}
    env = environment(tmp_path, sandbox)
    with Person(tmp_path, sandbox, script):
        first = crawl(tmp_path, crawling(sandbox), settings, env)
    assert first.stats["finish_reason"] == "shutdown", first.log
    later = crawl(tmp_path, crawling(sandbox, pages=0), settings | FAST, env)
    assert first.stats["item_scraped_count"] + later.stats["item_scraped_count"] == PAGES


@pytest.mark.parametrize("budget", [None, "50 MB"])
def test_a_budget_that_is_lowered_holds_and_is_never_raised(sandbox, tmp_path, budget):
    limit = 300_000

    async def script(person):
        await person.tell("budget", limit)
        await person.seen(lambda report: report.budget_bytes == limit)
        await person.tell("budget", 2 * limit)

    settings = SLOW | ({"RF_BUDGET": budget} if budget else {})
    with Person(tmp_path, sandbox, script) as person:
        done = crawl(tmp_path, crawling(sandbox), settings, environment(tmp_path, sandbox))
    assert [said.is_done for said in person.said] == [True, False]
    assert "RF_BUDGET" in person.said[1].text
    assert done.stats["finish_reason"] == "rf_budget_spent", done.log
    assert done.wire_bytes <= limit
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_a_crawl_that_takes_no_orders_says_so(sandbox, tmp_path):
    async def script(person):
        await person.tell("stop")

    settings = SLOW | {"RF_CONTROL": False}
    with Person(tmp_path, sandbox, script) as person:
        done = crawl(
            tmp_path, crawling(sandbox, pages=80), settings, environment(tmp_path, sandbox)
        )
    (said,) = person.said
    assert not said.is_done
    assert "RF_CONTROL is off" in said.text
    assert done.stats["finish_reason"] == "finished", done.log
