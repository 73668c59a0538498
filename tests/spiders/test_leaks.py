"""`rf doctor --leaks` on what real crawls leave: with credentials of one's own, and with us."""

import json

import pytest
from support.crawls import ADDON, crawl, environment, static_proxy
from support.invoking import invoke

from rf_tui.cli.exit_codes import ExitCode

SPIDER = """
class Stopped(scrapy.Spider):
    name = "stopped"

    async def start(self):
        for n in range(200):
            yield scrapy.Request(f"SITE/bytes/{900 + n}", meta=META)

    def parse(self, response):
        yield scrapy.Request(response.url + "?again", meta=META)
"""


def left_behind(folder, sandbox, meta, settings):
    """Run a crawl that is stopped half-way, so that requests stay in its job directory."""
    (folder / "left").mkdir()
    code = SPIDER.replace("SITE", sandbox.site_http).replace("META", repr(meta))
    kept = {
        "JOBDIR": str(folder / "left" / "job"),
        "HTTPCACHE_ENABLED": True,
        "HTTPCACHE_DIR": str(folder / "left" / "httpcache"),
        "LOG_FILE": str(folder / "left" / "crawl.log"),
        "CLOSESPIDER_PAGECOUNT": 10,
        "CONCURRENT_REQUESTS": 2,
    }
    crawl(folder, code, kept | settings, environment(folder, sandbox))
    done = invoke(folder, sandbox, "doctor", "--json", "--leaks", str(folder / "left"))
    document = json.loads(done.stdout)
    looked = next(c for c in document["checks"] if c["area"] == "leaks")
    return done.returncode, document["leaks"], looked["text"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"HTTPCACHE_GZIP": True},
        {"HTTPCACHE_STORAGE": "scrapy.extensions.httpcache.DbmCacheStorage"},
    ],
    ids=["files", "gzip", "dbm"],
)
def test_credentials_of_ones_own_are_found_where_scrapy_puts_them(sandbox, tmp_path, settings):
    meta = {"proxy": static_proxy(sandbox)}
    code, leaks, _ = left_behind(tmp_path, sandbox, meta, settings)
    assert code == ExitCode.CONDITION
    kinds = {leak["kind"] for leak in leaks}
    assert "proxy_address" in kinds
    assert [leak for leak in leaks if leak["file"].startswith("job")]
    if "HTTPCACHE_STORAGE" not in settings:  # which keeps no requests
        assert "proxy_authorization" in kinds
        assert [leak for leak in leaks if leak["file"].startswith("httpcache")]


def test_with_the_add_on_nothing_is_found_in_what_is_left(sandbox, tmp_path):
    code, leaks, looked = left_behind(tmp_path, sandbox, {}, ADDON)
    assert (code, leaks) == (ExitCode.DONE, [])
    assert int(looked.split()[0]) > 20, "there was something to look at"
