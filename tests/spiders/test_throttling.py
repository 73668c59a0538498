"""Delays, AutoThrottle and limits per domain hold at the target as they do without the add-on."""

import json

import pytest
from support.crawls import ADDON, crawl, environment, static_proxy

WITH_AND_WITHOUT = pytest.mark.parametrize("addon", [{}, ADDON], ids=["without", "with"])

SPIDER = """
from scrapy import signals
class Paced(scrapy.Spider):
    name = "paced"
    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.look, signals.spider_closed)
        return spider
    async def start(self):
        for n in range({pages}):
            for name in {names!r}:
                url = f"http://{{name}}.localhost:{port}/{page}?n={{n}}"
                yield scrapy.Request(url, meta={meta!r})
    latency = 0
    def parse(self, response):
        self.latency = max(self.latency, response.meta["download_latency"])
        yield {{}}
    def look(self):
        slots = self.crawler.engine.downloader.slots
        delays = {{name: slot.delay for name, slot in slots.items()}}
        with open("seen.json", "w") as file:
            json.dump({{"delays": delays, "latency": self.latency}}, file)
"""


def paced(sandbox, tmp_path, settings, *names, pages, page):
    """Crawl the same page of some domains so often.

    Return the delays that their slots ended with, and the longest latency of an answer.

    Without the add-on it goes through one credential, as Scrapy itself does it.
    """
    meta = {} if "ADDONS" in settings else {"proxy": static_proxy(sandbox)}
    port = sandbox.site_http.rpartition(":")[2]
    code = "import json\n" + SPIDER.format(
        pages=pages, names=names, port=port, page=page, meta=meta
    )
    done = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == pages * len(names), done.log
    seen = json.loads((tmp_path / "seen.json").read_text())
    return seen["delays"], seen["latency"]


def arrivals_of(sandbox):
    """When requests came, by domain, in the order of their coming."""
    found = {}
    for one in sorted(sandbox.site_log()["requests"], key=lambda one: one["at"]):
        found.setdefault(one["domain"], []).append(one["at"])
    return found


@WITH_AND_WITHOUT
def test_a_download_delay_is_kept_to_each_domain_and_only_there(sandbox, tmp_path, addon):
    settings = addon | {"DOWNLOAD_DELAY": 0.3, "RANDOMIZE_DOWNLOAD_DELAY": False}
    slots, _ = paced(sandbox, tmp_path, settings, "a", "b", pages=6, page="ip")
    assert set(slots) == {"a.localhost", "b.localhost"}
    found = arrivals_of(sandbox)
    for times in found.values():
        # Sent 0.3 s apart; without a delay they would come within a few hundredths.
        assert times[-1] - times[0] >= 5 * 0.3 / 2
    first, second = found.values()
    assert first[0] < second[-1], "side by side, not one domain after the other"
    assert second[0] < first[-1]


@WITH_AND_WITHOUT
def test_requests_at_once_are_bounded_by_domain(sandbox, tmp_path, addon):
    settings = addon | {"CONCURRENT_REQUESTS_PER_DOMAIN": 2, "CONCURRENT_REQUESTS": 16}
    slots, _ = paced(sandbox, tmp_path, settings, "a", "b", "c", pages=6, page="slow/300")
    assert set(slots) == {"a.localhost", "b.localhost", "c.localhost"}
    found = arrivals_of(sandbox)
    for times in found.values():
        # The first two take 0.3 s at least. (When they are done Scrapy may send more than two.)
        assert times[2] - times[0] >= 0.29
    first, last = ([times[n] for times in found.values()] for n in (0, -1))
    assert max(first) < min(last), "side by side, not one domain after the other"


@WITH_AND_WITHOUT
def test_autothrottle_learns_the_latency_of_the_target(sandbox, tmp_path, addon):
    settings = addon | {
        "AUTOTHROTTLE_ENABLED": True, "AUTOTHROTTLE_START_DELAY": 0.1,
        "AUTOTHROTTLE_TARGET_CONCURRENCY": 1.0, "AUTOTHROTTLE_MAX_DELAY": 5.0,
        "RANDOMIZE_DOWNLOAD_DELAY": False,
    }  # fmt: skip
    slots, latency = paced(sandbox, tmp_path, settings, "slow", pages=5, page="slow/400")
    assert set(slots) == {"slow.localhost"}
    assert 0.35 <= slots["slow.localhost"] <= latency


@WITH_AND_WITHOUT
def test_a_slot_that_the_user_names_is_kept(sandbox, tmp_path, addon):
    settings = addon | {
        "DOWNLOAD_SLOTS": {
            "a.localhost": {"concurrency": 1, "delay": 0.2, "randomize_delay": False}
        },
    }
    slots, _ = paced(sandbox, tmp_path, settings, "a", "b", pages=5, page="ip")
    assert slots == {"a.localhost": 0.2, "b.localhost": 0}
    times = arrivals_of(sandbox)["a.localhost"]
    assert times[-1] - times[0] >= 4 * 0.2 / 2
