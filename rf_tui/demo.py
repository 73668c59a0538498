"""The guided tour: a sandbox, a real crawl through its gateway, and a look at both meters.

It keeps its state in a folder of its own, ignores the user's key and settings, and ends by
comparing what the crawl counted with what the gateway billed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.snapshot import CrawlReport, PoolState, Snapshot
from rf_core.units import format_bytes, format_rate
from rf_sandbox.accounts import Pool, default_pools
from rf_sandbox.sandbox import Sandbox

POOL: Final = "premium"
_MEGABYTE: Final = 1 << 20
_FIRST_BALANCE: Final = 48 * _MEGABYTE
_OTHER_BALANCE: Final = 24 * _MEGABYTE
_TOP_UP: Final = 32 * _MEGABYTE
_LOW: Final = 12 * _MEGABYTE
_STOP_SECONDS: Final = 20.0
_READS_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both meters said in the end. All in bytes."""

    report: CrawlReport | None
    gateway_bytes: int
    balance_before: int
    topped_up: int
    balance_after: int
    crawl_exit: int | None
    log_tail: str

    @property
    def agrees(self) -> bool:
        """Whether the crawl ran and all three counts are the same to the byte."""
        return (
            self.report is not None
            and self.crawl_exit == 0
            and self.report.requests > 0
            and self.report.wire_bytes == self.gateway_bytes
            and self.balance_before + self.topped_up - self.balance_after == self.gateway_bytes
        )


class Tour:
    """A running demo: `async with tour() as running`, look at `running.source`, then `finish()`."""

    def __init__(
        self, sandbox: Sandbox, session: Session, folder: Path, env: dict[str, str]
    ) -> None:
        self.source = LiveSource(session, reads_share=_READS_SHARE)
        self._sandbox = sandbox
        self.session = session
        self._log = folder / "crawl.log"
        self._folder = folder
        self._env = env
        self._crawl: subprocess.Popen[bytes] | None = None
        self._before = self._balance()
        self._topped_up = 0

    def start_crawl(self) -> None:
        """Start the spider in a process of its own, as a user would."""
        plain = self._sandbox.site_http.replace("127.0.0.1", "shop.localhost")
        press = self._sandbox.site_http.replace("127.0.0.1", "press.localhost")
        secure = self._sandbox.site_https.replace("localhost", "magazine.localhost")
        arguments = [
            sys.executable, "-m", "scrapy", "crawl", "catalogue",
            "-a", f"shop={plain}", "-a", f"magazine={secure}", "-a", f"press={press}",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._crawl = subprocess.Popen(  # noqa: S603 - our own spider, no shell
                arguments,
                cwd=self._folder,
                env=self._env | {"SCRAPY_SETTINGS_MODULE": "rf_scrapy.demo.settings"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def crawl_has_ended(self) -> bool:
        """Whether the crawl is over, by itself or not."""
        return self._crawl is None or self._crawl.poll() is not None

    def top_up(self) -> None:
        """Buy more gigabytes, as in the dashboard."""
        self._sandbox.top_up(POOL, _TOP_UP)
        self._topped_up += _TOP_UP

    async def keep_topped_up(self) -> None:
        """Top up whenever the pool runs low, so that a long look does not end the crawl."""
        while True:
            await asyncio.sleep(1.0)
            if self._balance() < _LOW:
                self.top_up()

    async def top_up_after(self, seconds: float) -> None:
        """Top up once, so that the rise is seen as well as the fall."""
        await asyncio.sleep(seconds)
        self.top_up()

    async def finish(self) -> Outcome:
        """Stop the crawl the gentle way and compare the counts."""
        code = await asyncio.get_running_loop().run_in_executor(None, self._stop_crawl)
        crawls = await self.session.crawls()
        rows = self._sandbox.traffic()["traffic"]
        return Outcome(
            report=crawls[0] if crawls else None,
            gateway_bytes=sum(r["bytes_up"] + r["bytes_down"] for r in rows if r["billed"]),
            balance_before=self._before,
            topped_up=self._topped_up,
            balance_after=self._balance(),
            crawl_exit=code,
            log_tail=self._tail(),
        )

    def kill_crawl(self) -> None:
        """End the crawl at once, if it is still there."""
        if self._crawl is not None and self._crawl.poll() is None:
            self._crawl.kill()
            self._crawl.wait(_STOP_SECONDS)

    def _stop_crawl(self) -> int | None:
        crawl = self._crawl
        if crawl is None:
            return None
        if crawl.poll() is None:
            crawl.send_signal(signal.SIGINT)
        try:
            return crawl.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            crawl.kill()
            return crawl.wait(_STOP_SECONDS)

    def _balance(self) -> int:
        return int(self._sandbox.state()["balances_bytes"][POOL])

    def _tail(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-12:])


@asynccontextmanager
async def tour() -> AsyncIterator[Tour]:
    """Set the stage: a sandbox with small balances, a session on it, a private folder."""
    with tempfile.TemporaryDirectory(prefix="rf-demo-") as name:
        folder = Path(name)
        with Sandbox(pools=_small_pools()) as sandbox:
            env = _environment(folder, sandbox)
            settings = load_settings(environ=env)
            async with Session(settings, holder="monitor") as session:
                running = Tour(sandbox, session, folder, env)
                running.start_crawl()
                try:
                    yield running
                finally:
                    running.kill_crawl()


async def plain_tour(seconds: float, echo: Callable[[str], None]) -> Outcome:
    """Tell the story in lines for a bounded time."""
    async with tour() as running:
        echo(
            f"A sandbox with {format_bytes(_FIRST_BALANCE)} in pool {POOL}, and a real crawl on it."
        )
        began = time.monotonic()
        topped_up = False
        while (passed := time.monotonic() - began) < seconds:
            snapshot = await running.source.snapshot()
            echo(story_line(passed, snapshot))
            for finding in snapshot.findings:
                echo(f"        {finding.severity}: {finding.text} {finding.way_out}".rstrip())
            if running.crawl_has_ended and passed > 1:
                break
            if not topped_up and passed > seconds * 0.4:
                topped_up = True
                running.top_up()
                echo(f"        topped up pool {POOL} by {format_bytes(_TOP_UP)}")
            await asyncio.sleep(min(1.0, max(0.0, seconds - passed)))
        return await running.finish()


def story_line(passed: float, snapshot: Snapshot) -> str:
    """One line of the story: balance, drain, crawl, headroom."""
    pool = next((pool for pool in snapshot.pools if pool.id == POOL), None)
    windows = ", ".join(f"{w.group} {w.free}/{w.limit} free" for w in snapshot.windows)
    crawl = next(iter(snapshot.crawls), None)
    doing = (
        f"{crawl.spider}: {crawl.requests:,} requests, {format_bytes(crawl.wire_bytes)} on the wire"
        if crawl
        else "the crawl is starting"
    )
    return f"{passed:4.0f} s  {_pool_words(pool)} · {doing} · {windows}"


def summary_lines(outcome: Outcome) -> list[str]:
    """What the tour has shown, with the counts side by side."""
    report = outcome.report
    if report is None:
        return ["The crawl left no report. The end of its log:", outcome.log_tail]
    spent = outcome.balance_before + outcome.topped_up - outcome.balance_after
    top = sorted(report.domains, key=lambda d: -(d.up_bytes + d.down_bytes))
    lines = [
        "",
        f"requests sent through proxies   {report.requests:>14,}",
        f"exits asked for                 {report.exits:>14,}",
        f"wire bytes, by our relay        {report.wire_bytes:>14,}",
        f"wire bytes, by the gateway      {outcome.gateway_bytes:>14,}",
        f"drained from the balance        {spent:>14,}",
        *(f"  {d.domain:<30}{d.up_bytes + d.down_bytes:>14,}" for d in top),
    ]
    if outcome.agrees:
        lines.append("Both meters and the balance agree to the byte.")
    elif outcome.crawl_exit:
        lines += [f"The crawl failed (exit code {outcome.crawl_exit}):", outcome.log_tail]
    else:
        difference = report.wire_bytes - outcome.gateway_bytes
        lines.append(f"The meters do not agree: {difference:+,} bytes.")
    return lines


def _pool_words(pool: PoolState | None) -> str:
    if pool is None or pool.left_bytes is None:
        return f"{POOL}: no balance yet"
    drain = pool.drain
    word = (
        f"draining {format_rate(drain.bytes_per_second)}"
        if drain.state == "draining"
        else drain.state
    )
    return f"{pool.id} {format_bytes(pool.left_bytes)} left, {word}"


def _small_pools() -> list[Pool]:
    pools = list(default_pools().values())
    for pool in pools:
        pool.balance_bytes = _FIRST_BALANCE if pool.id == POOL else _OTHER_BALANCE
    return pools


def _environment(folder: Path, sandbox: Sandbox) -> dict[str, str]:
    """The user's environment without anything of ours or a proxy, and the sandbox's instead."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RF_") and not name.lower().endswith("_proxy")
    }
    exported: dict[str, str] = sandbox.ready["env"]
    return {
        **env,
        **exported,
        "RF_STATE_DIR": str(folder / "state"),
        "RF_CACHE_DIR": str(folder / "cache"),
        "RF_CONFIG": str(folder / "none.toml"),
        "PYTHONUNBUFFERED": "1",
    }
