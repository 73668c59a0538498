"""The whole way: an unchanged spider, generated proxies, a gateway that meters, and two counts."""

import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.crawls import ADDON, AIOHTTP, BY_HAND, crawl, environment, gateway_bytes, spider

FEED = "books.json"
PROJECT = Path(__file__).with_name("bookshop")


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
    assert len({row["exit"] for row in rows if row["exit"]}) >= 2
    assert sum(row["method"] != "CONNECT" for row in rows) == 20
    after = sandbox.state()["balances_bytes"]
    drained = sum(before.values()) - sum(after.values())
    assert drained == gateway_bytes(sandbox)
    assert outcome.wire_bytes == drained


def test_the_site_sees_only_exits_and_no_proxy_headers(sandbox, tmp_path):
    urls = [f"{site}/headers" for site in (sandbox.site_http, sandbox.site_https)]
    code = """
    class Headers(scrapy.Spider):
        name = "headers"
        async def start(self):
            for url in URLS:
                yield scrapy.Request(url)
        def parse(self, response):
            yield response.json()
    """.replace("URLS", repr(urls))
    feed = tmp_path / "items.json"
    outcome = crawl(
        tmp_path,
        code,
        ADDON | {"FEEDS": {str(feed): {"format": "json"}}},
        environment(tmp_path, sandbox),
    )
    items = json.loads(feed.read_text())
    assert len(items) == 2, outcome.log
    for item in items:
        assert item["client"] != "127.0.0.1"
        assert not [name for name, _ in item["headers"] if name.lower().startswith("proxy")]


@pytest.mark.parametrize("switched_on", ["addon", "by hand"])
def test_an_unchanged_project_crawls_with_the_printed_environment(sandbox, tmp_path, switched_on):
    project = tmp_path / "bookshop"
    shutil.copytree(PROJECT, project)
    settings = project / "bookshop" / "settings.py"
    lines = ADDON if switched_on == "addon" else BY_HAND
    extra = "".join(f"\n{name} = {value!r}\n" for name, value in lines.items())
    settings.write_text(settings.read_text() + extra)
    sites = f"{sandbox.site_http},{sandbox.site_https}"
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "books", "-a", f"sites={sites}", "-o", FEED],
        cwd=project,
        env=environment(tmp_path, sandbox),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    books = json.loads((project / FEED).read_text())
    # Three pages of five books on each of two sites.
    assert len({book["url"] for book in books}) == 30, done.stderr
    assert "This crawl cost" in done.stderr
    rows = sandbox.traffic()["traffic"]
    assert sandbox.state()["site"]["requests"] == 2 * (15 + 3 + 1)
    assert sum(row["method"] != "CONNECT" for row in rows) == 15 + 3 + 1
    assert f"{gateway_bytes(sandbox):,}".replace(",", "") == str(_cost(done.stderr))


def _cost(log):
    line = next(line for line in log.splitlines() if "This crawl cost" in line)
    up, down = line.split("(")[1].split(" bytes up, ")
    return int(up.replace(",", "")) + int(down.split(" down")[0].replace(",", ""))


def test_several_crawlers_in_one_process_keep_their_counts_apart(sandbox, tmp_path):
    code = """
    from scrapy.crawler import AsyncCrawlerProcess
    import json, sys
    def made(name, urls):
        async def start(self):
            for url in urls:
                yield scrapy.Request(url)
        def parse(self, response):
            yield {"n": 1}
        return type(name, (scrapy.Spider,), {"name": name, "start": start, "parse": parse})
    if __name__ == "__main__":
        process = AsyncCrawlerProcess({"ADDONS": {"rf_scrapy.Addon": 500}, "LOG_LEVEL": "ERROR",
                                       "TELNETCONSOLE_ENABLED": False})
        crawlers = []
        for name, site, count in (("one", HTTP, 5), ("two", HTTPS, 9)):
            cls = made(name, [f"{site}/bytes/{1000 + n}" for n in range(count)])
            crawlers.append(process.create_crawler(cls))
            process.crawl(crawlers[-1])
        process.start()
        print(json.dumps([[c.stats.get_value("rf/requests/proxied"),
                           c.stats.get_value("rf/spent_bytes")] for c in crawlers]))
    """
    code = code.replace("HTTPS", repr(sandbox.site_https)).replace(
        "HTTP,", f"{sandbox.site_http!r},"
    )
    script = tmp_path / "both.py"
    script.write_text("import scrapy\n" + textwrap.dedent(code))
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env=environment(tmp_path, sandbox),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    one, two = json.loads(done.stdout)
    assert (one[0], two[0]) == (5, 9), done.stderr
    assert one[1] + two[1] == gateway_bytes(sandbox)


def test_a_proxy_of_the_environment_is_not_used_and_not_a_choice(sandbox, tmp_path):
    env = environment(
        tmp_path, sandbox, http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9"
    )
    outcome = crawl(tmp_path, spider(*both_sites(sandbox, 2)), ADDON, env)
    assert outcome.stats["rf/requests/proxied"] == 4, outcome.log
    assert outcome.wire_bytes == gateway_bytes(sandbox)


def test_the_state_is_private(sandbox, tmp_path):
    crawl(tmp_path, spider(f"{sandbox.site_http}/ip"), ADDON, environment(tmp_path, sandbox))
    for folder in (tmp_path / "state", tmp_path / "cache"):
        assert folder.stat().st_mode & 0o077 == 0
        for path in folder.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0 or path.name.endswith(("-wal", "-shm")), path
    assert (tmp_path / "state" / "state.db").stat().st_mode & 0o777 == 0o600


EVERYTHING = """
class Everything(scrapy.Spider):
    name = "everything"
    async def start(self):
        for n in range(24):
            for site in (HTTP, HTTPS):
                for path in (
                    f"bytes/{n * 37}", f"status/500?{n}", f"to-https/ip?{n}", f"to-http/ip?{n}",
                    f"slow/50?{n}", f"status/204?{n}", f"cookies?{n}", f"bytes/{n * 40_000}?large",
                ):
                    yield scrapy.Request(f"{site}/{path}", dont_filter=True)
                yield scrapy.Request(f"{site}/echo?{n}", method="POST", body="x" * (n * 613))
                yield scrapy.Request(f"{site}/pages/{n + 1}", method="HEAD")
    def parse(self, response):
        yield {"status": response.status}
"""


@pytest.mark.parametrize("handler", [{}, AIOHTTP], ids=["HTTP11", "aiohttp"])
@pytest.mark.parametrize(
    "kind", [{}, {"RF_PROXY_TYPE": "sticky", "RF_SESSION_MINUTES": 5}], ids=["rotating", "sticky"]
)
def test_retries_redirects_uploads_and_head_are_on_both_meters_to_the_byte(
    sandbox, tmp_path, handler, kind
):
    code = EVERYTHING.replace("HTTPS", repr(sandbox.site_https))
    code = code.replace("(HTTP,", f"({sandbox.site_http!r},")
    settings = ADDON | handler | kind | {"CONCURRENT_REQUESTS": 32, "HTTPERROR_ALLOW_ALL": True}
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert outcome.stats["item_scraped_count"] == 24 * 2 * 10, outcome.log
    assert outcome.stats["retry/count"] > 0
    assert outcome.wire_bytes == gateway_bytes(sandbox)
    exits = {row["exit"] for row in sandbox.traffic()["traffic"]}
    assert len(exits) <= 16 if kind else len(exits) > 100


def test_a_response_can_say_which_credential_it_came_through(sandbox, tmp_path):
    code = """
    from rf_scrapy import proxy_of
    class Named(scrapy.Spider):
        name = "named"
        async def start(self):
            for n in range(20):
                yield scrapy.Request(f"SITE/bytes/{n}")
            yield scrapy.Request("SITE/ip", meta={"rf_proxy": False})
        def parse(self, response):
            yield {"proxy": proxy_of(response), "ip": response.url.endswith("/ip")}
    """.replace("SITE", sandbox.site_http)
    feed = tmp_path / "items.json"
    settings = ADDON | {"FEEDS": {str(feed): {"format": "json"}}, "RF_LIVE_PROXIES": 4}
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    items = json.loads(feed.read_text())
    assert len(items) == 21, outcome.log
    names = {item["proxy"] for item in items if not item["ip"]}
    assert len(names) == 4
    assert all(len(bytes.fromhex(name)) == 4 for name in names)
    assert [item["proxy"] for item in items if item["ip"]] == [""]
