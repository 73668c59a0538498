"""The whole way: an unchanged spider, generated proxies, a gateway that meters, and two counts."""

import pytest
from support.crawls import ADDON, AIOHTTP, BY_HAND, crawl, environment, gateway_bytes

from rf_sandbox.sandbox import Sandbox

SPIDER = """
class Shop(scrapy.Spider):
    name = "shop"
    def start_requests_urls(self):
        return {urls!r}
    async def start(self):
        for url in self.start_requests_urls():
            yield scrapy.Request(url, dont_filter=True)
    def parse(self, response):
        yield {{"status": response.status, "size": len(response.body)}}
"""


@pytest.fixture
def sandbox():
    with Sandbox(seed=7) as running:
        yield running


def spider(*urls):
    return SPIDER.format(urls=list(urls))


def both_sites(sandbox, count):
    http = [f"{sandbox.site_http}/bytes/{2_000 + n}" for n in range(count)]
    https = [f"{sandbox.site_https}/bytes/{3_000 + n}" for n in range(count)]
    return http + https


@pytest.mark.parametrize("switched_on", [ADDON, BY_HAND], ids=["addon", "by hand"])
@pytest.mark.parametrize("handler", [{}, AIOHTTP], ids=["HTTP11", "aiohttp"])
def test_every_request_is_proxied_and_both_meters_agree_to_the_byte(
    sandbox, tmp_path, switched_on, handler
):
    before = sandbox.state()["balances_bytes"]
    urls = both_sites(sandbox, 20)
    outcome = crawl(tmp_path, spider(*urls), switched_on | handler, environment(tmp_path, sandbox))
    assert outcome.stats["item_scraped_count"] == 40, outcome.log
    assert outcome.stats["rf/requests/proxied"] == 40
    assert outcome.stats["rf/requests/direct"] == 0
    rows = sandbox.traffic()["traffic"]
    exits = {row["exit"] for row in rows if row["exit"]}
    assert len(exits) >= 2
    assert sum(row["method"] != "CONNECT" for row in rows) == 20
    after = sandbox.state()["balances_bytes"]
    drained = sum(before.values()) - sum(after.values())
    assert drained == gateway_bytes(sandbox)
    assert outcome.wire_bytes == drained
