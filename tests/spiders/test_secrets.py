"""Keys and passwords are in no log, no job directory, no cache, no feed, no stat."""

import base64
import urllib.parse

import pytest
from support.crawls import ADDON, AIOHTTP, crawl, environment


def spellings(secret: str) -> set[bytes]:
    raw = secret.encode()
    return {
        raw,
        urllib.parse.quote(secret, safe="").encode(),
        base64.b64encode(raw),
        raw.hex().encode(),
    }


def secrets_of(sandbox):
    credentials = sandbox._servers.world.credentials
    found = {sandbox.key}
    for row in sandbox.traffic()["traffic"]:
        if row["username"]:
            found.add(credentials.password(row["username"]))
            found.add(f"{row['username']}:{credentials.password(row['username'])}")
    return found


@pytest.mark.parametrize("handler", [{}, AIOHTTP], ids=["HTTP11", "aiohttp"])
def test_no_secret_is_left_anywhere_outside_the_private_state(sandbox, tmp_path, handler):
    code = """
    class Careless(scrapy.Spider):
        name = "careless"
        async def start(self):
            for n in range(6):
                yield scrapy.Request(f"HTTP/bytes/{900 + n}", meta={"n": n})
                yield scrapy.Request(f"HTTPS/bytes/{900 + n}", meta={"n": n})
            yield scrapy.Request("HTTPS/status/500")
            yield scrapy.Request("https://localhost:1/nowhere", errback=self.failed)
        def failed(self, failure):
            self.logger.error("failed: %r %s", failure, failure.getTraceback(detail="verbose"))
        def parse(self, response):
            yield {"meta": repr(response.meta), "headers": repr(response.request.headers)}
            if "again" not in response.url:
                yield scrapy.Request(response.url + "?again", meta=response.meta)
    """.replace("HTTPS", sandbox.site_https).replace("HTTP/", f"{sandbox.site_http}/")
    settings = (
        ADDON
        | handler
        | {
            "JOBDIR": str(tmp_path / "job"),
            "HTTPCACHE_ENABLED": True,
            "HTTPCACHE_DIR": str(tmp_path / "httpcache"),
            "FEEDS": {str(tmp_path / "items.json"): {"format": "json"}},
            "LOG_FILE": str(tmp_path / "crawl.log"),
            "RETRY_TIMES": 1,
        }
    )
    outcome = crawl(tmp_path, code, settings, environment(tmp_path, sandbox))
    assert outcome.stats["item_scraped_count"] >= 24, outcome.log
    private = tmp_path / "state"
    places = [
        path for path in tmp_path.rglob("*") if path.is_file() and private not in path.parents
    ]
    assert {path.name for path in places} >= {"crawl.log", "items.json", "stats.json"}
    texts = {str(path): path.read_bytes() for path in places} | {"output": outcome.log.encode()}
    for secret in secrets_of(sandbox):
        for spelling in spellings(secret):
            assert [name for name, text in texts.items() if spelling in text] == []
    # The relay's own header is taken off again, too.
    assert b"Proxy-Authorization" not in texts[str(tmp_path / "items.json")]


def test_a_key_in_the_settings_is_taken_out_and_warned_about(sandbox, tmp_path):
    settings = ADDON | {"RF_API_KEY": sandbox.key, "LOG_LEVEL": "DEBUG"}
    code = """
    class Nosy(scrapy.Spider):
        name = "nosy"
        async def start(self):
            self.logger.info("settings: %r", dict(self.crawler.settings))
            yield scrapy.Request("SITE/ip")
        def parse(self, response):
            yield {}
    """.replace("SITE", sandbox.site_http)
    env = environment(tmp_path, sandbox)
    del env["RF_API_KEY"]
    outcome = crawl(tmp_path, code, settings, env)
    assert outcome.stats["item_scraped_count"] == 1, outcome.log
    assert "RF_API_KEY stood in the Scrapy settings" in outcome.log
    assert sandbox.key not in outcome.log
