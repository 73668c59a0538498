"""A stranger with our credentials, seen by a monitor that knows nothing of the sandbox's meter.

5 MB in 5 minutes, through raw sockets, first beside nothing and then beside a crawl of ours. Time
is real: some minutes.
"""

import asyncio
import base64
import json
import subprocess
import sys
import threading
from urllib.parse import urlsplit

import pytest
from support.crawls import ADDON, crawl, environment
from support.invoking import RUN
from support.sandboxes import proxies_of

from rf_core.units import BALANCE_QUANTUM
from rf_sandbox.sandbox import Sandbox

PACE = 5 * (1 << 20) / 300
STEADY = """
class Steady(scrapy.Spider):
    name = "steady"
    async def start(self):
        for n in range(100_000):
            yield scrapy.Request("{site}/bytes/" + str(20_000 + n % 100), dont_filter=True)
    def parse(self, response):
        yield {{"url": response.url}}
"""


class Stranger:
    """Takes a little each second, over one raw connection each time."""

    def __init__(self, sandbox):
        ((user, password),) = proxies_of(sandbox)
        self._basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._gateway = sandbox.gateway
        self._site = sandbox.site_http
        self._over = threading.Event()
        self._begin = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._take()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._over.set()
        self._begin.set()
        self._thread.join()

    def begin(self):
        self._begin.set()

    async def _take(self):
        await asyncio.to_thread(self._begin.wait)
        while not self._over.is_set():
            reader, writer = await asyncio.open_connection(*self._gateway)
            head = (
                f"GET {self._site}/bytes/{round(PACE)} HTTP/1.1\r\n"
                f"Host: {urlsplit(self._site).netloc}\r\n"
                f"Proxy-Authorization: Basic {self._basic}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode())
            await reader.read()
            writer.close()
            await writer.wait_closed()
            await asyncio.to_thread(self._over.wait, 1.0)


@pytest.fixture
def sandbox():
    with Sandbox(seed=5) as running:
        yield running


def looks(tmp_path, sandbox):
    """What a monitor says once a second, as objects, for as long as somebody listens."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "monitor", "--plain", "--json", "--ticks", "240"],
        env=environment(tmp_path, sandbox),
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        try:
            for line in watching.stdout:
                snapshot = json.loads(line)
                pool = next(pool for pool in snapshot["pools"] if pool["id"] == "premium")
                yield snapshot, pool
        finally:
            watching.kill()


def watched(tmp_path, sandbox, stranger, *, quiet_polls, meters_off=1):
    """Watch until the stranger is found; return how many polls that took from beyond the noise.

    Args:
        meters_off: How many meters may be off by it, each in its own direction.
    """
    before, polls, begun_at, beyond = None, 0, None, 0
    for snapshot, pool in looks(tmp_path, sandbox):
        if pool["balance_at"] in {before, None}:
            continue
        before, polls = pool["balance_at"], polls + 1
        if polls == quiet_polls:
            # Where nothing has moved yet, nothing has been compared.
            assert pool["meters"] is None or pool["meters"]["verdict"] != "foreign", pool["meters"]
            begun_at = pool["balance_at"]
            stranger.begin()
        if begun_at is None or pool["meters"] is None:
            continue
        leaked = PACE * (pool["balance_at"] - begun_at)
        beyond += leaked > meters_off * pool["meters"]["noise_bytes"]
        if pool["meters"]["verdict"] == "foreign":
            codes = [finding["code"] for finding in snapshot["findings"]]
            assert "alert_foreign" in codes
            return beyond, pool["meters"]
    raise AssertionError("the stranger was never found")


def test_beside_nobody_a_stranger_is_foreign_within_two_polls(sandbox, tmp_path):
    with Stranger(sandbox) as stranger:
        beyond, found = watched(tmp_path, sandbox, stranger, quiet_polls=2)
    assert beyond <= 2
    assert found["noise_bytes"] <= 2 * BALANCE_QUANTUM


def test_beside_a_crawl_of_ours_a_stranger_is_foreign_within_two_polls(sandbox, tmp_path):
    settings = ADDON | {
        "DOWNLOAD_DELAY": 0.2, "RANDOMIZE_DOWNLOAD_DELAY": False, "CLOSESPIDER_TIMEOUT": 230,
        "LOG_LEVEL": "INFO",
    }  # fmt: skip
    env = environment(tmp_path, sandbox)
    spider = STEADY.format(site=sandbox.site_http)
    ours = threading.Thread(target=lambda: crawl(tmp_path, spider, settings, env, seconds=300))
    ours.start()
    try:
        with Stranger(sandbox) as stranger:
            beyond, found = watched(tmp_path, sandbox, stranger, quiet_polls=16, meters_off=2)
    finally:
        subprocess.run(
            [sys.executable, "-c", RUN, "crawls", "stop", "steady"],
            env=env,
            check=False,
            timeout=60,
        )
        ours.join()
    assert beyond <= 2
    assert found["our_bytes"] > found["excess_bytes"]
