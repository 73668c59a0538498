"""What each choice of `RF_ROTATE` costs: bytes on the wire and exits, side by side in one run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crawls import ADDON, crawl, environment

from rf_sandbox.sandbox import Sandbox

PAGES = 200
CHOICES = ("tunnel", 20, "request")
SPIDER = """
class Bench(scrapy.Spider):
    name = "bench"
    async def start(self):
        for n in range({pages}):
            yield scrapy.Request("{url}?n=" + str(n))
    def parse(self, response):
        pass
"""


def main() -> None:
    with Sandbox(seed=1) as sandbox:
        sandbox.limit(generate=10_000)
        print(f"{'pages':<14}{'RF_ROTATE':<12}{'bytes a page':>14}{'of tunnel':>11}{'exits':>8}")
        for site in (sandbox.site_http, sandbox.site_https):
            for size in (500, 2_000, 20_000, 200_000):
                spider = SPIDER.format(pages=PAGES, url=f"{site}/bytes/{size}")
                first = 0.0
                for choice in CHOICES:
                    with tempfile.TemporaryDirectory() as folder:
                        settings = ADDON | {"RF_ROTATE": choice, "LOG_LEVEL": "WARNING"}
                        done = crawl(
                            Path(folder), spider, settings, environment(Path(folder), sandbox)
                        )
                    if done.stats["response_received_count"] != PAGES:
                        raise RuntimeError(done.log)
                    each = done.wire_bytes / PAGES
                    first = first or each
                    label = f"{site.partition(':')[0]} {size:,}"
                    exits = done.stats["rf/exits/distinct"]
                    print(f"{label:<14}{choice!s:<12}{each:>14,.0f}{each / first:>11.2f}{exits:>8}")


if __name__ == "__main__":
    main()
