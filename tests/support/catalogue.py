"""A whole catalogue crawled through every kind of trouble, stopped in the middle and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate

import httpx
from support.crawls import ADDON, RUNNER, environment

SPIDER = """
import hashlib, json
import scrapy

class Catalogue(scrapy.Spider):
    name = "catalogue"

    async def start(self):
        for page in range(1, {pages} + 1):
            yield scrapy.Request(f"{http}/catalogue/?page={{page}}&per_page={each}")

    def parse(self, response):
        for entry in response.css("li[data-id]"):
            number = int(entry.attrib["data-id"])
            site = "{https}" if number % 2 else "{http}"
            yield scrapy.Request(f"{{site}}/items/{{number}}", self.parse_item)

    def parse_item(self, response):
        text = response.css("#text::text").get()
        number = int(response.url.rpartition("/")[2])
        with open("items.jsonl", "a") as file:
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            file.write(json.dumps({{"id": number, "sha256": sha256}}) + "\\n")
        yield {{"id": number}}
"""
EACH = 20
AT_ONCE = 16
TURN_SECONDS = 70


def troubles(share: float) -> list[dict]:
    """Rules for so large a share of all calls, spread over ten kinds.

    A dead credential is dead on every call: on plain http the gateway is asked once more.
    """
    dated = formatdate(time.time() + 4, usegmt=True)

    def rule(where, **what):
        return {"where": where, "match": {"probability": share / 10}, "what": what}

    return [
        rule("site", kind="status", status=429, headers={"Retry-After": "1"}),
        rule("site", kind="status", status=429, headers={"Retry-After": dated}),
        rule("site", kind="status", status=503, body="busy"),
        rule("site", kind="reset", bytes=400),
        rule("site", kind="truncate", bytes=300),
        *(
            {
                "where": "gateway",
                "match": {"username": end},
                "what": {"kind": "status", "status": 407},
            }
            for end in ("*0", "*8")
        ),
        rule("gateway", kind="status", status=429),
        rule("gateway", kind="status", status=502),
        rule("gateway", kind="exit_dropped", bytes=1_500),
        rule("gateway", kind="reset", bytes=700),
    ]


@dataclass
class Result:
    """What two runs left.

    Attributes:
        items: How often each item came.
        wrong: Items whose text is another than the manifest's.
        again: Calls on credentials after the gateway had refused them.
    """

    items: Counter
    wrong: list[int]
    again: list[dict]
    clients: set[str]
    stats: list[dict] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    log: str = ""


def crawl_catalogue(sandbox, folder, count: int, *, stop_after: int, seconds: float) -> Result:
    """Crawl so many items, interrupt when some have come, and resume from the job directory.

    Sticky sessions expire all the time: the sandbox's clock is turned by more than their minute.
    """
    sandbox.faults(*troubles(0.05))
    (folder / "spider.py").write_text(
        SPIDER.format(
            pages=-(-count // EACH), each=EACH, http=sandbox.site_http, https=sandbox.site_https
        )
    )
    settings = ADDON | {
        "JOBDIR": str(folder / "job"), "RF_PROXY_TYPE": "sticky", "RF_SESSION_MINUTES": 1,
        "RF_ROTATE": 25, "RF_BACKOFF_MAX": 5, "RETRY_TIMES": 10, "LOG_LEVEL": "INFO",
        "TELNETCONSOLE_ENABLED": False, "ROBOTSTXT_OBEY": False, "DOWNLOAD_TIMEOUT": 30,
        "CONCURRENT_REQUESTS": AT_ONCE, "CONCURRENT_REQUESTS_PER_DOMAIN": AT_ONCE,
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings))
    sandbox.limit(generate=1_000)
    clock = Turning(sandbox)
    with clock:
        runs = [run(folder, sandbox, stop, seconds) for stop in (stop_after, None)]
    told = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    clients = {one["client"] for one in sandbox.site_log()["requests"]}
    manifest = httpx.get(
        f"{sandbox.site_http}/catalogue/manifest.jsonl?from=1&to={count}",
        trust_env=False,
        timeout=60,
    )
    right = {one["id"]: one["sha256"] for one in map(json.loads, manifest.text.splitlines())}
    return Result(
        Counter(one["id"] for one in told),
        [one["id"] for one in told if right.get(one["id"]) != one["sha256"]],
        after_refusals(sandbox),
        clients,
        [stats for stats, _ in runs],
        [took for _, took in runs],
        (folder / "crawl.log").read_text(),
    )


class Turning:
    """Turns the sandbox's clock on by more than a session's minute every two seconds."""

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._turn)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_exc):
        self._over.set()
        self._thread.join()

    def _turn(self):
        while not self._over.wait(2.0):
            self._sandbox.advance(TURN_SECONDS)


def run(folder, sandbox, stop_after, seconds):
    """One run of the job; interrupted as by Ctrl+C when so many items have come."""
    began = time.monotonic()
    items, stats = folder / "items.jsonl", folder / "stats.json"
    stats.unlink(missing_ok=True)
    with (folder / "crawl.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, RUNNER, folder / "spider.py", folder / "settings.json", stats],
            cwd=folder,
            env=environment(folder, sandbox),
            stdout=log,
            stderr=log,
        )
        try:
            while stop_after and process.poll() is None and time.monotonic() - began < seconds:
                if items.exists() and items.read_bytes().count(b"\n") >= stop_after:
                    process.send_signal(signal.SIGINT)
                    break
                threading.Event().wait(0.1)
            process.wait(seconds)
        finally:
            process.kill()
            process.wait()
    return json.loads(stats.read_text()), time.monotonic() - began


def after_refusals(sandbox):
    """Calls that began after the gateway had refused the very same user name.

    Those that were under way already when the refusal came do not count. As many as the crawl has
    at once can be, and one question whether it was the gateway; all of them within ten seconds,
    in which the clock is turned five times: a starved crawl reads late what it was told.
    """
    refused, late, under_way = {}, [], Counter()
    for row in sorted(sandbox.traffic()["traffic"], key=lambda row: row["started"]):
        name = row["username"]
        since = row["started"] - refused.get(name, float("inf"))
        if since > 0:
            under_way[name] += 1
            if since > 10 + 5 * TURN_SECONDS or under_way[name] > AT_ONCE + 1:
                late.append(row)
        if row["status"] == 407 and row["ended"] is not None:
            refused[name] = min(refused.get(name, row["ended"]), row["ended"])
    return late
