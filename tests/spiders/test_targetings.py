"""Request meta that asks for a pool, a country, a type: what each request gets, by the journals."""

import json
from collections import Counter

import pytest
from support.crawls import ADDON, BY_HAND, crawl, environment, every_handler, gateway_bytes

WANTED = """
class Wanted(scrapy.Spider):
    name = "wanted"

    async def start(self):
        for n, (site, meta) in enumerate({requests!r}):
            yield scrapy.Request(
                f"{{site}}{page}?n={{n}}", meta=dict(meta), errback=self.failed, dont_filter=True
            )

    def parse(self, response):
        yield {{"n": int(response.url.rpartition("=")[2]), "why": ""}}

    def failed(self, failure):
        n = int(failure.request.url.rpartition("=")[2])
        yield {{"n": n, "why": type(failure.value).__name__ + ": " + str(failure.value)}}
"""

KINDS = [
    {},
    {"rf_country": "de"},
    {"rf_country": "us", "rf_state": "CA"},
    {"rf_pool": "mobile", "rf_proxy_type": "mobile_rotating"},
    {"rf_proxy_type": "sticky", "rf_session_minutes": 30, "rf_country": "JP"},
]
NAMES = [
    "premium-r-any-any-0-",
    "premium-r-de-any-0-",
    "premium-r-us-ca-0-",
    "mobile-mr-any-any-0-",
    "premium-s-jp-any-30-",
]
"""How the sandbox names the credentials of each kind."""


def spider(requests, page="/ip"):
    return WANTED.format(requests=requests, page=page)


def feed(folder):
    return {"FEEDS": {str(folder / "items.json"): {"format": "json", "overwrite": True}}}


def items_of(folder):
    return {item["n"]: item["why"] for item in json.loads((folder / "items.json").read_text())}


def users(sandbox):
    """Page → the user name whose exit asked for it, by the site's log and the gateway's journal."""
    by_exit = {row["exit"]: row["username"] for row in sandbox.traffic()["traffic"]}
    return {one["target"]: by_exit[one["client"]] for one in sandbox.site_log()["requests"]}


def kind_of(username):
    return username.rpartition("-")[0] + "-"


@every_handler
def test_each_request_leaves_from_where_it_asked_to(sandbox, tmp_path, handler):
    sites = [sandbox.site_http, sandbox.site_https]
    requests = [(sites[n % 2], KINDS[n % 5]) for n in range(60)]
    settings = ADDON | handler | feed(tmp_path)
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    assert items_of(tmp_path) == dict.fromkeys(range(60), ""), done.log
    for page, username in users(sandbox).items():
        assert kind_of(username) == NAMES[int(page.rpartition("=")[2]) % 5], page
    assert done.stats["rf/targetings"] == 5
    assert done.stats["rf/requests/targeting/us-CA rotating"] == 12
    assert done.stats["rf/requests/targeting/mobile mobile_rotating"] == 12
    assert done.stats["rf/requests/direct"] == 0
    assert done.wire_bytes == gateway_bytes(sandbox)
    paid = Counter()
    for row in sandbox.traffic()["traffic"]:
        paid[row["pool"]] += row["billed_bytes"]
    assert sum(paid.values()) == done.stats["rf/spent_bytes"]
    assert "of pool mobile and premium" in done.log


@every_handler
def test_rotation_by_request_leaves_the_others_their_tunnels(sandbox, tmp_path, handler):
    meta = [{"rf_rotate": "request"}, {}, {"rf_rotate": 5}]
    requests = [(sandbox.site_https, meta[n % 3]) for n in range(60)]
    settings = ADDON | handler | feed(tmp_path)
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    assert items_of(tmp_path) == dict.fromkeys(range(60), ""), done.log
    exits = [Counter(), Counter(), Counter()]
    for one in sandbox.site_log()["requests"]:
        exits[int(one["target"].rpartition("=")[2]) % 3][one["client"]] += 1
    assert len(exits[0]) == 20
    assert len(exits[1]) <= 16
    assert max(exits[2].values()) <= 5
    assert not exits[0].keys() & (exits[1].keys() | exits[2].keys())
    assert done.stats["rf/targetings"] == 1, "rotation is no order of its own"
    assert done.stats["rf/orders"] == 1


def test_more_targetings_than_lanes_take_turns(sandbox, tmp_path):
    """The live set stays what it is: lanes go round."""
    countries = ["us", "gb", "de", "ca", "jp", "au"]
    requests = [(sandbox.site_https, {"rf_country": countries[n % 6]}) for n in range(48)]
    settings = ADDON | feed(tmp_path) | {"RF_LIVE_PROXIES": 2, "CONCURRENT_REQUESTS": 8}
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    assert items_of(tmp_path) == dict.fromkeys(range(48), ""), done.log
    for page, username in users(sandbox).items():
        assert f"-{countries[int(page.rpartition('=')[2]) % 6]}-" in username
    alive = sorted(
        moment
        for row in sandbox.traffic()["traffic"]
        for moment in ((row["started"], 1), (row["ended"], -1))
    )
    at_once = most = 0
    for _, step in alive:
        at_once += step
        most = max(most, at_once)
    assert most <= 8, "no more tunnels than requests at once"
    assert done.stats["rf/proxies/live"] <= 2


BAD = [
    ({"rf_country": "xx"}, "No country 'xx' is listed", "Valid: us, gb, de, ca, jp, au"),
    ({"rf_pool": "premum"}, "No pool 'premum' is listed", "Did you mean premium?"),
    ({"rf_proxy_type": "mobile_sticky", "rf_pool": "premium"}, "No proxy type", "rotating, sticky"),
    ({"rf_state": "CA"}, "State CA needs country us", 'Set the country to "us"'),
    ({"rf_country": "us", "rf_state": "ZZ"}, "No state 'ZZ' is listed", "Valid: CA, TX"),
    ({"rf_session_minutes": 0}, "rf_session_minutes = 0 cannot be used", "from 1 to 1,440"),
    ({"rf_rotate": "always"}, "rf_rotate = 'always' cannot be used", '"tunnel", "request"'),
    ({"rf_country": ["de"]}, "No country", "Valid: us"),
    ({"rf_session": "a", "rf_country": "xx"}, "No country 'xx' is listed", "Valid: us, gb"),
]


@pytest.mark.parametrize("direct", [False, True], ids=["closed", "allow_direct"])
def test_what_is_not_to_be_had_fails_that_request_and_no_other(sandbox, tmp_path, direct):
    requests = [(sandbox.site_http, meta) for meta, *_ in BAD]
    requests += [(sandbox.site_http, {}), (sandbox.site_http, {"rf_country": "de"})]
    settings = ADDON | feed(tmp_path) | {"RF_ALLOW_DIRECT": direct}
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    items = items_of(tmp_path)
    for n, (_, what, way_out) in enumerate(BAD):
        assert items[n].startswith("NoProxyError: "), (n, done.log)
        assert what in items[n]
        assert way_out in items[n]
    assert items[len(BAD)] == items[len(BAD) + 1] == ""
    assert done.stats["finish_reason"] == "finished"
    assert done.stats["rf/verdict/own_targeting"] == len(BAD)
    assert done.stats["rf/requests/direct"] == 0
    assert len(sandbox.site_log()["requests"]) == 2
    orders = [call for call in sandbox.journal()["calls"] if call["path"] == "/api/v1/proxies"]
    assert len(orders) == 2, "no call is spent on what discovery does not list"


def test_a_country_that_the_pool_has_not_is_asked_for_once(sandbox, tmp_path):
    """C-051: listed, and refused by the API all the same."""
    sandbox.patch_pool("premium", excluded_countries=["jp"])
    requests = [(sandbox.site_http, {"rf_country": "jp"})] * 6 + [(sandbox.site_http, {})] * 4
    settings = ADDON | feed(tmp_path)
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    items = items_of(tmp_path)
    assert [bool(items[n]) for n in range(10)] == [True] * 6 + [False] * 4, done.log
    assert done.stats["finish_reason"] == "finished"
    orders = [call for call in sandbox.journal()["calls"] if call["path"] == "/api/v1/proxies"]
    assert len(orders) <= 3


def test_a_crawl_has_no_more_targetings_than_it_may(sandbox, tmp_path):
    requests = [(sandbox.site_http, {"rf_session_minutes": 5 + n, "rf_proxy_type": "sticky"})
                for n in range(4)]  # fmt: skip
    settings = ADDON | feed(tmp_path) | {"RF_TARGETINGS": 3}
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    assert sorted(map(bool, items_of(tmp_path).values())) == [False, False, True, True], done.log
    assert "raise RF_TARGETINGS" in done.log


def test_retries_and_redirects_keep_what_was_asked_for(sandbox, tmp_path):
    sandbox.faults(
        {
            "where": "site",
            "match": {"path": "/redirect*", "nth": [1, 2]},
            "what": {"kind": "status", "status": 500, "body": "later"},
        }
    )
    source = """
    class Kept(scrapy.Spider):
        name = "kept"
        async def start(self):
            yield scrapy.Request("{site}/redirect/2", meta={{"rf_country": "de"}})
        def parse(self, response):
            yield {{"url": response.url}}
    """.format(site=sandbox.site_http)  # noqa: UP032 - braces belong to the spider
    done = crawl(tmp_path, source, ADDON, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 1, done.log
    names = [row["username"] for row in sandbox.traffic()["traffic"]]
    assert len(names) >= 4
    assert {kind_of(name) for name in names} == {"premium-r-de-any-0-"}


@every_handler
def test_a_session_stays_where_it_began_and_says_so(sandbox, tmp_path, handler):
    source = """
    class Session(scrapy.Spider):
        name = "session"
        async def start(self):
            for key, country in (("a", "de"), ("b", "jp")):
                meta = {{"rf_session": key, "rf_country": country}}
                yield scrapy.Request("{site}/ip?first=" + key, meta=meta, cb_kwargs={{"n": 0}})
        def parse(self, response, n):
            yield {{"key": response.meta["rf_session"], "ip": response.json()["ip"], "why": ""}}
            if n < 3:
                meta = {{"rf_session": response.meta["rf_session"]}}
                yield scrapy.Request(
                    "{site}/ip?n=" + str(n), meta=meta, cb_kwargs={{"n": n + 1}}, dont_filter=True
                )
            elif n == 3 and response.meta["rf_session"] == "a":
                meta = {{"rf_session": "a", "rf_country": "gb"}}
                yield scrapy.Request("{site}/other", meta=meta, errback=self.failed)
        def failed(self, failure):
            yield {{"key": "a", "ip": "", "why": str(failure.value)}}
    """.format(site=sandbox.site_https)  # noqa: UP032 - braces belong to the spider
    done = crawl(
        tmp_path, source, BY_HAND | handler | feed(tmp_path), environment(tmp_path, sandbox)
    )
    items = json.loads((tmp_path / "items.json").read_text())
    ips = {key: {i["ip"] for i in items if i["key"] == key and not i["why"]} for key in "ab"}
    assert len(ips["a"]) == len(ips["b"]) == 1, done.log
    assert sum(1 for item in items if not item["why"]) == 8
    (why,) = [item["why"] for item in items if item["why"]]
    assert "Session 'a' goes on as de sticky 10m, and this request asks for gb sticky 10m" in why
    by_exit = {row["exit"]: row["username"] for row in sandbox.traffic()["traffic"]}
    assert kind_of(by_exit[ips["a"].pop()]) == "premium-s-de-any-10-"
    assert kind_of(by_exit[ips["b"].pop()]) == "premium-s-jp-any-10-"
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_a_session_that_ended_may_begin_elsewhere_and_else_where_it_was(sandbox, tmp_path):
    source = """
    class Again(scrapy.Spider):
        name = "again"
        plan = [{{"rf_country": "de"}}, {{}}, {{"rf_country": "gb"}}, {{}}]
        async def start(self):
            yield self.ask(0)
        def ask(self, n):
            meta = {{"rf_session": "one", "rf_session_end": True}} | self.plan[n]
            return scrapy.Request(
                "{site}/ip?n=" + str(n), meta=meta, cb_kwargs={{"n": n}}, dont_filter=True
            )
        def parse(self, response, n):
            yield {{"n": n, "ip": response.json()["ip"]}}
            if n < 3:
                yield self.ask(n + 1)
    """.format(site=sandbox.site_https)  # noqa: UP032 - braces belong to the spider
    done = crawl(tmp_path, source, ADDON | feed(tmp_path), environment(tmp_path, sandbox))
    items = json.loads((tmp_path / "items.json").read_text())
    by_exit = {row["exit"]: row["username"] for row in sandbox.traffic()["traffic"]}
    went = [kind_of(by_exit[item["ip"]])[10:12] for item in sorted(items, key=lambda i: i["n"])]
    assert went == ["de", "de", "gb", "gb"], done.log
    assert done.stats["rf/sessions/begun"] == 4


def test_a_resumed_job_leaves_from_where_it_was_asked_to(sandbox, tmp_path):
    source = """
    class Resumed(scrapy.Spider):
        name = "resumed"
        # Scrapy 2.13 calls callbacks a tenth of a second late: all pages would be there by then.
        custom_settings = {{"CONCURRENT_REQUESTS": 1, "DOWNLOAD_DELAY": 0.3 * {stop}}}
        stop = {stop}
        async def start(self):
            if self.stop:
                yield scrapy.Request(
                    "{site}/ip?first=1", meta={{"rf_session": "s", "rf_country": "jp"}}
                )
        def parse(self, response):
            for n in range(4):
                for name, meta in (("de", {{"rf_country": "de"}}), ("jp", {{"rf_session": "s"}})):
                    url = "{site}/ip?" + name + "=" + str(n)
                    yield scrapy.Request(url, self.seen, meta=meta)
        def seen(self, response):
            yield {{"url": response.url}}
            if self.stop and not self.crawler.engine.paused:
                self.crawler.engine.pause()
                import os, signal
                os.kill(os.getpid(), signal.SIGINT)
    """
    settings = ADDON | {"JOBDIR": str(tmp_path / "job")}
    env = environment(tmp_path, sandbox)
    first = crawl(tmp_path, source.format(site=sandbox.site_http, stop=True), settings, env)
    later = crawl(tmp_path, source.format(site=sandbox.site_http, stop=False), settings, env)
    counts = [one.stats["item_scraped_count"] for one in (first, later)]
    assert sum(counts) == 8, first.log + later.log
    assert counts[1] >= 4
    for page, username in users(sandbox).items():
        country = "de" if "de=" in page else "jp"
        assert f"-{country}-" in username, page


def test_an_empty_pool_stops_those_that_ask_for_it_and_keeps_them(sandbox, tmp_path):
    """C-166: a 402 of one pool is no other pool's."""
    sandbox.set_balance("mobile", 30_000)
    requests = [(sandbox.site_https, {"rf_pool": "mobile"} if n % 2 else {}) for n in range(60)]
    settings = ADDON | feed(tmp_path) | {"JOBDIR": str(tmp_path / "job"), "CONCURRENT_REQUESTS": 4}
    env = environment(tmp_path, sandbox)
    first = crawl(tmp_path, spider(requests, "/bytes/3000"), settings, env)
    items = items_of(tmp_path)
    assert set(range(0, 60, 2)) <= items.keys(), first.log
    assert not any(items.values())
    assert first.stats["finish_reason"] == "rf_balance_exhausted"
    assert "Pool mobile has no balance left" in first.log
    sandbox.top_up("mobile", 10**7)
    later = crawl(tmp_path, spider([]), settings, env)
    assert items.keys() | items_of(tmp_path).keys() == set(range(60)), later.log
    assert not items.keys() & items_of(tmp_path).keys()
    assert later.stats["finish_reason"] == "finished"


def test_with_a_floor_no_other_pool_is_spent_from(sandbox, tmp_path):
    requests = [(sandbox.site_http, {"rf_pool": pool}) for pool in ("premium", "mobile")]
    settings = ADDON | feed(tmp_path) | {"RF_FLOOR": "1 MB"}
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    items = items_of(tmp_path)
    assert items[0] == "", done.log
    assert "RF_FLOOR holds for pool premium, and this is another one" in items[1]
    assert {row["pool"] for row in sandbox.traffic()["traffic"]} == {"premium"}


def test_robots_txt_is_fetched_from_where_its_pages_are(sandbox, tmp_path):
    requests = [(sandbox.site_http, {"rf_country": "de"})] * 3
    settings = ADDON | {"ROBOTSTXT_OBEY": True}
    done = crawl(tmp_path, spider(requests), settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 3, done.log
    asked = users(sandbox)
    assert kind_of(asked["/robots.txt"]) == "premium-r-de-any-0-"
