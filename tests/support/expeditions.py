"""Four spiders at once that do all that costs bytes, each on hosts of its own."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from support.crawls import ADDON, crawl, environment
from support.invoking import invoke

EXPEDITION = """
class Expedition(scrapy.Spider):
    name = "NAME"
    handle_httpstatus_list = [403, 500]

    def start_requests(self):
        for n in range(PAGES):
            yield self.to("pages", f"/bytes/{SIZE + n}")
            if n % 10 == 0:
                yield self.to("moved", f"/redirect/2?n={n}")
            if n % 15 == 0:
                yield self.to("ill", f"/status/500?n={n}")
            if n % 50 == 0:
                yield self.to("closed", f"/status/403?n={n}")

    async def start(self):
        for request in self.start_requests():
            yield request

    def to(self, host, path):
        site = "SITE".replace("//localhost", "//HOST").replace("127.0.0.1", "HOST")
        url = site.replace("HOST", f"{host}-{self.name}.localhost") + path
        return scrapy.Request(url, errback=self.failed)

    def parse(self, response):
        number = int(response.url.rsplit("/", 1)[1].partition("?")[0])
        if "/bytes/" in response.url and number % 8 == 0:
            yield {"file_urls": [self.to("pictures", f"/bytes/{2 * number}").url]}

    def failed(self, failure):
        pass
"""
SETTINGS = ADDON | {
    "ROBOTSTXT_OBEY": True,
    "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
    "RETRY_TIMES": 1,
    "RF_BAN_RETRY_TIMES": 1,
    "LOG_LEVEL": "INFO",
}
SPIDERS = {"ada": "http", "ben": "https", "cleo": "http", "dan": "https"}


def side_by_side(folder, sandbox, *, pages, size, seconds=60, **settings):
    """Let all four go at once, as processes of one machine; return what each left, by name."""
    env = environment(folder, sandbox)

    def run(name):
        place = folder / name
        place.mkdir()
        site = sandbox.site_https if SPIDERS[name] == "https" else sandbox.site_http
        code = EXPEDITION.replace("NAME", name).replace("PAGES", str(pages))
        code = code.replace("SIZE", str(size)).replace("SITE", site)
        more = SETTINGS | {"FILES_STORE": str(place / "files")} | settings
        return crawl(place, code, more, env, seconds)

    with ThreadPoolExecutor(len(SPIDERS)) as pool:
        return dict(zip(SPIDERS, pool.map(run, SPIDERS), strict=True))


def gateway_by_domain(sandbox):
    """What the gateway billed, by domain, once every connection to it has ended."""
    for _ in range(100):
        rows = sandbox.traffic()["traffic"]
        if all(row["outcome"] != "live" for row in rows):
            break
        time.sleep(0.05)
    found = {}
    for row in rows:
        if row["billed"]:
            found[row["domain"]] = found.get(row["domain"], 0) + row["billed_bytes"]
    return found


def by_spider(by_domain):
    """The same by spider: each has hosts of its own."""
    found = dict.fromkeys(SPIDERS, 0)
    for domain, count in by_domain.items():
        found[domain.removesuffix(".localhost").rpartition("-")[2]] += count
    return found


def ledger_of(folder, sandbox):
    """How to ask for the ledger: by what → name → bytes."""
    rf = partial(invoke, folder, sandbox, "ledger", "--json", "--by")

    def ask(by):
        return {row["name"]: row["bytes"] for row in json.loads(rf(by).stdout)["rows"]}

    return ask
