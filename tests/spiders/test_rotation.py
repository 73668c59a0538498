"""What `RF_ROTATE` promises, counted by the exits that the site has seen, with every handler."""

from collections import Counter

import pytest
from support.crawls import (
    ADDON,
    crawl,
    environment,
    every_handler,
    gateway_bytes,
    static_proxy,
)  # fmt: skip
from support.witness import Witness

SPIDER = """
class Rotating(scrapy.Spider):
    name = "rotating"
    async def start(self):
        sites = {sites!r}
        for n in range({pages}):
            yield scrapy.Request(f"{{sites[n % len(sites)]}}{page}?n={{n}}", meta={meta!r})
    def parse(self, response):
        yield {{"url": response.url}}
"""


def spider(pages, *sites, page="/ip", **meta):
    """Fetches so many pages, from each site in turn."""
    return SPIDER.format(sites=sites, pages=pages, page=page, meta=meta)


def both(sandbox):
    return sandbox.site_http, sandbox.site_https


def clients_of(sandbox):
    """How many requests the site has had from each address."""
    return Counter(one["client"] for one in sandbox.site_log()["requests"])


@every_handler
def test_with_every_request_a_new_exit(sandbox, tmp_path, handler):
    """C-160, C-161"""
    settings = ADDON | handler | {"RF_ROTATE": "request"}
    done = crawl(tmp_path, spider(30, *both(sandbox)), settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 30, done.log
    assert len(clients_of(sandbox)) == 30
    assert set(clients_of(sandbox).values()) == {1}
    assert done.stats["rf/exits/distinct"] == 30
    assert done.stats.get("retry/count", 0) == 0
    assert done.wire_bytes == gateway_bytes(sandbox)


@every_handler
def test_with_a_number_no_exit_serves_more_requests_than_that(sandbox, tmp_path, handler):
    settings = ADDON | handler | {
        "RF_ROTATE": 5, "RF_PROXY_TYPE": "sticky", "RF_LIVE_PROXIES": 2, "RF_QUANTITY": 16,
        "CONCURRENT_REQUESTS": 4,
    }  # fmt: skip
    done = crawl(tmp_path, spider(60, *both(sandbox)), settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 60, done.log
    served = clients_of(sandbox)
    assert 12 <= len(served) <= 13
    assert max(served.values()) == 5
    assert done.stats["rf/exits/distinct"] - len(served) in {0, 1, 2}, "those of lanes yet unused"
    assert done.stats["rf/proxies/retired"] == 0


@every_handler
def test_a_number_counts_tunnels_of_rotating_credentials_too(sandbox, tmp_path, handler):
    """C-161: a rotating credential gets its exit with the tunnel."""
    settings = ADDON | handler | {"RF_ROTATE": 5, "RF_LIVE_PROXIES": 2, "CONCURRENT_REQUESTS": 4}
    done = crawl(tmp_path, spider(60, sandbox.site_https), settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 60, done.log
    served = clients_of(sandbox)
    assert max(served.values()) <= 5
    assert len(served) == done.stats["rf/tunnels"] == done.stats["rf/exits/distinct"]


def test_sticky_credentials_rotate_through_all_of_an_order_and_start_again(sandbox, tmp_path):
    settings = ADDON | {
        "RF_ROTATE": "request", "RF_PROXY_TYPE": "sticky", "RF_QUANTITY": 12,
        "RF_LIVE_PROXIES": 3, "CONCURRENT_REQUESTS": 2,
    }  # fmt: skip
    done = crawl(tmp_path, spider(24, sandbox.site_http), settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 24, done.log
    assert sorted(clients_of(sandbox).values()) == [2] * 12
    assert done.stats["rf/orders"] == 1


@every_handler
def test_no_plain_connection_to_the_gateway_carries_two_credentials(sandbox, tmp_path, handler):
    """A gateway may pin the exit to the connection: without lanes most requests
    change it under each other."""
    with Witness(sandbox) as witness:
        settings = ADDON | handler | {"RF_PROXY_TYPE": "sticky", "RF_LIVE_PROXIES": 4}
        done = crawl(
            tmp_path, spider(80, sandbox.site_http), settings, environment(tmp_path, sandbox)
        )
    assert done.stats["item_scraped_count"] == 80, done.log
    assert sum(map(len, witness.connections)) == 80
    assert {len(set(names)) for names in witness.connections} == {1}
    assert len({names[0] for names in witness.connections}) == 4
    assert len(witness.connections) <= 40, "and they are kept alive"


@every_handler
def test_no_plain_connection_carries_more_requests_than_the_number(sandbox, tmp_path, handler):
    """One exit a connection would be one exit for as many requests as it carries."""
    with Witness(sandbox) as witness:
        settings = ADDON | handler | {"RF_ROTATE": 4, "RF_LIVE_PROXIES": 4}
        done = crawl(
            tmp_path, spider(80, sandbox.site_http), settings, environment(tmp_path, sandbox)
        )
    assert done.stats["item_scraped_count"] == 80, done.log
    assert sum(map(len, witness.connections)) == 80
    assert max(map(len, witness.connections)) <= 4


@every_handler
@pytest.mark.parametrize("rotate", ["request", 3])
def test_posts_under_constant_lane_changes_are_neither_lost_nor_sent_twice(
    sandbox, tmp_path, handler, rotate
):
    spider = f"""
    class Posting(scrapy.Spider):
        name = "posting"
        async def start(self):
            for n in range(80):
                site = "{sandbox.site_http}" if n % 2 else "{sandbox.site_https}"
                yield scrapy.Request(f"{{site}}/echo?n={{n}}", method="POST", body="x" * (100 + n))
        def parse(self, response):
            yield {{"length": response.json()["length"]}}
    """
    settings = ADDON | handler | {"RF_ROTATE": rotate, "RETRY_ENABLED": False}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 80, done.log
    arrived = Counter(one["target"] for one in sandbox.site_log()["requests"])
    assert arrived == Counter(f"/echo?n={n}" for n in range(80))
    if rotate == "request":
        assert len(clients_of(sandbox)) == 80
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_more_requests_than_lanes_wait_for_their_turn(sandbox, tmp_path):
    settings = ADDON | {"RF_ROTATE": "request", "RF_LIVE_PROXIES": 3, "CONCURRENT_REQUESTS": 32}
    done = crawl(tmp_path, spider(50, sandbox.site_https), settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 50, done.log
    assert len(clients_of(sandbox)) == 50


@every_handler
def test_with_tunnels_kept_the_bytes_are_those_of_one_static_credential(sandbox, tmp_path, handler):
    """Without us and with us: two crawls of the same pages."""
    pages = {"page": "/bytes/20000"}
    static = {"proxy": static_proxy(sandbox)}
    without = crawl(
        tmp_path, spider(200, *both(sandbox), **pages, **static), handler, environment(tmp_path)
    )
    assert without.stats["item_scraped_count"] == 200, without.log
    plain = gateway_bytes(sandbox)
    done = crawl(
        tmp_path, spider(200, *both(sandbox), **pages), ADDON | handler,
        environment(tmp_path, sandbox),
    )  # fmt: skip
    assert done.stats["item_scraped_count"] == 200, done.log
    ours = gateway_bytes(sandbox) - plain
    assert done.wire_bytes == ours
    assert abs(ours - plain) <= 0.02 * plain
    assert done.stats["rf/tunnels"] <= 16


@pytest.mark.parametrize("value", ["always", 0, -1, 2.5, True])
def test_what_is_no_rotation_is_said_before_anything_is_spent(sandbox, tmp_path, value):
    done = crawl(
        tmp_path, spider(1, sandbox.site_http), ADDON | {"RF_ROTATE": value},
        environment(tmp_path, sandbox),
    )  # fmt: skip
    assert "RF_ROTATE" in done.log
    assert '"tunnel", "request"' in done.log
    assert sandbox.journal()["calls"] == []
