"""`rf_session`: one exit and one cookie jar for requests that belong together."""

import json
from itertools import pairwise

import pytest
from support.crawls import ADDON, AIOHTTP, BY_HAND, HTTPX, crawl, environment, gateway_bytes
from support.flows import SETTINGS, assert_no_session_spans_two_exits, spider
from support.invoking import invoke

from rf_sandbox.sandbox import Sandbox

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
    (report,) = json.loads(invoke(tmp_path, sandbox, "crawls", "--json").stdout)["crawls"]
    for name in ("begun", "renewed", "broken", "resumed"):
        assert report["sessions"][name] == done.stats[f"rf/sessions/{name}"]
    assert report["retired_proxies"] == done.stats["rf/proxies/retired"]


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


@pytest.mark.parametrize("start", ["first_use", "generation"])
def test_no_flow_spans_two_exits_while_leases_end_all_the_time(tmp_path, start):
    """C-162, C-163, C-164: login, cart, checkout; a lease is eight seconds long."""
    flows = 250
    with Sandbox(seed=7, clock="scaled:15") as sandbox:
        sandbox.switch(session_start=start)
        source = spider(sandbox.site_http, flows, dawdler=20, dawdle_milliseconds=8_500)
        # Few at once: on a machine that is slow as well, a flow has to be quicker than its lease.
        few = dict.fromkeys(("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"), 12)
        settings = ADDON | SETTINGS | few | feed(tmp_path) | {"RF_SESSION_MINUTES": 2}
        env = environment(tmp_path, sandbox, RF_CLOCK_SCALE="15")
        done = crawl(tmp_path, source, settings, env, seconds=240)
        items = items_of(tmp_path)
        assert_no_session_spans_two_exits(sandbox, items, flows, done.stats)
    assert done.stats["rf/sessions/renewed"] >= flows // 20
    assert done.stats["flows/again"] >= flows // 20
    assert done.stats["rf/sessions/begun"] >= flows + flows // 20


def test_one_request_at_a_time_where_a_session_asks_for_it(sandbox, tmp_path):
    source = """
    class Exclusive(scrapy.Spider):
        name = "exclusive"
        async def start(self):
            for n in range(6):
                meta = {{"rf_session": "one", "rf_session_exclusive": True}}
                yield scrapy.Request("{site}/slow/150?n=" + str(n), meta=meta)
                meta = {{"rf_session": "two"}}
                yield scrapy.Request("{site}/slow/150?shared=" + str(n), meta=meta)
        def parse(self, response):
            yield {{"url": response.url}}
    """.format(site=sandbox.site_http)  # noqa: UP032 - braces belong to the spider
    done = crawl(tmp_path, source, ADDON | feed(tmp_path), environment(tmp_path, sandbox))
    assert len(items_of(tmp_path)) == 12, done.log
    times = {}
    for row in sandbox.traffic()["traffic"]:
        times.setdefault(row["username"], []).append((row["started"], row["ended"]))
    together = [
        any(later < end for (_, end), (later, _) in pairwise(rows))
        for rows in map(sorted, times.values())
    ]
    assert sorted(together) == [False, True]


def test_a_resumed_job_begins_its_sessions_anew_with_empty_jars(sandbox, tmp_path):
    source = """
    class Resumed(scrapy.Spider):
        name = "resumed"
        # Scrapy 2.13 calls callbacks a tenth of a second late: all pages would be there by then.
        custom_settings = {{"CONCURRENT_REQUESTS": 1, "DOWNLOAD_DELAY": 0.3 * {stop}}}
        async def start(self):
            for key in {keys!r}:
                url = "{site}/cookies/set?key=" + key
                yield scrapy.Request(url, meta={{"rf_session": key}}, dont_filter=True)
        def parse(self, response):
            key = response.meta["rf_session"]
            for n in range(3):
                yield scrapy.Request(
                    "{site}/cookies/told?n=" + str(n) + key, callback=self.told, priority=-1,
                    meta={{"rf_session": key, "cookiejar": response.meta["cookiejar"]}},
                )
        def told(self, response):
            jar = "full" if "key" in response.json() else "empty"
            self.crawler.stats.inc_value("told/" + jar)
            if {stop}:
                self.crawler.engine.close_spider(self, "enough")
    """
    settings = ADDON | {"JOBDIR": str(tmp_path / "job")}
    env = environment(tmp_path, sandbox)
    first = source.format(site=sandbox.site_http, keys=["a", "b"], stop=True)
    done = crawl(tmp_path, first, settings, env)
    assert done.stats["told/full"] >= 1, done.log
    assert "told/empty" not in done.stats
    later = source.format(site=sandbox.site_http, keys=[], stop=False)
    resumed = crawl(tmp_path, later, settings, env)
    assert resumed.stats["told/empty"] == 6 - done.stats["told/full"], done.log
    assert resumed.stats["rf/sessions/begun"] == 2
    assert resumed.stats["rf/sessions/resumed"] >= 2
    assert "told/full" not in resumed.stats


@pytest.mark.parametrize("rotate", ["session", "tunnel"])
def test_a_pool_without_sticky_proxies_ends_the_crawl_that_needs_them(sandbox, tmp_path, rotate):
    """Where the settings tell of sessions at its start, before a slot is spent."""
    sandbox.patch_pool("premium", proxy_types=["rotating"])
    source = """
    class Sticky(scrapy.Spider):
        name = "sticky"
        async def start(self):
            yield scrapy.Request("{site}/ip", meta={{"rf_session": "one"}})
    """.format(site=sandbox.site_http)  # noqa: UP032 - braces belong to the spider
    settings = ADDON | {"RF_POOL": "premium", "RF_ROTATE": rotate}
    done = crawl(tmp_path, source, settings, environment(tmp_path, sandbox))
    assert done.stats["finish_reason"] == "rf_settings", done.log
    assert "No proxy type 'sticky' is listed of pool premium" in done.log
    assert sandbox.traffic()["traffic"] == []
    orders = [call for call in sandbox.journal()["calls"] if call["path"] == "/api/v1/proxies"]
    assert len(orders) == (0 if rotate == "session" else 1)
