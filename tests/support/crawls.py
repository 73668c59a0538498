"""Real crawls in processes of their own, and what they left behind."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from scrapy.settings import default_settings

RUNNER = Path(__file__).with_name("run_crawl.py")
ADDON = {"ADDONS": {"rf_scrapy.Addon": 500}}
BY_HAND = {
    "DOWNLOADER_MIDDLEWARES": {
        "rf_scrapy.BackoffMiddleware": 560,
        "rf_scrapy.ProxyMiddleware": 950,
    },
    "EXTENSIONS": {"rf_scrapy.CrawlReporter": 0},
}
_AIOHTTP_HANDLER = "scrapy.core.downloader.handlers._aiohttp.AiohttpDownloadHandler"
AIOHTTP = {"DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https"), _AIOHTTP_HANDLER)}
_HTTPX_HANDLER = "scrapy.core.downloader.handlers._httpx.HttpxDownloadHandler"
HTTPX = {"DOWNLOAD_HANDLERS": dict.fromkeys(("http", "https"), _HTTPX_HANDLER)}
REACTORLESS = {"TWISTED_REACTOR_ENABLED": False}


def _is_there(handler: str) -> bool:
    return importlib.util.find_spec(handler.rpartition(".")[0]) is not None


HANDLERS = {"HTTP11": {}}
"""How pages can be fetched, by name: older versions of Scrapy have fewer ways."""
if _is_there(_HTTPX_HANDLER):
    HANDLERS["httpx"] = HTTPX
if _is_there(_AIOHTTP_HANDLER):
    HANDLERS["aiohttp"] = AIOHTTP
if hasattr(default_settings, "TWISTED_REACTOR_ENABLED"):
    HANDLERS["reactorless"] = REACTORLESS

every_handler = pytest.mark.parametrize("handler", HANDLERS.values(), ids=HANDLERS)


@dataclass
class Outcome:
    """What a crawl left: its stats, its log, its exit code."""

    stats: dict
    log: str
    returncode: int

    @property
    def wire_bytes(self):
        return self.stats["rf/wire_bytes/up"] + self.stats["rf/wire_bytes/down"]


_SIZE = ("COLUMNS", "LINES")
"""Whoever runs tests side by side says here how large a terminal is, whatever a terminal says."""


def environment(folder: Path, sandbox=None, **extra: str) -> dict[str, str]:
    """The environment of a user who has exported what `rf sandbox` printed, and nothing of ours."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RF_") and "proxy" not in name.lower() and name not in _SIZE
    }
    env["RF_STATE_DIR"] = str(folder / "state")
    env["RF_CACHE_DIR"] = str(folder / "cache")
    env["RF_CONFIG"] = str(folder / "config.toml")
    if sandbox is not None:
        env |= sandbox.ready["env"]
    return env | extra


def crawl(folder: Path, spider: str, settings: dict, env: dict[str, str], seconds=240) -> Outcome:
    """Run a spider's source to its end, within a bound."""
    (folder / "spider.py").write_text("import scrapy\n" + textwrap.dedent(spider))
    base = {"TELNETCONSOLE_ENABLED": False, "LOG_LEVEL": "DEBUG", "ROBOTSTXT_OBEY": False}
    (folder / "settings.json").write_text(json.dumps(base | settings))
    stats = folder / "stats.json"
    stats.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, RUNNER, folder / "spider.py", folder / "settings.json", stats],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    return Outcome(
        json.loads(stats.read_text()) if stats.exists() else {},
        done.stdout + done.stderr,
        done.returncode,
    )


def gateway_bytes(sandbox, *, billed=True) -> int:
    """The gateway's own count, over all its rows."""
    return sum(
        row["bytes_up"] + row["bytes_down"]
        for row in sandbox.traffic()["traffic"]
        if row["billed"] is billed
    )


def spider(*urls: str) -> str:
    """The source of a spider that fetches these and yields what came."""
    return f"""
class Fetch(scrapy.Spider):
    name = "fetch"

    async def start(self):
        for url in {list(urls)!r}:
            yield scrapy.Request(url, dont_filter=True)

    def parse(self, response):
        yield {{"url": response.url, "status": response.status, "size": len(response.body)}}
"""


def static_proxy(sandbox, **order) -> str:
    """One credential as the URL that a user without us would put into `meta["proxy"]`."""
    answer = httpx.post(
        f"{sandbox.api}/proxies",
        headers={"Authorization": f"Bearer {sandbox.key}"},
        json={"quantity": 1, "format": "userpass"} | order,
        trust_env=False,
        timeout=60,
    )
    return f"http://{answer.json()['proxies'].strip()}"
