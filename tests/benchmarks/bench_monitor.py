"""The monitor beside Textual's hello app: first text, idle CPU, memory, refreshes, keys.

The account has 50 pools with all the readings that are kept, 50 crawls and 100 domains: a real
`state.db`, a real sandbox and a real terminal of 120 by 40.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import snapshots
from support.crawls import environment
from support.snapshots import NOW, Still
from support.terminals import Terminal

from rf_core.io import records
from rf_core.io.state import State
from rf_core.models import DomainUsage, Usage
from rf_core.parts import USAGE
from rf_core.redaction import Secret, fingerprint
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_sandbox.accounts import Pool
from rf_sandbox.sandbox import Sandbox
from rf_tui.app import MonitorApp

POOLS, CRAWLS, DOMAINS = 50, 50, 100
SIZE = {"width": 120, "height": 40}
ROUNDS = 3
IDLE_SECONDS = 30.0
SETTLED_SECONDS = 95.0
"""By then pools have stood still for longer than a drain is looked back on."""

GB = 1 << 30

RUN = "import sys; from rf_tui.cli.main import run; sys.exit(run())"
HELLO = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("Hello, POOL")
Hello().run()
"""


async def fill(folder, key):
    """Write down what a month of watching leaves."""
    state = State(folder)
    await state.open()
    now = time.time()
    name = fingerprint(Secret(key))
    for number in range(records.KEPT_READINGS):
        at = now - 10 * (records.KEPT_READINGS - number)
        balances = {f"pool_{n:02}": 2 * GB - number * 100_000 * (n % 5) for n in range(POOLS)}
        await state.run(records.put_balances, name, at, balances)
    for number in range(CRAWLS):
        await state.run(records.put_crawl, name, crawl(number, now))
    domains = [DomainUsage(f"{n:03}.example", 10**9 - n, 1_000) for n in range(DOMAINS)]
    usage = msgspec.to_builtins(Usage(tuple(domains)))
    await state.run(records.put_part, name, USAGE, now, usage)
    await state.close()


def crawl(number, now):
    spends = tuple(
        DomainSpend(f"pool_{number:02}", f"{n:03}.example", 1_000, 90_000, 3) for n in range(10)
    )
    return CrawlReport(
        id=str(number), spider=f"spider_{number:02}", project="shop", pid=os.getpid(), host="box",
        pool=f"pool_{number:02}", started_at=now - 600, updated_at=now, up_bytes=10_000,
        down_bytes=900_000, requests=30, bytes_per_second=1e5, domains=spends,
        failures={"target_429": 3},
    )  # fmt: skip


def first_text(arguments, env, folder):
    """Seconds until there is something to read."""
    began = time.perf_counter()
    with Terminal([sys.executable, "-c", *arguments], env=env, cwd=folder, **SIZE) as terminal:
        while b"POOL" not in terminal.sent:
            assert time.perf_counter() - began < 60, terminal.text
            terminal.read(0.01)
        took = time.perf_counter() - began
        terminal.press("\x11")
        terminal.end()
    return took


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in x)
    return int(line.split()[1]) / 1_024


def watch(terminal, seconds):
    """Share of a core it takes over that time."""
    pid, until = terminal._process.pid, time.perf_counter() + seconds
    before, began = cpu_seconds(pid), time.perf_counter()
    while time.perf_counter() < until:
        terminal.read(0.2)
    return (cpu_seconds(pid) - before) / (time.perf_counter() - began)


def keys(terminal, number=40):
    """Seconds from a key to the row that it chooses, while looks go on."""
    took = []
    for press in range(number):
        terminal.read(0.11)
        sent = len(terminal.sent)
        began = time.perf_counter()
        terminal.press("j" if press % 20 < 15 else "k")
        while "▸".encode() not in terminal.sent[sent:]:
            assert time.perf_counter() - began < 10
            terminal.read(0.005)
        took.append(time.perf_counter() - began)
    return took


async def refreshes(rounds=60):
    """Milliseconds of CPU for a refresh of everything, and for one that changes nothing."""
    shown = snapshots.crowded()
    crawls = tuple(replace(shown.crawls[0], id=str(n), spider=f"s{n}") for n in range(CRAWLS))
    moments = []
    for second in range(rounds):
        moved = tuple(
            replace(pool, spent_since_bytes=pool.spent_since_bytes + second * 1_000_003)
            for pool in shown.pools
        )
        spent = tuple(replace(one, requests=one.requests + second * 7) for one in crawls)
        known = tuple(replace(d, bytes=d.bytes + second * 99_991) for d in shown.domains)
        moments.append(
            replace(shown, pools=moved, crawls=spent, domains=known, taken_at=NOW + second)
        )
    clock = [NOW]
    app = MonitorApp(Still(shown), interval=None, clock=lambda: clock[0])
    async with app.run_test(size=tuple(SIZE.values())) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()

        async def cost(prepare):
            began = time.process_time()
            for number in range(rounds):
                prepare(number)
                await asyncio.sleep(0.02)  # Textual paints at its next frame
            return (time.process_time() - began) / rounds * 1_000

        def change(number):
            app._desk.snapshot = moments[number]
            clock[0] = NOW + number
            app._paint()

        nothing = await cost(lambda _number: None)
        full = await cost(change)
        same = await cost(lambda _number: app._paint())
    return full - nothing, same - nothing


def main():
    with tempfile.TemporaryDirectory() as name, Sandbox(seed=3, pools=pools()) as sandbox:
        folder = Path(name)
        env = environment(folder, sandbox) | {"TERM": "xterm-256color"}
        asyncio.run(fill(Path(env["RF_STATE_DIR"]), sandbox.ready["key"]))
        hello, ours = [], []
        for _ in range(ROUNDS):
            hello.append(first_text([HELLO], env, folder))
            ours.append(first_text([RUN], env, folder))
        print(f"first text: hello app {min(hello) * 1e3:.0f} ms, monitor {min(ours) * 1e3:.0f} ms"
              f" = {min(ours) / min(hello):.2f} x (best of {ROUNDS}; at most 1.25 x)")  # fmt: skip
        figures = {}
        for what, code in (("hello app", HELLO), ("monitor", RUN)):
            with Terminal([sys.executable, "-c", code], env=env, cwd=folder, **SIZE) as terminal:
                terminal.wait_for("POOL", 60)
                watch(terminal, SETTLED_SECONDS if what == "monitor" else 5.0)
                share = watch(terminal, IDLE_SECONDS)
                figures[what] = share, memory_mb(terminal._process.pid)
                if what == "monitor":
                    took = keys(terminal)
                terminal.press("\x11")
                terminal.end()
        for what, (share, memory) in figures.items():
            print(f"idle at 1 Hz: {what} {share:.1%} of a core, {memory:.0f} MB")
        print(f"      (monitor: at most 3 % and 60 MB with {POOLS} pools, {CRAWLS} crawls)")
        print(f"key to paint: median {statistics.median(took) * 1e3:.0f} ms, "
              f"longest of {len(took)} {max(took) * 1e3:.0f} ms (at most 50 ms)")  # fmt: skip
    full, same = min(asyncio.run(refreshes()) for _ in range(3))
    print(f"refresh: {full:.1f} ms of CPU with everything changed, {same:.1f} ms with nothing "
          "changed (at most 12 and 2)")  # fmt: skip


def pools():
    """As many as a large account has."""
    return [Pool(f"pool_{n:02}", f"Pool {n}", ["rotating", "sticky"], 2 * GB) for n in range(POOLS)]


if __name__ == "__main__":
    main()
