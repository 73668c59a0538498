"""What the client costs: a governed call beside the same call on bare httpx; imports; `rf --help`.

Both kinds take turns, round by round, so that whatever else the machine does hits both alike; the
sandbox is a process of its own. Prints milliseconds, processor time of this process, and ratios.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from rf_core.io.blocking import BlockingClock, BlockingState, finish
from rf_core.io.client import AsyncClient, Client
from rf_core.io.clock import SystemClock
from rf_core.io.configuration import load_settings
from rf_core.io.state import State
from rf_core.io.windows import Windows
from rf_core.settings import Settings

CALLS = 100
ROUNDS = 25
LIMIT = 1_000_000
STARTS = 15
SECONDS = 0.05
"""A short window on both sides: what is held does not grow for as long as this runs."""


class Spent(NamedTuple):
    """Milliseconds of one call: by the clock, and of this process's processor time."""

    wall: float
    cpu: float


@contextlib.contextmanager
def sandbox(folder: Path) -> Iterator[dict[str, Any]]:
    ready = folder / "ready.json"
    rf = Path(sys.executable).with_name("rf")
    command = [str(rf), "sandbox", "--ready-file", str(ready)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            while not ready.exists():
                time.sleep(0.05)
            document = json.loads(ready.read_text())
            httpx.patch(
                f"{document['control']}/limits",
                json={"reads": LIMIT, "window_seconds": SECONDS},
                headers={"Authorization": f"Bearer {document['control_token']}"},
                trust_env=False,
            ).raise_for_status()
            yield document
        finally:
            process.terminate()
            process.wait(20)


def settings_of(ready: dict[str, Any], folder: Path) -> Settings:
    environ = {"RF_STATE_DIR": str(folder), "RF_CONFIG": str(folder / "none.toml")}
    return load_settings(environ=ready["env"] | environ)


async def timed(call: Callable[[], Awaitable[object]]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        await call()
    return _per_call(wall, cpu)


def timed_blocking(call: Callable[[], object]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(CALLS):
        call()
    return _per_call(wall, cpu)


def _per_call(wall: float, cpu: float) -> Spent:
    milliseconds = 1_000 / CALLS
    return Spent(
        (time.perf_counter() - wall) * milliseconds, (time.process_time() - cpu) * milliseconds
    )


async def waiting(ready: dict[str, Any], folder: Path) -> None:
    settings, clock = settings_of(ready, folder / "waiting"), SystemClock()
    state = State(settings.state_dir)
    await state.open()
    windows = Windows(state, "key", holder="bench", clock=clock, window_seconds=SECONDS)
    headers = {"Authorization": f"Bearer {settings.require_key().reveal()}"}
    bare_times, our_times = [], []
    async with (
        httpx.AsyncClient(base_url=settings.base_url, headers=headers, trust_env=False) as bare,
        AsyncClient(settings, windows=windows, clock=clock) as client,
    ):
        for _ in range(ROUNDS):
            bare_times.append(await timed(lambda: bare.get("/me")))
            our_times.append(await timed(client.me))
    await state.close()
    tell("awaited", bare_times, our_times)


def blocking(ready: dict[str, Any], folder: Path) -> None:
    settings, clock = settings_of(ready, folder / "blocking"), BlockingClock()
    state = BlockingState(settings.state_dir)
    finish(state.open())
    windows = Windows(state, "key", holder="bench", clock=clock, window_seconds=SECONDS)
    headers = {"Authorization": f"Bearer {settings.require_key().reveal()}"}
    bare_times, our_times = [], []
    with (
        httpx.Client(base_url=settings.base_url, headers=headers, trust_env=False) as bare,
        Client(settings, windows=windows, clock=clock) as client,
    ):
        for _ in range(ROUNDS):
            bare_times.append(timed_blocking(lambda: bare.get("/me")))
            our_times.append(timed_blocking(client.me))
    finish(state.close())
    tell("blocking", bare_times, our_times)


def tell(what: str, bare: list[Spent], ours: list[Spent]) -> None:
    for kind, field in (("by the clock", 0), ("processor", 1)):
        theirs, mine = [one[field] for one in bare], [one[field] for one in ours]
        ratios = sorted(our / their for their, our in zip(theirs, mine, strict=True))
        print(
            f"a governed call, {what:9} {kind:13} {min(mine):6.3f} ms, bare httpx "
            f"{min(theirs):6.3f} ms: {min(mine) / min(theirs):.2f} x best to best, "
            f"{statistics.median(ratios):.2f} x median   at most 1.40"
        )


def start_of(*arguments: str) -> Spent:
    """Milliseconds of a process from its begin to its end."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RF_")}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    assert process.returncode == 0
    return Spent(wall * 1_000, (used.ru_utime + used.ru_stime) * 1_000)


def starting() -> None:
    rf = str(Path(sys.executable).with_name("rf"))
    kinds = {"bare": ("-c", "pass"), "core": ("-c", "import rf_core"), "help": (rf, "--help")}
    spent: dict[str, list[Spent]] = {name: [] for name in kinds}
    for _ in range(STARTS):
        for name, arguments in kinds.items():
            spent[name].append(start_of(*arguments))
    for kind, field in (("by the clock", 0), ("processor", 1)):
        bare, core, helped = (min(one[field] for one in spent[name]) for name in kinds)
        print(f"a bare interpreter          {kind:13} {bare:6.1f} ms   (best of {STARTS})")
        print(f"import rf_core, over that   {kind:13} {core - bare:6.1f} ms   at most 60")
        print(f"rf --help, all of it        {kind:13} {helped:6.1f} ms   at most 150")


def main() -> None:
    starting()
    with tempfile.TemporaryDirectory() as name, sandbox(Path(name)) as ready:
        asyncio.run(waiting(ready, Path(name)))
        blocking(ready, Path(name))


if __name__ == "__main__":
    main()
