"""Without a usable proxy nothing leaves, and the reason says which trouble it was."""

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes, spider

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
    [{"RF_FLOOR": "5 GB"}, {"RF_LIVE_PROXIES": "many"}, {"RF_ROTATE": "always"}],
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
    assert "rf_country is not in this version" in outcome.log
    assert sandbox.state()["site"]["requests"] == 0
