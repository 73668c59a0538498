"""A target that says *slower*, a gateway that refuses: the right reaction to each."""

import json
import subprocess
import sys
import threading

import pytest
from support.crawls import ADDON, AIOHTTP, crawl, environment, gateway_bytes, spider

BOTH = """
class Both(scrapy.Spider):
    name = "both"
    async def start(self):
        for n in range(8):
            yield scrapy.Request(f"SLOW/ip?n={n}", priority=10)
        for n in range(30):
            yield scrapy.Request(f"FAST/bytes/{500 + n}")
    def parse(self, response):
        yield {"status": response.status}
"""


class Relenting:
    """The domain `slow.localhost` says *slower* until so many pages of another one have been sent.

    Whoever lets one wait for the other waits for ever.
    """

    def __init__(self, sandbox, pages):
        self._sandbox, self._pages = sandbox, pages
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        headers = {"Retry-After": "1"}
        self._sandbox.faults(
            {
                "where": "site",
                "match": {"domain": "slow.localhost"},
                "what": {"kind": "status", "status": 429, "headers": headers},
            }
        )
        self._thread.start()

    def __exit__(self, *_exc):
        self._over.set()
        self._thread.join()

    def _look(self):
        while not self._over.wait(0.05):
            sent = [row["domain"] for row in self._sandbox.site_log()["requests"]]
            others = [domain for domain in sent if domain != "slow.localhost"]
            if self._pages <= len(others) < len(sent):
                self._sandbox.faults()
                return


PATIENT = {"RF_BACKOFF_MAX": 1, "RF_BACKOFF_RETRY_TIMES": 1_000}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_domain_that_says_slower_waits_and_no_other_does(sandbox, tmp_path, scheme):
    """Four places, all of which slow requests hold first: the fast ones go through meanwhile."""
    slow = {"http": sandbox.site_http, "https": sandbox.site_https}[scheme]
    slow = slow.replace("127.0.0.1", "slow.localhost").replace("//localhost", "//slow.localhost")
    code = BOTH.replace("SLOW", slow).replace("FAST", sandbox.site_http)
    feed = tmp_path / "items.json"
    settings = ADDON | PATIENT | {"FEEDS": {str(feed): {"format": "json"}}}
    settings["CONCURRENT_REQUESTS"] = 4
    with Relenting(sandbox, pages=30):
        outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    items = json.loads(feed.read_text())
    assert [item["status"] for item in items] == [200] * 38, outcome.log
    assert outcome.stats["rf/backoff/count"] >= 1
    assert outcome.stats.get("retry/count", 0) == 0
    assert outcome.stats.get("downloader/exception_count", 0) == 0
    assert outcome.wire_bytes == gateway_bytes(sandbox)


def test_a_domain_that_never_relents_is_handed_on_after_so_many_times(sandbox, tmp_path):
    code = """
    class Never(scrapy.Spider):
        name = "never"
        handle_httpstatus_list = [429]
        async def start(self):
            yield scrapy.Request("SITE/status/429", meta={"dont_retry": True})
        def parse(self, response):
            yield {"status": response.status}
    """.replace("SITE", sandbox.site_http)
    settings = ADDON | {"RF_BACKOFF_RETRY_TIMES": 2, "RF_BACKOFF_MAX": 1}
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert outcome.stats["item_scraped_count"] == 1, outcome.log
    assert outcome.stats["rf/verdict/target_429"] == 3


def test_robots_txt_that_says_slower_is_waited_for_in_place(sandbox, tmp_path):
    """Nobody schedules it, so it cannot be parked; what awaits it must still get its answer."""
    code = """
    class Robots(scrapy.Spider):
        name = "robots"
        async def start(self):
            for n in range(4):
                await self.crawler.engine.download_async(
                    scrapy.Request(f"SITE/ratelimit?scope=site&n={n}"))
                self.crawler.stats.inc_value("awaited")
            yield scrapy.Request("SITE/ip")
        def parse(self, response):
            yield {}
    """.replace("SITE", sandbox.site_http)
    outcome = crawl(
        tmp_path, code, ADDON | {"ROBOTSTXT_OBEY": True}, environment(tmp_path, sandbox)
    )
    assert outcome.stats["awaited"] == 4, outcome.log
    assert outcome.stats["item_scraped_count"] == 1


def refuse_some(sandbox, count):
    """Make the gateway forget the first so many user names that come along."""
    credentials = sandbox._servers.world.credentials
    check, refused = credentials.check, set()

    def forgetful(username, password):
        if username in refused or len(refused) < count:
            refused.add(username)
            return None
        return check(username, password)

    credentials.check = forgetful
    return refused


@pytest.mark.parametrize("handler", [{}, AIOHTTP], ids=["HTTP11", "aiohttp"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_credential_is_never_tried_again(sandbox, tmp_path, handler, scheme):
    """C-165: its request goes out on another one, and Scrapy's own retries are not touched."""
    refused = refuse_some(sandbox, 3)
    site = {"http": sandbox.site_http, "https": sandbox.site_https}[scheme]
    urls = [f"{site}/bytes/{700 + n}" for n in range(30)]
    settings = ADDON | handler | {"RETRY_TIMES": 0, "RF_LIVE_PROXIES": 4}
    outcome = crawl(tmp_path, spider(*urls), settings, environment(tmp_path, sandbox))
    assert outcome.stats["item_scraped_count"] == 30, outcome.log
    assert outcome.stats["rf/proxies/retired"] == 3
    assert outcome.stats.get("retry/count", 0) == 0
    assert len(refused) == 3
    assert outcome.wire_bytes == gateway_bytes(sandbox)
    assert outcome.stats["rf/unbilled_bytes"] == gateway_bytes(sandbox, billed=False)


def test_when_no_credential_works_the_crawl_ends(sandbox, tmp_path):
    refuse_some(sandbox, 10**9)
    settings = ADDON | {"RF_LIVE_PROXIES": 2, "RF_QUANTITY": 2}
    urls = [f"{sandbox.site_https}/bytes/{n}" for n in range(6)]
    outcome = crawl(tmp_path, spider(*urls), settings, environment(tmp_path, sandbox))
    assert outcome.stats["finish_reason"] == "rf_no_proxies", outcome.log
    assert gateway_bytes(sandbox) == 0
    assert outcome.stats["rf/orders"] <= 4


def test_parked_requests_survive_an_interruption_with_a_jobdir(sandbox, tmp_path):
    code = """
    import asyncio
    class Parked(scrapy.Spider):
        name = "parked"
        async def start(self):
            for n in range(6):
                yield scrapy.Request(f"SITE/status/429?n={n}")
            while not self.crawler.stats.get_value("rf/verdict/target_429"):
                await asyncio.sleep(0.05)
            self.crawler.engine.close_spider(self, "enough")
        def parse(self, response):
            yield {"status": response.status}
    """.replace("SITE", sandbox.site_http)
    settings = ADDON | {
        "JOBDIR": str(tmp_path / "job"),
        "RF_BACKOFF_MAX": 60,
        "RETRY_ENABLED": False,
    }
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert outcome.stats["finish_reason"] == "enough", outcome.log
    # Six requests were asked for, none was answered for good: all six wait in the job's queue.
    done = subprocess.run(
        [sys.executable, "-c", COUNT_QUEUED, str(tmp_path / "job")],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert int(done.stdout) == 6, outcome.log


COUNT_QUEUED = """
import json, pathlib, struct, sys
queue = pathlib.Path(sys.argv[1]) / "requests.queue"
count = 0
for path in queue.rglob("*"):
    if path.is_file() and path.name != "active.json":
        count += path.read_bytes().count(b"/status/429")
print(count)
"""


FORMS = ("seconds", "fraction", "date", "past", "zero", "negative", "words", "huge", "missing")


def test_retry_after_is_understood_in_every_form_it_has(sandbox, tmp_path):
    """RFC 9110, 10.2.3; each form in a domain of its own."""
    site = sandbox.site_http.replace("127.0.0.1", "{}.localhost")
    urls = [site.format(form) + f"/busy?form={form}&times=1&scope={form}" for form in FORMS]
    settings = ADDON | {"RF_BACKOFF_MAX": 3}
    outcome = crawl(tmp_path, spider(*urls), settings, environment(tmp_path, sandbox))
    assert outcome.stats["item_scraped_count"] == len(FORMS), outcome.log
    assert outcome.stats["rf/verdict/target_503"] == len(FORMS)
    assert outcome.stats["rf/backoff/count"] == len(FORMS)
    # Even zero, the past and what cannot be read are at least a second.
    assert len(FORMS) <= float(outcome.stats["rf/backoff/seconds"]) <= 3 * len(FORMS)
    assert outcome.stats.get("retry/count", 0) == 0


def test_a_domain_that_never_recovers_is_given_up_and_no_other(sandbox, tmp_path):
    code = """
    class Stalled(scrapy.Spider):
        name = "stalled"
        handle_httpstatus_list = [503]
        custom_settings = {"RETRY_ENABLED": False}
        async def start(self):
            for n in range(40):
                yield scrapy.Request(f"DOWN/maintenance?n={n}", errback=self.failed, priority=1)
                yield scrapy.Request(f"WELL/bytes/{n}")
        def parse(self, response):
            yield {"outcome": response.status}
        def failed(self, failure):
            yield {"outcome": type(failure.value).__name__}
    """
    down = sandbox.site_http.replace("127.0.0.1", "down.localhost")
    code = code.replace("DOWN", down).replace("WELL", sandbox.site_http)
    feed = tmp_path / "items.json"
    settings = ADDON | {
        "RF_BACKOFF_MAX": 1, "RF_BACKOFF_STALL": 2, "FEEDS": {str(feed): {"format": "json"}},
    }  # fmt: skip
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    outcomes = [item["outcome"] for item in json.loads(feed.read_text())]
    assert outcomes.count(200) == 40, outcome.log
    assert outcomes.count(503) + outcomes.count("DomainStalledError") == 40
    assert outcome.stats["rf/verdict/target_stalled"] == outcomes.count("DomainStalledError") > 0
    # Most were never sent: what a dead domain costs is bounded too.
    assert outcome.stats["rf/verdict/target_503"] < 40


def test_what_somebody_awaits_lends_its_place_while_it_waits(sandbox, tmp_path):
    """One place in all: files of a slow domain wait, and pages of others go through."""
    code = """
    class Files(scrapy.Spider):
        name = "files"
        custom_settings = {
            "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
            "FILES_STORE": "files", "CONCURRENT_REQUESTS": 1,
        }
        async def start(self):
            yield scrapy.Request("SITE/ip")
        def parse(self, response):
            yield {"file_urls": ["SLOW/ip"]}
            for n in range(5):
                yield scrapy.Request(f"SITE/bytes/{n}", callback=self.page, dont_filter=True)
        def page(self, response):
            yield {"page": response.url}
    """
    slow = sandbox.site_http.replace("127.0.0.1", "slow.localhost")
    code = code.replace("SITE", sandbox.site_http).replace("SLOW", slow)
    with Relenting(sandbox, pages=6):
        outcome = crawl(tmp_path, code, ADDON | PATIENT, environment(tmp_path, sandbox))
    assert outcome.stats["rf/verdict/target_429"] >= 1, outcome.log
    assert outcome.stats["item_scraped_count"] == 6
    assert outcome.stats["file_status_count/downloaded"] == 1


@pytest.mark.parametrize("jobdir", [True, False], ids=["jobdir", "memory"])
def test_one_interrupt_ends_a_crawl_whatever_waits(sandbox, tmp_path, jobdir):
    code = """
    import os, signal
    class Waiting(scrapy.Spider):
        name = "waiting"
        async def start(self):
            for n in range(30):
                yield scrapy.Request(f"SITE/status/429?n={n}")
            yield scrapy.Request("OTHER/slow/1500", callback=self.interrupt)
        def interrupt(self, response):
            os.kill(os.getpid(), signal.SIGINT)
    """.replace("SITE", sandbox.site_http)
    other = sandbox.site_http.replace("127.0.0.1", "other.localhost")
    code = code.replace("OTHER", other)
    settings = (
        ADDON | {"RETRY_ENABLED": False} | ({"JOBDIR": str(tmp_path / "job")} if jobdir else {})
    )
    sandbox.faults(
        {
            "where": "site",
            "match": {"path": "/status/429*"},
            "what": {"kind": "status", "status": 429, "headers": {"Retry-After": "250"}},
        }
    )
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert outcome.stats["finish_reason"] == "shutdown", outcome.log
    assert "Received SIGINT twice" not in outcome.log
    assert outcome.stats["rf/requests/direct"] == 0
    if jobdir:
        done = subprocess.run(
            [sys.executable, "-c", COUNT_QUEUED, str(tmp_path / "job")],
            capture_output=True, text=True, timeout=240, check=True,
        )  # fmt: skip
        assert int(done.stdout) == 30, outcome.log
