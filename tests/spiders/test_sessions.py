"""`rf_session`: one exit and one cookie jar for requests that belong together."""

import json

import pytest
from support.crawls import ADDON, AIOHTTP, BY_HAND, HTTPX, crawl, environment, gateway_bytes

FLOWS = """
class Shop(scrapy.Spider):
    name = "shop"
    handle_httpstatus_list = [302]
    custom_settings = {{"REDIRECT_ENABLED": True}}

    async def start(self):
        for n in range({flows}):
            yield scrapy.Request(
                "{site}/login", meta={{"rf_session": f"flow-{{n}}"}}, dont_filter=True
            )

    def parse(self, response):
        form = {{"username": "reader", "password": "paper"}}
        yield scrapy.FormRequest.from_response(
            response, formdata=form, callback=self.logged_in, dont_filter=True,
            meta={{"rf_session": response.meta["rf_session"]}},
        )

    def logged_in(self, response):
        for step in range({steps}):
            yield scrapy.Request(
                "{site}/account?step=" + str(step), callback=self.account, dont_filter=True,
                meta={{"rf_session": response.meta["rf_session"]}},
            )

    def account(self, response):
        inside = response.status == 200 and "/login" not in response.url
        yield {{"flow": response.meta["rf_session"], "inside": inside}}
"""

HANDLERS = pytest.mark.parametrize(
    "handler", [{}, AIOHTTP, HTTPX], ids=["HTTP11", "aiohttp", "httpx"]
)


def items_of(folder):
    return json.loads((folder / "items.json").read_text())


def feed(folder):
    return {"FEEDS": {str(folder / "items.json"): {"format": "json", "overwrite": True}}}


@HANDLERS
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_login_holds_for_all_of_its_session_and_no_session_sees_anothers(
    sandbox, tmp_path, handler, scheme
):
    """C-162"""
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    spider = FLOWS.format(flows=12, steps=3, site=site)
    settings = ADDON | handler | feed(tmp_path) | {"RF_LIVE_PROXIES": 4}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    items = items_of(tmp_path)
    assert len(items) == 36, done.log
    assert all(item["inside"] for item in items), done.log
    rows = [row for row in sandbox.traffic()["traffic"] if row["billed"]]
    by_name = {row["username"]: row["exit"] for row in rows}
    assert len(by_name) == len(set(by_name.values())) == 12
    assert len({(row["username"], row["exit"]) for row in rows}) == 12
    assert all("-s-" in row["username"] for row in rows)
    assert done.stats["rf/sessions/begun"] == 12
    assert done.stats["rf/sessions/renewed"] == done.stats["rf/sessions/broken"] == 0
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_without_a_session_the_same_login_does_not_hold(sandbox, tmp_path):
    """The site is what makes the difference."""
    spider = FLOWS.format(flows=4, steps=3, site=sandbox.site_http)
    spider = spider.replace("rf_session", "my_key")
    done = crawl(tmp_path, spider, ADDON | feed(tmp_path), environment(tmp_path, sandbox))
    assert not all(item["inside"] for item in items_of(tmp_path)), done.log


def test_sessions_and_other_requests_keep_apart_and_rotation_leaves_sessions_alone(
    sandbox, tmp_path
):
    spider = """
    class Both(scrapy.Spider):
        name = "both"
        async def start(self):
            for n in range(20):
                yield scrapy.Request("{site}/ip?n=" + str(n), meta={{"rf_session": "one"}})
                yield scrapy.Request("{site}/ip?other=" + str(n))
        def parse(self, response):
            session = response.meta.get("rf_session", "")
            yield {{"ip": response.json()["ip"], "session": session}}
    """.format(site=sandbox.site_https)  # noqa: UP032 - braces belong to the spider
    settings = BY_HAND | feed(tmp_path) | {"RF_ROTATE": "request"}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    items = items_of(tmp_path)
    inside = {item["ip"] for item in items if item["session"]}
    outside = [item["ip"] for item in items if not item["session"]]
    assert len(inside) == 1, done.log
    assert len(set(outside)) == len(outside) == 20
    assert not inside & set(outside)


def test_a_session_that_is_ended_begins_anew_with_another_exit_and_an_empty_jar(sandbox, tmp_path):
    spider = """
    class Ending(scrapy.Spider):
        name = "ending"
        async def start(self):
            yield self.ask(0)
        def ask(self, number):
            return scrapy.Request(
                "{site}/cookies/set?seen=" + str(number), callback=self.shown, dont_filter=True,
                cb_kwargs={{"number": number}}, meta={{"rf_session": "one"}},
            )
        def shown(self, response, number):
            yield scrapy.Request(
                "{site}/cookies/told", callback=self.told, dont_filter=True,
                cb_kwargs={{"number": number}},
                meta={{"rf_session": "one", "rf_session_end": True}},
            )
        def told(self, response, number):
            yield {{"number": number, "told": response.text, "jar": response.meta["cookiejar"]}}
            if number < 2:
                yield self.ask(number + 1)
    """.format(site=sandbox.site_http)  # noqa: UP032 - braces belong to the spider
    done = crawl(tmp_path, spider, ADDON | feed(tmp_path), environment(tmp_path, sandbox))
    items = items_of(tmp_path)
    assert [item["jar"] for item in items] == ["rf:one:1", "rf:one:2", "rf:one:3"], done.log
    for item in items:
        assert [str(n) in json.loads(item["told"]).values() for n in range(3)] == [
            n == item["number"] for n in range(3)
        ]
    rows = [row for row in sandbox.traffic()["traffic"] if row["billed"]]
    assert len({row["exit"] for row in rows}) == 3
    assert done.stats["rf/sessions/begun"] == 3


def test_a_ban_breaks_the_session_and_it_goes_on_with_another_exit(sandbox, tmp_path):
    sandbox.faults(
        {
            "where": "site",
            "match": {"path": "/ip*", "nth": 3},
            "what": {"kind": "status", "status": 403, "body": "not you"},
        }
    )
    spider = """
    class Banned(scrapy.Spider):
        name = "banned"
        async def start(self):
            for n in range(6):
                yield scrapy.Request("{site}/ip?n=" + str(n), meta={{"rf_session": "one"}})
        def parse(self, response):
            yield response.json()
    """.format(site=sandbox.site_http)  # noqa: UP032 - braces belong to the spider
    settings = ADDON | feed(tmp_path) | {"CONCURRENT_REQUESTS": 1}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert len(items_of(tmp_path)) == 6, done.log
    assert len({item["ip"] for item in items_of(tmp_path)}) == 2
    assert done.stats["rf/sessions/broken"] == 1
    assert done.stats["rf/proxies/retired"] == 0


def test_ones_own_cookie_jar_is_left_alone(sandbox, tmp_path):
    spider = """
    class Mine(scrapy.Spider):
        name = "mine"
        async def start(self):
            yield scrapy.Request("{site}/ip", meta={{"rf_session": "one", "cookiejar": "mine"}})
        def parse(self, response):
            yield {{"jar": response.meta["cookiejar"]}}
    """.format(site=sandbox.site_http)  # noqa: UP032 - braces belong to the spider
    done = crawl(tmp_path, spider, ADDON | feed(tmp_path), environment(tmp_path, sandbox))
    assert items_of(tmp_path) == [{"jar": "mine"}], done.log


def test_a_pool_without_sticky_proxies_is_said_and_nothing_leaves(sandbox, tmp_path):
    sandbox.patch_pool("premium", proxy_types=["rotating"])
    spider = """
    class Sticky(scrapy.Spider):
        name = "sticky"
        async def start(self):
            yield scrapy.Request("{site}/ip", meta={{"rf_session": "one"}})
    """.format(site=sandbox.site_http)  # noqa: UP032 - braces belong to the spider
    settings = ADDON | {"RF_POOL": "premium"}
    done = crawl(tmp_path, spider, settings, environment(tmp_path, sandbox))
    assert "has no session" in done.log
    assert "No proxy type 'sticky' is listed of pool premium" in done.log
    assert sandbox.traffic()["traffic"] == []
