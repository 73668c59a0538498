"""Targets that do not want an exit: it is changed, and the request tried again elsewhere."""

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes

SPIDER = """
class Banned(scrapy.Spider):
    name = "banned"
    handle_httpstatus_list = [403, 451]
    async def start(self):
        for n in range({pages}):
            yield scrapy.Request("{url}" + "?n=" + str(n))
    def parse(self, response):
        self.crawler.stats.inc_value("seen/" + str(response.status))
        yield {{"status": response.status}}
"""


def banning(sandbox, path, **match):
    """The site answers 403 to some requests."""
    return sandbox.faults(
        {
            "where": "site",
            "match": {"path": path, **match},
            "what": {"kind": "status", "status": 403, "body": "not you"},
        }
    )


@pytest.mark.parametrize("proxy_type", ["rotating", "sticky"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_banned_request_is_tried_again_from_another_exit(sandbox, tmp_path, proxy_type, scheme):
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    banning(sandbox, "/ip*", first=3)
    spider = SPIDER.format(pages=12, url=f"{site}/ip")
    settings = ADDON | {"RF_PROXY_TYPE": proxy_type, "CONCURRENT_REQUESTS": 1, "RF_LIVE_PROXIES": 2}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["seen/200"] == 12 - done.stats.get("seen/403", 0), done.log
    assert done.stats["rf/verdict/target_ban"] == 3
    rows = [row for row in sandbox.traffic()["traffic"] if row["billed"]]
    assert len({row["exit"] for row in rows[:4]}) >= (3 if scheme == "http" else 2)
    assert done.stats.get("retry/count", 0) == 0, "bans are not errors of the network"
    assert done.wire_bytes == gateway_bytes(sandbox)
    assert done.stats["rf/orders"] == 1


def test_after_enough_exits_the_answer_is_the_spiders(sandbox, tmp_path):
    banning(sandbox, "/ip*")
    spider = SPIDER.format(pages=3, url=f"{sandbox.site_http}/ip")
    settings = ADDON | {"RF_BAN_RETRY_TIMES": 4}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert done.stats["seen/403"] == 3, done.log
    assert done.stats["rf/verdict/target_ban"] == 3 * 5
    assert len({row["exit"] for row in sandbox.traffic()["traffic"]}) == 15


def test_a_sticky_credential_that_is_banned_goes_elsewhere_but_not_there(sandbox, tmp_path):
    spider = f"""
    class Two(scrapy.Spider):
        name = "two"
        async def start(self):
            for n in range(30):
                yield scrapy.Request("{sandbox.site_http}/guarded-by-fault?n=" + str(n))
                yield scrapy.Request("{sandbox.site_https}/ip?n=" + str(n))
        def parse(self, response):
            pass
    """
    banning(sandbox, "/guarded-by-fault*", first=4)
    settings = ADDON | {
        "RF_PROXY_TYPE": "sticky", "RF_LIVE_PROXIES": 4, "RF_QUANTITY": 8, "CONCURRENT_REQUESTS": 1,
        "RF_BAN_RETRY_TIMES": 10,
    }  # fmt: skip
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    rows = [row for row in sandbox.traffic()["traffic"] if row["billed"]]
    plain = [row["username"] for row in rows if row["method"] == "GET"]
    banned = plain[:4]
    assert len(set(banned)) == 4, done.log
    assert not set(banned) & set(plain[4:])
    tunnels = {row["username"] for row in rows if row["method"] == "CONNECT"}
    assert tunnels & set(banned), "https://localhost is another target"
    assert done.stats["rf/proxies/retired"] == 0


def test_a_policy_of_ones_own_reads_the_page(sandbox, tmp_path):
    (tmp_path / "mine.py").write_text(
        "class Policy:\n"
        "    def is_ban(self, request, response):\n"
        "        return b'not you' in response.body\n"
    )
    sandbox.faults(
        {
            "where": "site",
            "match": {"path": "/ip*", "first": 2},
            "what": {"kind": "status", "status": 200, "body": "not you"},
        }
    )
    spider = SPIDER.format(pages=5, url=f"{sandbox.site_http}/ip")
    done = crawl(
        tmp_path, spider, ADDON | {"RF_BAN_POLICY": "mine.Policy"},
        environment(tmp_path, sandbox, PYTHONPATH=str(tmp_path)),
    )  # fmt: skip
    assert done.stats["seen/200"] == 5, done.log
    assert done.stats["rf/verdict/target_ban"] == 2


@pytest.mark.parametrize("value", ["nowhere.Policy", "collections.Counter", 5])
def test_what_is_no_policy_is_said_before_anything_is_spent(sandbox, tmp_path, value):
    spider = SPIDER.format(pages=1, url=sandbox.site_http)
    done = crawl(tmp_path, spider, ADDON | {"RF_BAN_POLICY": value}, environment(tmp_path, sandbox))
    assert "RF_BAN_POLICY" in done.log
    assert "is_ban(request, response)" in done.log
    assert sandbox.journal()["calls"] == []
