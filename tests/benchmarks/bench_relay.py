"""What the relay costs: pages per CPU-second against credentials in every request; bulk MB/s.

Prints ratios of runs that alternate in one go; the best of each side counts. Nothing is asserted.
`bench_relay.py 2` takes two rounds instead of four.
"""

import asyncio
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.crawls import ADDON, AIOHTTP, HTTPX, RUNNER, environment

from rf_core.io.relay import Relay
from rf_core.lanes import Credential, Lanes
from rf_core.meter import Meter
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_sandbox.sandbox import Sandbox

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 4
PAGES = 1_500
BULK = 512 * 1024 * 1024
REQUEST = {"RF_ROTATE": "request"}

SPIDER = """
import scrapy
PROXIES = {proxies!r}
class Bench(scrapy.Spider):
    name = "bench"
    async def start(self):
        for n in range({pages}):
            meta = {{"proxy": PROXIES[n % len(PROXIES)]}} if PROXIES else {{}}
            yield scrapy.Request("{url}?n=" + str(n), meta=meta)
    def parse(self, response):
        pass
"""


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(folder, sandbox, url, *, pages, proxies=(), settings=()):
    """CPU seconds of one crawl: with proxies of its own, or else with the add-on."""
    (folder / "spider.py").write_text(SPIDER.format(pages=pages, url=url, proxies=list(proxies)))
    base = {"LOG_LEVEL": "ERROR", "TELNETCONSOLE_ENABLED": False, "CONCURRENT_REQUESTS": 16}
    base |= {"CONCURRENT_REQUESTS_PER_DOMAIN": 16} | ({} if proxies else ADDON) | dict(settings)
    (folder / "settings.json").write_text(json.dumps(base))
    before = cpu_seconds()
    files = [folder / name for name in ("spider.py", "settings.json", "stats.json")]
    subprocess.run(
        [sys.executable, RUNNER, *files],
        cwd=folder,
        env=environment(folder, sandbox),
        check=True,
        timeout=300,
    )
    stats = json.loads((folder / "stats.json").read_text())
    if stats["response_received_count"] != pages:
        message = f"only {stats['response_received_count']} of {pages} pages"
        raise RuntimeError(message)
    return cpu_seconds() - before


def credentials(sandbox, quantity):
    answer = httpx.post(
        f"{sandbox.api}/proxies",
        headers={"Authorization": f"Bearer {sandbox.key}"},
        json={"quantity": quantity, "format": "userpass"},
        trust_env=False,
    )
    return [f"http://{line}" for line in answer.json()["proxies"].split()]


def compare(label, folder, sandbox, url, *, proxies, direct=(), relay=(), pages=PAGES):
    """Pages per CPU-second through the relay over those of the direct way, start-up taken off."""
    sides = {"direct": {"proxies": proxies, "settings": direct}, "relay": {"settings": relay}}
    best = {}
    for side, options in sides.items():
        best[side] = [min(run(folder, sandbox, url, pages=1, **options) for _ in range(2)), 1e9]
    for _ in range(ROUNDS):
        for side, options in sides.items():
            spent = run(folder, sandbox, url, pages=pages, **options)
            best[side][1] = min(best[side][1], spent)
    own, ours = (high - low for low, high in best.values())
    print(f"{label:<28}{own:>12.2f}{ours:>12.2f}{own / ours:>10.2f}{ours / own:>10.2f}", flush=True)


def crawls():
    with Sandbox(seed=1) as sandbox, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sandbox.limit(generate=10_000)
        one = credentials(sandbox, 1)
        print(f"{'pages':<28}{'direct s':>12}{'relay s':>12}{'ratio':>10}{'costs':>10}")
        for handler, settings in (("HTTP11", {}), ("aiohttp", AIOHTTP), ("httpx", HTTPX)):
            for site in (sandbox.site_http, sandbox.site_https):
                for size in (2_000, 20_000) if handler == "HTTP11" else (2_000,):
                    label = f"{handler} {site.partition(':')[0]} {size // 1000} kB"
                    url = f"{site}/bytes/{size}"
                    options = {"proxies": one, "direct": settings, "relay": settings}
                    compare(label, folder, sandbox, url, **options)
        pages = 600
        many = credentials(sandbox, pages)
        for site in (sandbox.site_http, sandbox.site_https):
            label = f"new exit each, {site.partition(':')[0]} 2 kB"
            options = {"proxies": many, "relay": REQUEST, "pages": pages}
            compare(label, folder, sandbox, f"{site}/bytes/2000", **options)


# Bulk: a gateway that pours, the relay, and a client that swallows, a process each.


class Pouring(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.left = 0

    def data_received(self, _data):
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BULK)
        self.left = BULK
        self.resume_writing()

    def pause_writing(self):
        self.is_full = True

    def resume_writing(self):
        self.is_full = False
        while self.left and not self.is_full:
            self.transport.write(b"z" * 262_144)
            self.left -= 262_144


class Swallowing(asyncio.Protocol):
    def __init__(self, request, done):
        self.request, self.done, self.got = request, done, 0

    def connection_made(self, transport):
        transport.write(self.request)

    def data_received(self, data):
        self.got += len(data)
        if self.got >= BULK and not self.done.done():
            self.done.set_result(None)


async def pour(answers):
    server = await asyncio.get_running_loop().create_server(Pouring, "127.0.0.1", 0)
    answers.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def carry(answers, port):
    lanes = Lanes(1)
    lanes.add([Credential(Proxy("127.0.0.1", port, "user", Secret("password")), "premium")])
    relay = Relay(lanes, Meter())
    await relay.start()
    answers.put((relay.port, relay.authorization(0)))
    await asyncio.Event().wait()


async def swallow(port, authorization):
    loop = asyncio.get_running_loop()
    head = f"GET http://x.test/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {authorization}\r\n\r\n"
    done = loop.create_future()
    began = time.perf_counter()
    transport, _ = await loop.create_connection(
        lambda: Swallowing(head.encode(), done), "127.0.0.1", port
    )
    await done
    transport.abort()
    return BULK / 1e6 / (time.perf_counter() - began)


def start(work, *arguments):
    process = multiprocessing.Process(target=lambda: asyncio.run(work(*arguments)), daemon=True)
    process.start()
    return process


def processor_seconds(pid):
    """What a process has taken, where the system tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bulk():
    answers = multiprocessing.Queue()
    processes = [start(pour, answers)]
    processes.append(start(carry, answers, answers.get()))
    port, authorization = answers.get()
    before = processor_seconds(processes[1].pid)
    best = max(asyncio.run(swallow(port, authorization)) for _ in range(ROUNDS))
    taken = processor_seconds(processes[1].pid) - before
    each = f"{ROUNDS * BULK / 1e6 / taken:,.0f}" if taken else "?"
    print(f"bulk, one connection: {best:,.0f} MB/s, {each} MB per CPU-second of the relay")
    for process in processes:
        process.terminate()
        process.join()


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    bulk()
    crawls()
