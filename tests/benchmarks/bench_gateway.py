"""The sandbox's gateway beside the best known forward proxies, on the same site, in one run.

One process each, the same load from a process of its own, rounds that alternate; medians and their
ratios are printed. The peers ask for no password, ours does, and bills. A peer that cannot be had
is named and left out.

Two figures each: what came through, which also hangs on how fast the site and the load are on
this machine, and what a processor of the proxy's own would serve if it did nothing else: work
divided by the processor time that the proxy took, children included.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

ROUNDS = 3
SECONDS = 2.0
CONNECTIONS = 16
PAGE = 2_000
BULK = 64 * 1024 * 1024
BULK_CONNECTIONS = 4
OURS = "ours, sticky"
RF = [sys.executable, "-c", "from rf_tui.cli.main import run; raise SystemExit(run())"]
SQUID = """
http_port 127.0.0.1:{port}
acl all_ports port 1-65535
acl CONNECT method CONNECT
http_access allow all
cache deny all
access_log none
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
shutdown_lifetime 0 seconds
"""


# The load: a process of its own, `bench_gateway.py --load JSON`.


class Getter(asyncio.Protocol):
    """Asks for the same page again and again on one connection."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.done = 0
        self.size = 0
        self.got = 0
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        self.got += len(data)
        if not self.size:
            head, found, _ = data.partition(b"\r\n\r\n")
            assert found, data
            assert b" 200 " in head, head
            self.size = len(head) + 4 + PAGE
        if self.got == self.size:
            self.got = 0
            self.done += 1
            self.transport.write(self.request)

    def connection_lost(self, exc):
        if not self.lost.done():
            self.lost.set_result(None)


async def get_for(load):
    loop = asyncio.get_running_loop()
    getters = []
    for _ in range(CONNECTIONS):
        _, getter = await loop.create_connection(
            lambda: Getter(load["request"].encode()), "127.0.0.1", load["port"]
        )
        getters.append(getter)
    await asyncio.sleep(0.3)
    before = sum(getter.done for getter in getters)
    began = time.perf_counter()
    await asyncio.sleep(SECONDS)
    total = sum(getter.done for getter in getters)
    assert not any(getter.lost.done() for getter in getters), "a connection was lost"
    return total, (total - before) / (time.perf_counter() - began)


class Opener(asyncio.Protocol):
    """Opens a tunnel and hangs up."""

    def __init__(self, request: bytes, opened: asyncio.Future) -> None:
        self.request = request
        self.opened = opened
        self.answer = b""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data):
        self.answer += data
        if b"\r\n\r\n" in self.answer and not self.opened.done():
            self.opened.set_result(b" 200 " in self.answer.split(b"\r\n")[0])
            self.transport.abort()

    def connection_lost(self, exc):
        if not self.opened.done():
            self.opened.set_result(False)


async def tunnels_for(load):
    loop = asyncio.get_running_loop()
    request = load["connect"].encode()
    until = time.perf_counter() + SECONDS
    counts = [0] * CONNECTIONS

    async def open_again(number):
        while time.perf_counter() < until:
            opened = loop.create_future()
            opener = Opener(request, opened)
            await loop.create_connection(lambda opener=opener: opener, "127.0.0.1", load["port"])
            assert await opened, "a tunnel was refused"
            counts[number] += 1

    began = time.perf_counter()
    await asyncio.gather(*(open_again(number) for number in range(CONNECTIONS)))
    return sum(counts), sum(counts) / (time.perf_counter() - began)


class Bulk(asyncio.Protocol):
    """Counts what comes through a tunnel."""

    def __init__(self, load, done: asyncio.Future) -> None:
        self.load = load
        self.done = done
        self.answer = b""
        self.got = -1

    def connection_made(self, transport):
        self.transport = transport
        transport.write(self.load["connect"].encode())

    def data_received(self, data):
        if self.got < 0:
            self.answer += data
            if b"\r\n\r\n" in self.answer:
                self.got = 0
                self.transport.write(self.load["inside"].encode())
            return
        self.got += len(data)
        if self.got >= BULK and not self.done.done():
            self.done.set_result(None)
            self.transport.abort()


async def bulk_for(load):
    loop = asyncio.get_running_loop()
    ends = [loop.create_future() for _ in range(BULK_CONNECTIONS)]
    began = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: Bulk(load, end), "127.0.0.1", load["port"])
    await asyncio.wait_for(asyncio.gather(*ends), 120)
    megabytes = BULK * BULK_CONNECTIONS / 1e6
    return megabytes, megabytes / (time.perf_counter() - began)


LOADS = {"keep-alive GET/s": get_for, "new tunnels/s": tunnels_for, "bulk MB/s": bulk_for}


# The proxies


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def listening(port, seconds=15.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as sock:
            if not sock.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)
    message = f"nothing listens on {port}"
    raise TimeoutError(message)


class Proxy(NamedTuple):
    """One to be measured."""

    pid: int
    port: int
    authorization: str = ""


def processor_seconds(pid):
    """What a process and its children have taken; None where the system does not tell."""
    try:
        found = {
            int(path.parent.name): path.read_text().rpartition(")")[2].split()
            for path in Path("/proc").glob("[0-9]*/stat")
        }
    except OSError:
        return None
    family = {pid}
    for _ in range(3):
        family |= {child for child, fields in found.items() if int(fields[1]) in family}
    ticks = sum(int(found[one][11]) + int(found[one][12]) for one in family if one in found)
    return ticks / os.sysconf("SC_CLK_TCK") if found else None


@contextmanager
def process(command, **options):
    started = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(10)


@contextmanager
def sandbox(folder, *options):
    path = folder / f"ready-{free_port()}.json"
    with process([*RF, "sandbox", "--ready-file", path, *options]):
        until = time.monotonic() + 15
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.01)
        yield json.loads(path.read_text())


def ours(stack, folder, target):
    ready = stack.enter_context(sandbox(folder, "--allow-target", target))
    call(ready["control"], ready["control_token"], "PATCH", "/pools/premium",
         {"balance_bytes": 1 << 50})  # fmt: skip

    def authorization(kind):
        body = {"quantity": 1, "proxyType": kind, "format": "json"}
        batch = call(ready["api"], ready["key"], "POST", "/proxies", body)
        proxy = batch["proxies"][0]
        pair = f"{proxy['username']}:{proxy['password']}"
        token = base64.b64encode(pair.encode()).decode()
        return f"Proxy-Authorization: Basic {token}\r\n"

    pid, port = ready["pid"], ready["gateway"]["port"]
    return {
        OURS: Proxy(pid, port, authorization("sticky")),
        "ours, rotating": Proxy(pid, port, authorization("rotating")),
    }


def call(base, token, method, path, body):
    request = urllib.request.Request(
        base + path, json.dumps(body).encode(), method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())


def proxy_py(stack, folder):
    home = folder / "proxy.py"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", home, "proxy.py"]
    uv = ["uv", "pip", "install", "--quiet", "--target", home, "proxy.py"]
    for command in (uv, pip):
        if command is uv and not shutil.which("uv"):
            continue
        if not subprocess.run(command, check=False, capture_output=True).returncode:
            break
    else:
        print("proxy.py: cannot be installed here; left out")
        return {}
    port = free_port()
    command = [sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port),
               "--num-workers", "1", "--num-acceptors", "1", "--log-level", "e"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(home)}
    started = stack.enter_context(process(command, env=environment, cwd=folder))
    listening(port)
    return {"proxy.py": Proxy(started.pid, port)}


def squid(stack, folder):
    if not (program := shutil.which("squid", path=f"{os.environ['PATH']}:/usr/sbin")):
        print("squid: not on PATH; left out")
        return {}
    home = folder / "squid"
    home.mkdir(mode=0o777)
    folder.chmod(0o755)
    home.chmod(0o777)
    port = free_port()
    (home / "squid.conf").write_text(SQUID.format(port=port, folder=home))
    started = stack.enter_context(process([program, "-N", "-f", home / "squid.conf"]))
    listening(port)
    return {"squid": Proxy(started.pid, port)}


def measured(what, proxy, target):
    """What came through in a second, and what would for a second of the proxy's processor."""
    page, bulk = f"http://{target}/bytes/{PAGE}", f"/bytes/{BULK}"
    authorization = proxy.authorization
    load = {
        "name": what,
        "port": proxy.port,
        "request": f"GET {page} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n",
        "connect": f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n",
        "inside": f"GET {bulk} HTTP/1.1\r\nHost: {target}\r\n\r\n",
    }
    before = processor_seconds(proxy.pid)
    done = subprocess.run(
        [sys.executable, __file__, "--load", json.dumps(load)],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    if done.returncode:
        print(f"  {what}: {done.stderr.strip().splitlines()[-1]}")
        return None
    total, rate = json.loads(done.stdout)
    after = processor_seconds(proxy.pid)
    taken = 0.0 if before is None or after is None else after - before
    return rate, total / taken if taken else float("nan")


def show(what, figures):
    """One line for each proxy: medians, and ours beside them."""
    medians = {
        one: [statistics.median(column) for column in zip(*rows, strict=True)]
        for one, rows in figures.items()
        if rows
    }
    best = medians[OURS]
    for one, (rate, each) in medians.items():
        line = f"{what:<18}{one:<16}{rate:>10,.0f}{each:>10,.0f} per CPU second"
        if not one.startswith("ours"):
            line += f"   ours is {best[0] / rate:.2f} x, {best[1] / each:.2f} x by CPU"
        print(line)


def main():
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        target = stack.enter_context(sandbox(folder))["site"]["http"].removeprefix("http://")
        proxies = ours(stack, folder, target) | proxy_py(stack, folder) | squid(stack, folder)
        for what in LOADS:
            figures = {one: [] for one in proxies}
            for _ in range(ROUNDS):
                for one, proxy in proxies.items():
                    figure = measured(what, proxy, target)
                    figures[one] += [] if figure is None else [figure]
            show(what, figures)


if __name__ == "__main__":
    if "--load" in sys.argv:
        asked = json.loads(sys.argv[-1])
        print(json.dumps(asyncio.run(LOADS[asked["name"]](asked))))
    else:
        main()
