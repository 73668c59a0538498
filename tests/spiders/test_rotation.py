"""What `RF_ROTATE` promises, counted by the exits that the site has seen."""

import pytest
from support.crawls import ADDON, AIOHTTP, HTTPX, crawl, environment, gateway_bytes

PAGES = 30

SPIDER = """
class Rotating(scrapy.Spider):
    name = "rotating"
    async def start(self):
        for n in range({pages}):
            yield scrapy.Request("{site}/ip?n=" + str(n), method="{method}")
    def parse(self, response):
        yield {{"ip": response.json()["ip"]}}
"""

HANDLERS = pytest.mark.parametrize(
    "handler", [{}, AIOHTTP, HTTPX], ids=["HTTP11", "aiohttp", "httpx"]
)


def exits_of(sandbox):
    rows = [row for row in sandbox.traffic()["traffic"] if row["billed"]]
    return [row["exit"] for row in rows]


@HANDLERS
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_with_every_request_a_new_exit(sandbox, tmp_path, handler, scheme):
    """C-160, C-161"""
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    spider = SPIDER.format(pages=PAGES, site=site, method="GET")
    done = crawl(
        tmp_path, spider, ADDON | handler | {"RF_ROTATE": "request"}, environment(tmp_path, sandbox)
    )
    assert done.stats["response_received_count"] == PAGES, done.log
    exits = exits_of(sandbox)
    assert len(set(exits)) == len(exits) == PAGES
    assert done.stats["rf/exits/distinct"] == PAGES
    assert done.stats.get("retry/count", 0) == 0
    assert done.wire_bytes == gateway_bytes(sandbox)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_with_a_number_no_exit_serves_more_requests_than_that(sandbox, tmp_path, scheme):
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    spider = SPIDER.format(pages=60, site=site, method="GET")
    settings = ADDON | {
        "RF_ROTATE": 5, "RF_PROXY_TYPE": "sticky", "RF_LIVE_PROXIES": 2, "RF_QUANTITY": 16,
        "CONCURRENT_REQUESTS": 4,
    }  # fmt: skip
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 60, done.log
    rows = [row for row in sandbox.traffic()["traffic"] if row["billed"]]
    names = {row["username"] for row in rows}
    assert 12 <= len(names) == len({row["exit"] for row in rows}) <= 13
    assert done.stats["rf/exits/distinct"] - len(names) in {0, 1, 2}, "those of lanes yet unused"
    assert done.stats["rf/proxies/retired"] == 0
    if scheme == "http":
        served = [sum(row["username"] == name for row in rows) for name in names]
        assert max(served) == 5


def test_sticky_credentials_rotate_through_all_of_an_order_and_start_again(sandbox, tmp_path):
    spider = SPIDER.format(pages=24, site=sandbox.site_http, method="GET")
    settings = ADDON | {
        "RF_ROTATE": "request", "RF_PROXY_TYPE": "sticky", "RF_QUANTITY": 12,
        "RF_LIVE_PROXIES": 3, "CONCURRENT_REQUESTS": 2,
    }  # fmt: skip
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 24, done.log
    exits = exits_of(sandbox)
    assert len(set(exits)) == 12
    assert {exits.count(one) for one in exits} == {2}
    assert done.stats["rf/orders"] == 1


@HANDLERS
def test_posts_under_constant_rotation_are_neither_lost_nor_sent_twice(sandbox, tmp_path, handler):
    spider = f"""
    class Posting(scrapy.Spider):
        name = "posting"
        async def start(self):
            for n in range(80):
                site = "{sandbox.site_http}" if n % 2 else "{sandbox.site_https}"
                yield scrapy.Request(
                    site + "/echo?n=" + str(n), method="POST", body="x" * (100 + n)
                )
        def parse(self, response):
            yield {{"length": response.json()["length"]}}
    """
    settings = ADDON | handler | {"RF_ROTATE": "request", "RETRY_ENABLED": False}
    before = sandbox.state()["site"]["requests"]
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 80, done.log
    assert sandbox.state()["site"]["requests"] - before == 80
    assert len(set(exits_of(sandbox))) == 80
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_more_requests_than_lanes_wait_for_their_turn(sandbox, tmp_path):
    spider = SPIDER.format(pages=50, site=sandbox.site_https, method="GET")
    settings = ADDON | {"RF_ROTATE": "request", "RF_LIVE_PROXIES": 3, "CONCURRENT_REQUESTS": 32}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 50, done.log
    assert len(set(exits_of(sandbox))) == 50


def test_with_tunnels_kept_the_bytes_are_those_of_one_static_credential(sandbox, tmp_path):
    """One handshake for each of the live set, and none for each page."""
    spider = SPIDER.format(pages=200, site=sandbox.site_https, method="GET")
    settings = ADDON | {"RF_LIVE_PROXIES": 4, "CONCURRENT_REQUESTS": 4}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 200, done.log
    assert done.stats["rf/tunnels"] <= 8
    assert done.stats["rf/exits/distinct"] == done.stats["rf/tunnels"]


@pytest.mark.parametrize("value", ["always", 0, -1, 2.5, True])
def test_what_is_no_rotation_is_said_before_anything_is_spent(sandbox, tmp_path, value):
    spider = SPIDER.format(pages=1, site=sandbox.site_http, method="GET")
    done = crawl(tmp_path, spider, ADDON | {"RF_ROTATE": value}, environment(tmp_path, sandbox))
    assert "RF_ROTATE" in done.log
    assert '"tunnel", "request"' in done.log
    assert sandbox.journal()["calls"] == []
