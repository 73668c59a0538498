"""A crawl that may hold few descriptors, and what it held at most."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

from support.crawls import ADDON, RUNNER, Outcome, environment

SPIDER = """
    import os
    import scrapy

    class Many(scrapy.Spider):
        name = "many"
        most = 0

        async def start(self):
            for number in range({count}):
                site = ("{http}", "{https}")[number % 2]
                yield scrapy.Request(f"{{site}}/bytes/200?n={{number}}", dont_filter=True)

        def parse(self, response):
            self.most = max(self.most, len(os.listdir("/proc/self/fd")))
            yield {{"n": response.url.rpartition("=")[2], "status": response.status}}

        def closed(self, reason):
            self.crawler.stats.set_value("descriptors/most", self.most)
"""


def crawl_within(folder, sandbox, *, descriptors, count, seconds, **settings) -> Outcome:
    """Fetch so many pages, http and https in turn, under `ulimit -n`; items go to items.jsonl."""
    spider = SPIDER.format(count=count, http=sandbox.site_http, https=sandbox.site_https)
    (folder / "spider.py").write_text(textwrap.dedent(spider))
    base = {"LOG_LEVEL": "WARNING", "TELNETCONSOLE_ENABLED": False, "RETRY_TIMES": 5}
    base |= {"FEEDS": {str(folder / "items.jsonl"): {"format": "jsonlines"}}} | ADDON
    (folder / "settings.json").write_text(json.dumps(base | settings))
    files = [str(folder / name) for name in ("spider.py", "settings.json", "stats.json")]
    limited = f'ulimit -n {descriptors}; exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", limited, "sh", sys.executable, str(RUNNER), *files],
        cwd=folder, env=environment(folder, sandbox), capture_output=True, text=True,
        timeout=seconds, check=False,
    )  # fmt: skip
    stats = folder / "stats.json"
    found = json.loads(stats.read_text()) if stats.exists() else {}
    return Outcome(found, done.stdout + done.stderr, done.returncode)


def assert_none_lost(folder, done, count):
    """Every page came once, however many descriptors there were for it."""
    lines = (folder / "items.jsonl").read_text().splitlines()
    items = [json.loads(line) for line in lines]
    assert sorted(int(item["n"]) for item in items) == list(range(count)), done.log[-2_000:]
    assert {item["status"] for item in items} == {200}
    assert done.stats["finish_reason"] == "finished"
