"""What the user says wins, however the crawl is started."""

import json
import shutil
import subprocess
import sys
import textwrap
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from support.crawls import (
    ADDON,
    BY_HAND,
    crawl,
    environment,
    every_handler,
    gateway_bytes,
    spider,
    static_proxy,
)

PROJECT = Path(__file__).with_name("bookshop")
SWITCHED_ON = pytest.mark.parametrize("switched_on", [ADDON, BY_HAND], ids=["addon", "by-hand"])


def clients_of(sandbox):
    return Counter(one["client"] for one in sandbox.site_log()["requests"])


def usernames_of(sandbox):
    return Counter(row["username"] for row in sandbox.traffic()["traffic"])


def run(folder, *words, env, seconds=240):
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def script(folder, code, env):
    """Run a script that starts its crawls itself and prints one JSON document at the end."""
    path = folder / "script.py"
    path.write_text("import json, sys\nimport scrapy\n" + textwrap.dedent(code))
    done = run(folder, path, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@every_handler
def test_a_proxy_of_the_users_own_is_used_and_not_counted(sandbox, tmp_path, handler):
    own = static_proxy(sandbox)
    code = f"""
    class Own(scrapy.Spider):
        name = "own"
        async def start(self):
            for n, site in enumerate(("{sandbox.site_http}", "{sandbox.site_https}") * 3):
                yield scrapy.Request(f"{{site}}/ip?own={{n}}", meta={{"proxy": "{own}"}})
                yield scrapy.Request(f"{{site}}/ip?ours={{n}}")
                yield scrapy.Request(f"{{site}}/ip?none={{n}}", meta={{"proxy": None}})
        def parse(self, response):
            yield {{"ip": response.json()["ip"]}}
    """
    done = crawl(tmp_path, code, ADDON | handler, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 18, done.log
    assert done.stats["rf/requests/proxied"] == 6
    assert done.stats["rf/requests/direct"] == 6
    assert clients_of(sandbox)["127.0.0.1"] == 6
    name = own.removeprefix("http://").partition(":")[0]
    rows = sandbox.traffic()["traffic"]
    theirs = [row for row in rows if row["username"] == name]
    assert 4 <= len(theirs) <= 6, "three plain requests, and tunnels for three more"
    own_bytes = sum(row["bytes_up"] + row["bytes_down"] for row in theirs)
    assert done.wire_bytes == gateway_bytes(sandbox) - own_bytes


@SWITCHED_ON
@pytest.mark.parametrize("order", [100, 745, 940])
def test_a_middleware_of_the_users_own_may_choose_the_proxy_at_any_place(
    sandbox, tmp_path, switched_on, order
):
    listed = switched_on.get("DOWNLOADER_MIDDLEWARES", {})
    code = f"""
    class Choose:
        def process_request(self, request, spider=None):
            if "own" in request.url:
                request.meta["proxy"] = "{static_proxy(sandbox)}"
                if {order} > 750:
                    from w3lib.http import basic_auth_header
                    scheme, _, rest = request.meta["proxy"].partition("://")
                    account, _, place = rest.rpartition("@")
                    request.meta["proxy"] = f"{{scheme}}://{{place}}"
                    request.headers["Proxy-Authorization"] = basic_auth_header(
                        *account.split(":"))
            elif "none" in request.url:
                request.meta["proxy"] = None
    class Own(scrapy.Spider):
        name = "own"
        custom_settings = {{"DOWNLOADER_MIDDLEWARES": {{Choose: {order}, **{listed!r}}}}}
        async def start(self):
            for n in range(4):
                for kind in ("own", "ours", "none"):
                    yield scrapy.Request(f"{sandbox.site_https}/ip?{{kind}}={{n}}")
        def parse(self, response):
            yield {{}}
    """
    done = crawl(tmp_path, code, switched_on, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 12, done.log
    assert done.stats["rf/requests/proxied"] == 4
    assert done.stats["rf/requests/direct"] == 4
    assert clients_of(sandbox)["127.0.0.1"] == 4


@pytest.mark.parametrize(
    "orders",
    [
        {"rf_scrapy.BackoffMiddleware": 585, "rf_scrapy.ProxyMiddleware": 610},
        {"rf_scrapy.policy.BackoffMiddleware": 551, "rf_scrapy.middleware.ProxyMiddleware": 9_999},
    ],
    ids=["usual", "outermost"],
)
def test_orders_of_the_users_own_are_kept(sandbox, tmp_path, orders):
    urls = [f"{site}/ip?{n}" for n in range(4) for site in (sandbox.site_http, sandbox.site_https)]
    settings = ADDON | {"DOWNLOADER_MIDDLEWARES": orders}
    done = crawl(tmp_path, spider(*urls), settings, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 8, done.log
    assert done.stats["rf/requests/proxied"] == 8
    assert "127.0.0.1" not in clients_of(sandbox)
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_a_component_that_the_user_has_taken_out_is_not_put_back(sandbox, tmp_path):
    settings = ADDON | {"DOWNLOADER_MIDDLEWARES": {"rf_scrapy.BackoffMiddleware": None}}
    done = crawl(
        tmp_path, spider(f"{sandbox.site_http}/ip"), settings, environment(tmp_path, sandbox)
    )
    assert done.stats["finish_reason"] == "rf_settings", done.log
    assert "rf_scrapy.BackoffMiddleware is missing" in done.log
    assert not clients_of(sandbox)


def test_a_spider_may_switch_it_on_and_set_what_it_likes_for_itself(sandbox, tmp_path):
    code = f"""
    class Alone(scrapy.Spider):
        name = "alone"
        custom_settings = {{"ADDONS": {{"rf_scrapy.Addon": 500}}, "RF_ROTATE": "request",
                           "RF_LIVE_PROXIES": 3}}
        async def start(self):
            for n in range(12):
                yield scrapy.Request(f"{sandbox.site_https}/ip?{{n}}")
        def parse(self, response):
            yield {{}}
    """
    done = crawl(tmp_path, code, {"RF_ROTATE": "tunnel"}, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 12, done.log
    assert set(clients_of(sandbox).values()) == {1}


def test_a_spider_may_switch_it_off_for_itself(sandbox, tmp_path):
    code = f"""
    class Off(scrapy.Spider):
        name = "off"
        custom_settings = {{"RF_ENABLED": False}}
        start_urls = ["{sandbox.site_http}/ip"]
        def parse(self, response):
            yield {{}}
    """
    done = crawl(tmp_path, code, ADDON, environment(tmp_path, sandbox))
    assert done.stats["item_scraped_count"] == 1, done.log
    assert clients_of(sandbox) == {"127.0.0.1": 1}
    assert not [name for name in done.stats if name.startswith("rf/")]
    assert sandbox.journal()["calls"] == []


TWO = """
class Base(scrapy.Spider):
    async def start(self):
        for n in range(self.count):
            yield scrapy.Request(f"{{self.site}}/ip?{{self.name}}={{n}}")
    def parse(self, response):
        yield {{}}
class One(Base):
    name, site, count = "one", "{http}", 7
    custom_settings = {{"RF_ROTATE": "request"}}
class Two(Base):
    name, site, count = "two", "{https}", 9
    custom_settings = {{"RF_LIVE_PROXIES": 2, "RF_PROXY_TYPE": "sticky"}}
class Three(Base):
    name, site, count = "three", "{http}", 4
    custom_settings = {{"RF_ENABLED": False}}
SETTINGS = {{"ADDONS": {{"rf_scrapy.Addon": 500}}, "TELNETCONSOLE_ENABLED": False,
            "LOG_LEVEL": "ERROR"}}
def told(*crawlers):
    names = ("rf/requests/proxied", "rf/spent_bytes", "rf/exits/distinct", "item_scraped_count")
    print(json.dumps([[c.stats.get_value(name) for name in names] for c in crawlers]))
"""

AT_ONCE = """
from scrapy.crawler import {process}
process = {process}(SETTINGS)
crawlers = [process.create_crawler(kind) for kind in (One, Two, Three)]
for crawler in crawlers:
    process.crawl(crawler)
process.start()
told(*crawlers)
"""

IN_TURN = """
from twisted.internet import asyncioreactor
asyncioreactor.install()
from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from scrapy.crawler import CrawlerRunner
crawlers = []
@inlineCallbacks
def crawl():
    runner = CrawlerRunner(SETTINGS)
    for kind in (One, Two, Three):
        crawlers.append(runner.create_crawler(kind))
        yield runner.crawl(crawlers[-1])
    reactor.stop()
reactor.callWhenRunning(crawl)
reactor.run()
told(*crawlers)
"""

ASYNC_RUNNER = """
from twisted.internet.task import react
from twisted.internet.defer import Deferred
from scrapy.utils.reactor import install_reactor
import asyncio
install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
from scrapy.crawler import AsyncCrawlerRunner
async def crawl():
    runner = AsyncCrawlerRunner(SETTINGS)
    crawlers = [runner.create_crawler(kind) for kind in (One, Two, Three)]
    await asyncio.gather(*(runner.crawl(crawler) for crawler in crawlers))
    told(*crawlers)
react(lambda _: Deferred.fromFuture(asyncio.ensure_future(crawl())))
"""


@pytest.mark.parametrize(
    "start",
    [
        AT_ONCE.format(process="CrawlerProcess"),
        AT_ONCE.format(process="AsyncCrawlerProcess"),
        IN_TURN,
        ASYNC_RUNNER,
    ],
    ids=["CrawlerProcess", "AsyncCrawlerProcess", "in-turn", "AsyncCrawlerRunner"],
)
def test_crawlers_of_one_process_keep_their_own_settings_and_counts(sandbox, tmp_path, start):
    code = TWO.format(http=sandbox.site_http, https=sandbox.site_https) + start
    (one, two, three), log = script(tmp_path, code, environment(tmp_path, sandbox))
    assert [one[0], two[0], three[0]] == [7, 9, None], log
    assert [one[3], two[3], three[3]] == [7, 9, 4], log
    assert one[1] + two[1] == gateway_bytes(sandbox)
    assert (one[2], two[2]) == (7, 2)
    assert clients_of(sandbox)["127.0.0.1"] == 4


@pytest.fixture
def bookshop(tmp_path):
    project = tmp_path / "bookshop"
    shutil.copytree(PROJECT, project)
    settings = project / "bookshop" / "settings.py"
    settings.write_text(settings.read_text() + '\nADDONS = {"rf_scrapy.Addon": 500}\n')
    return project


def test_a_launch_as_scrapyd_does_it_needs_nothing_more(sandbox, bookshop, tmp_path):
    """An egg on the path, its settings named in the environment, a job's own arguments."""
    egg = tmp_path / "bookshop.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        for path in bookshop.rglob("*.py"):
            archive.write(path, path.relative_to(bookshop))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    env = environment(
        tmp_path, sandbox, PYTHONPATH=str(egg), SCRAPY_SETTINGS_MODULE="bookshop.settings",
        SCRAPYD_JOB="job-1",
    )  # fmt: skip
    feed, log = elsewhere / "items.jsonl", elsewhere / "job.log"
    done = run(
        elsewhere, "-m", "scrapy.cmdline", "crawl", "books", "-a", "_job=job-1",
        "-a", f"sites={sandbox.site_https}", "-s", f"LOG_FILE={log}", "-s", "RF_LIVE_PROXIES=2",
        "-s", "RF_ROTATE=10", "-s", "CONCURRENT_REQUESTS=2", "-o", feed, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(feed.read_text().splitlines()) == 15
    assert "on 2 lanes" in log.read_text()
    assert "127.0.0.1" not in clients_of(sandbox)
    assert max(clients_of(sandbox).values()) <= 10


def test_files_of_a_media_pipeline_come_through_proxies(sandbox, tmp_path):
    pictures = [f"{site}/image/{n}.png" for n in range(1, 5)
                for site in (sandbox.site_http, sandbox.site_https)]  # fmt: skip
    code = f"""
    class Pictures(scrapy.Spider):
        name = "pictures"
        start_urls = ["{sandbox.site_http}/pages/1"]
        def parse(self, response):
            yield {{"file_urls": {pictures!r}}}
    """
    settings = ADDON | {
        "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
        "FILES_STORE": str(tmp_path / "files"),
    }
    done = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert done.stats["file_count"] == 8, done.log
    assert done.stats["rf/requests/proxied"] == 9
    assert "127.0.0.1" not in clients_of(sandbox)
    assert done.wire_bytes == gateway_bytes(sandbox)


def test_scrapy_fetch_goes_through_a_proxy(sandbox, bookshop, tmp_path):
    env = environment(tmp_path, sandbox)
    done = run(bookshop, "-m", "scrapy", "fetch", "--nolog", f"{sandbox.site_https}/ip", env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ip"] in clients_of(sandbox)
    assert "127.0.0.1" not in clients_of(sandbox)


def test_scrapy_shell_goes_through_proxies_too(sandbox, bookshop, tmp_path):
    code = (
        f"fetch('{sandbox.site_https}/ip?2') or "
        "'TOLD ' + response.json()['ip'] + ' ' + __import__('rf_scrapy').proxy_of(response)"
    )
    done = run(
        bookshop, "-m", "scrapy", "shell", f"{sandbox.site_http}/ip?1", "-c", code,
        env=environment(tmp_path, sandbox),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    _, ip, name = next(line for line in done.stdout.splitlines() if "TOLD" in line).split()
    assert ip in clients_of(sandbox)
    assert len(bytes.fromhex(name)) == 4
    assert "127.0.0.1" not in clients_of(sandbox)
    asked = [one["target"] for one in sandbox.site_log()["requests"]]
    assert [target for target in asked if target.startswith("/ip")] == ["/ip?1", "/ip?2"]


def test_a_shell_without_a_key_sends_nothing(sandbox, bookshop, tmp_path):
    env = environment(tmp_path, sandbox, RF_API_KEY="")
    done = run(bookshop, "-m", "scrapy", "fetch", f"{sandbox.site_http}/ip", env=env)
    assert "No API key." in done.stderr
    assert not clients_of(sandbox)
