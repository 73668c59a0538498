"""Without a usable proxy nothing leaves, and the reason says which trouble it was."""

import subprocess
import sys

import pytest
from support.crawls import ADDON, AIOHTTP, HTTPX, crawl, environment, gateway_bytes, spider

CRAWL = ADDON | {"ROBOTSTXT_OBEY": True, "LOG_LEVEL": "INFO"}


def run(sandbox, tmp_path, settings=None, **extra):
    urls = [f"{sandbox.site_http}/bytes/100", f"{sandbox.site_https}/bytes/100"]
    env = environment(tmp_path, sandbox) | extra
    return crawl(tmp_path, spider(*urls), CRAWL | (settings or {}), env)


def assert_nothing_left(sandbox, outcome):
    assert sandbox.state()["site"]["requests"] == 0, outcome.log
    assert sandbox.traffic()["traffic"] == []
    assert "Traceback" not in outcome.log


def test_a_refused_key_ends_the_crawl_before_its_first_request(sandbox, tmp_path):
    """C-013"""
    sandbox.revoke_key(1)
    outcome = run(sandbox, tmp_path)
    assert outcome.stats["finish_reason"] == "rf_key_refused"
    assert "The API refused the key (401)." in outcome.log
    assert_nothing_left(sandbox, outcome)


def test_a_suspended_account_ends_it(sandbox, tmp_path):
    """C-019"""
    sandbox.disable_account()
    outcome = run(sandbox, tmp_path)
    assert outcome.stats["finish_reason"] == "rf_key_refused"
    assert_nothing_left(sandbox, outcome)


def test_a_key_without_the_scope_ends_it(sandbox, tmp_path):
    """C-018"""
    key = sandbox.make_key("pools:read")["key"]
    outcome = run(sandbox, tmp_path, RF_API_KEY=key)
    assert outcome.stats["finish_reason"] == "rf_key_refused"
    assert "proxies:generate" in outcome.log
    assert_nothing_left(sandbox, outcome)


def test_a_key_that_may_only_generate_is_enough(sandbox, tmp_path):
    """C-018: discovery is not there for it, so the API decides alone."""
    key = sandbox.make_key("proxies:generate")["key"]
    outcome = run(sandbox, tmp_path, RF_API_KEY=key)
    assert outcome.stats["item_scraped_count"] == 2, outcome.log


def test_demo_credentials_are_never_used(sandbox, tmp_path):
    """C-068"""
    sandbox.set_balance("premium", 0)
    outcome = run(sandbox, tmp_path)
    assert outcome.stats["finish_reason"] == "rf_demo_credentials"
    assert_nothing_left(sandbox, outcome)


def test_an_api_that_is_not_there_ends_it(sandbox, tmp_path):
    outcome = run(sandbox, tmp_path, RF_BASE_URL="http://127.0.0.1:9/api/v1")
    assert outcome.stats["finish_reason"] == "rf_no_proxies"
    assert "cannot be reached" in outcome.log
    assert_nothing_left(sandbox, outcome)


def test_no_key_is_one_sentence_with_the_ways_to_set_it(sandbox, tmp_path):
    outcome = run(sandbox, tmp_path, RF_API_KEY="")
    assert outcome.stats["finish_reason"] == "rf_settings"
    assert "No API key. Set one of: the environment variable RF_API_KEY" in outcome.log
    assert_nothing_left(sandbox, outcome)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"RF_POOL": "premuim"}, "Did you mean premium?"),
        ({"RF_COUNTRY": "xx"}, "Valid: us, gb, de, ca, jp, au"),
        ({"RF_COUNTRY": "us", "RF_STATE": "ZZ"}, "Valid: CA, TX, NY, FL, WA"),
        ({"RF_STATE": "CA"}, "needs country us"),
        ({"RF_PROXY_TYPE": "mobile_sticky", "RF_POOL": "premium"}, "Valid: rotating, sticky"),
    ],
)
def test_what_discovery_does_not_list_is_refused_before_a_call_is_spent(
    sandbox, tmp_path, settings, sentence
):
    """C-049"""
    outcome = run(sandbox, tmp_path, settings)
    assert outcome.stats["finish_reason"] == "rf_settings"
    assert sentence in outcome.log
    assert [call["path"] for call in sandbox.journal()["calls"]] == ["/api/v1/pools"]
    assert_nothing_left(sandbox, outcome)


@pytest.mark.parametrize(
    "settings",
    [{"RF_FLOOR": "much"}, {"RF_LIVE_PROXIES": "many"}, {"RF_ROTATE": "always"}],
    ids=lambda settings: next(iter(settings)),
)
def test_a_setting_that_cannot_be_kept_stops_everything(sandbox, tmp_path, settings):
    outcome = run(sandbox, tmp_path, settings)
    name = next(iter(settings))
    assert f"SettingsError: {name}" in outcome.log
    assert sandbox.state()["site"]["requests"] == 0


@pytest.mark.parametrize(
    ("listed", "missing"),
    [
        ({"EXTENSIONS": {"rf_scrapy.CrawlReporter": 0}}, "rf_scrapy.ProxyMiddleware"),
        (
            {
                "EXTENSIONS": {"rf_scrapy.CrawlReporter": 0},
                "DOWNLOADER_MIDDLEWARES": {"rf_scrapy.ProxyMiddleware": 950},
            },
            "rf_scrapy.BackoffMiddleware",
        ),
        (
            {
                "DOWNLOADER_MIDDLEWARES": {
                    "rf_scrapy.ProxyMiddleware": 950,
                    "rf_scrapy.BackoffMiddleware": 560,
                }
            },
            "rf_scrapy.CrawlReporter",
        ),
    ],
)
def test_one_component_without_the_others_names_the_line_to_add(sandbox, tmp_path, listed, missing):
    outcome = run(sandbox, tmp_path, listed | {"ADDONS": {}})
    assert f"{missing} is missing from" in outcome.log
    assert sandbox.state()["site"]["requests"] == 0


def test_a_pool_that_runs_empty_ends_the_crawl_with_its_own_reason(sandbox, tmp_path):
    """C-166, C-168"""
    sandbox.set_balance("premium", 60_000)
    urls = [f"{sandbox.site_https}/bytes/{9_000 + n}" for n in range(40)]
    outcome = crawl(tmp_path, spider(*urls), CRAWL, environment(tmp_path, sandbox))
    assert outcome.stats["finish_reason"] == "rf_balance_exhausted", outcome.log
    assert outcome.stats["rf/verdict/gateway_exhausted"] >= 1
    assert gateway_bytes(sandbox) >= 60_000
    assert sandbox.state()["site"]["clients"] < 60


def test_going_direct_takes_an_explicit_word_and_is_counted(sandbox, tmp_path):
    code = """
    class Direct(scrapy.Spider):
        name = "direct"
        async def start(self):
            yield scrapy.Request("SITE/ip?1", meta={"rf_proxy": False})
            yield scrapy.Request("SITE/ip?2", meta={"dont_proxy": True})
            yield scrapy.Request("SITE/ip?3", meta={"proxy": None})
            yield scrapy.Request("SITE/ip?4")
        def parse(self, response):
            self.crawler.stats.inc_value("seen/" + response.json()["ip"])
            yield {}
    """.replace("SITE", sandbox.site_http)
    outcome = crawl(tmp_path, code, ADDON, environment(tmp_path, sandbox))
    assert outcome.stats["seen/127.0.0.1"] == 3, outcome.log
    assert outcome.stats["rf/requests/direct"] == 3
    assert outcome.stats["rf/requests/proxied"] == 1


def test_allow_direct_is_the_users_own_decision(sandbox, tmp_path):
    sandbox.set_balance("premium", 0)
    outcome = run(sandbox, tmp_path, {"RF_ALLOW_DIRECT": True})
    assert outcome.stats["item_scraped_count"] == 2, outcome.log
    assert outcome.stats["rf/requests/direct"] >= 2
    assert "Going direct, as RF_ALLOW_DIRECT says." in outcome.log


def test_a_request_that_asks_for_what_is_not_there_is_not_sent(sandbox, tmp_path):
    code = """
    class Sessions(scrapy.Spider):
        name = "sessions"
        async def start(self):
            yield scrapy.Request("SITE/ip", meta={"rf_country": "a"})
        def parse(self, response):
            yield {}
    """.replace("SITE", sandbox.site_http)
    outcome = crawl(tmp_path, code, ADDON, environment(tmp_path, sandbox))
    assert "No country 'a' is listed" in outcome.log
    assert outcome.stats["rf/requests/direct"] == 0
    assert sandbox.state()["site"]["requests"] == 0


def addresses_of(sandbox, *paths):
    rows = sandbox.site_log()["requests"]
    return {row["client"] for row in rows if not paths or row["target"].startswith(paths)}


EVERYTHING = """
class Everything(scrapy.Spider):
    name = "everything"
    handle_httpstatus_list = [403]
    custom_settings = {
        "ROBOTSTXT_OBEY": True, "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
        "FILES_STORE": "files", "MEDIA_ALLOW_REDIRECTS": True, "RF_BACKOFF_MAX": 1,
    }
    async def start(self):
        for site in ("HTTP", "HTTPS"):
            for path in PATHS:
                yield scrapy.Request(site + path, dont_filter=True)
            yield scrapy.Request(site + "/ip", meta={"rf_session": "one"}, dont_filter=True)
    def parse(self, response):
        yield {"file_urls": [response.urljoin("/image/7.png"), response.urljoin("/redirect/2")]}
""".replace(
    "PATHS",
    repr(
        (
            "/ip", "/redirect/3?form=across", "/to-https/ip", "/to-http/ip", "/status/500",
            "/status/403", "/busy?times=1", "/text/2000", "/bytes/0",
        )
    ),
)  # fmt: skip


@pytest.mark.parametrize("handler", [{}, AIOHTTP, HTTPX], ids=["HTTP11", "aiohttp", "httpx"])
def test_whatever_a_crawl_does_the_site_sees_exits_only(sandbox, tmp_path, handler):
    """robots.txt, files, redirects between schemes, retries, bans, back-offs, sessions."""
    sandbox.faults(
        {"where": "gateway", "match": {"nth": [5, 9]}, "what": {"kind": "exit_dropped"}},
        {"where": "site", "match": {"path": "/bytes/0", "first": 1}, "what": {"kind": "truncate"}},
    )
    code = EVERYTHING.replace("HTTPS", sandbox.site_https).replace("HTTP", sandbox.site_http)
    outcome = crawl(tmp_path, code, ADDON | handler, environment(tmp_path, sandbox))
    seen = {row["target"].split("?")[0] for row in sandbox.site_log()["requests"]}
    assert {"/robots.txt", "/image/7.png", "/ip", "/status/500", "/bytes/0"} <= seen, outcome.log
    assert "127.0.0.1" not in addresses_of(sandbox)
    assert len(addresses_of(sandbox)) > 5
    assert outcome.stats["rf/requests/direct"] == 0
    assert outcome.stats["retry/count"] >= 4
    assert outcome.wire_bytes == gateway_bytes(sandbox)


@pytest.mark.parametrize("kind", ["robots", "media"])
def test_one_kind_may_go_directly_when_it_is_told_to_and_is_counted(sandbox, tmp_path, kind):
    code = EVERYTHING.replace("HTTPS", sandbox.site_https).replace("HTTP", sandbox.site_http)
    settings = ADDON | {f"RF_{kind.upper()}": "direct"}
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    paths = {"robots": ("/robots.txt",), "media": ("/image/", "/redirect/2", "/redirect/1")}[kind]
    assert "127.0.0.1" in addresses_of(sandbox, *paths), outcome.log
    pages = addresses_of(sandbox, "/ip", "/status", "/text")
    assert "127.0.0.1" not in pages
    assert outcome.stats["rf/requests/direct"] == outcome.stats[f"rf/requests/direct/{kind}"] > 0


@pytest.mark.parametrize("kind", ["robots", "media"])
def test_one_kind_may_be_off(sandbox, tmp_path, kind):
    code = EVERYTHING.replace("HTTPS", sandbox.site_https).replace("HTTP", sandbox.site_http)
    settings = ADDON | {f"RF_{kind.upper()}": "off"}
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    paths = {"robots": ("/robots.txt",), "media": ("/image/",)}[kind]
    assert addresses_of(sandbox, *paths) == set(), outcome.log
    assert "127.0.0.1" not in addresses_of(sandbox)
    assert outcome.stats["rf/requests/direct"] == 0
    assert outcome.stats["item_scraped_count"] > 10


def test_each_way_to_go_directly_is_counted_by_its_name(sandbox, tmp_path):
    code = """
    class Ways(scrapy.Spider):
        name = "ways"
        async def start(self):
            yield scrapy.Request("SITE/ip?1", meta={"rf_proxy": False})
            yield scrapy.Request("SITE/ip?2", meta={"dont_proxy": True})
            yield scrapy.Request("SITE/ip?3", meta={"proxy": None})
        def parse(self, response):
            yield {}
    """.replace("SITE", sandbox.site_http)
    outcome = crawl(tmp_path, code, ADDON, environment(tmp_path, sandbox))
    ways = {name: n for name, n in outcome.stats.items() if name.startswith("rf/requests/direct/")}
    assert {name.rpartition("/")[2] for name in ways} == {"rf_proxy", "dont_proxy", "proxy_none"}
    assert sum(ways.values()) == outcome.stats["rf/requests/direct"] == 3


@pytest.mark.parametrize("trouble", ["no key", "no balance", "no proxies left"])
def test_a_proxy_of_the_environment_is_no_way_out(sandbox, tmp_path, trouble):
    """It leads to the site's own port: had anything gone there, the site would have seen it."""
    extra = {"http_proxy": sandbox.site_http, "https_proxy": sandbox.site_http}
    if trouble == "no key":
        extra["RF_API_KEY"] = ""
    elif trouble == "no balance":
        sandbox.set_balance("premium", 0)
    else:
        sandbox.faults({"where": "gateway", "what": {"kind": "status", "status": 407}})
    outcome = run(sandbox, tmp_path, {"RF_LIVE_PROXIES": 2, "RF_QUANTITY": 2}, **extra)
    assert outcome.stats["finish_reason"].startswith("rf_"), outcome.log
    assert sandbox.state()["site"]["requests"] == 0
    assert outcome.stats["rf/requests/direct"] == 0


@pytest.mark.parametrize("command", ["fetch", "shell"])
def test_scrapys_own_commands_go_through_proxies_too(sandbox, tmp_path, command):
    arguments = [f"{sandbox.site_http}/ip"] + (
        ["-c", "response.text"] if command == "shell" else []
    )
    (tmp_path / "scrapy.cfg").write_text("[settings]\ndefault = mine\n")
    (tmp_path / "mine.py").write_text(
        f"ADDONS = {ADDON['ADDONS']!r}\nTELNETCONSOLE_ENABLED = False\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", command, *arguments],
        cwd=tmp_path, env=environment(tmp_path, sandbox), capture_output=True, text=True,
        timeout=240, check=False,
    )  # fmt: skip
    assert '"ip"' in done.stdout, done.stderr
    assert addresses_of(sandbox)
    assert "127.0.0.1" not in addresses_of(sandbox)


def test_a_lane_is_free_again_when_another_middleware_answers_beyond_ours(sandbox, tmp_path):
    """What it returns never comes back through our middleware, and nobody says so."""
    (tmp_path / "mine.py").write_text(
        "class Answers:\n"
        "    def process_request(self, request, spider=None):\n"
        "        if '/ip' in request.url:\n"
        "            return request.replace(url=request.url.replace('/ip', '/bytes/9'))\n"
    )
    code = """
    class Answered(scrapy.Spider):
        name = "answered"
        async def start(self):
            for n in range(12):
                yield scrapy.Request(f"SITE/ip?n={n}")
        def parse(self, response):
            yield {}
    """.replace("SITE", sandbox.site_http)
    settings = ADDON | {
        "DOWNLOADER_MIDDLEWARES": {"mine.Answers": 990}, "RF_LIVE_PROXIES": 2,
        "RF_ROTATE": "request", "CONCURRENT_REQUESTS": 4,
    }  # fmt: skip
    env = environment(tmp_path, sandbox, PYTHONPATH=str(tmp_path))
    outcome = crawl(tmp_path, code, settings, env)
    assert outcome.stats["item_scraped_count"] == 12, outcome.log
