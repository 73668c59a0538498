"""What a slot costs: acquire and settle, alone and in sixteen processes, beside plain SQLite.

Prints microseconds and cycles a second. The window is kept nearly full: that costs most.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rf_core.call import READS
from rf_core.io.clock import Clock, SystemClock
from rf_core.io.state import State
from rf_core.io.stores import MemoryStore
from rf_core.io.windows import Windows
from rf_core.protocol import RateHeaders

CYCLES = 4_000
ROUNDS = 5
PROCESSES = 16
SECONDS = 2.0
LIMIT = 120
HEADERS = RateHeaders(limit=LIMIT, remaining=LIMIT - 1)


class LapClock(SystemClock):
    """A clock that a call turns so far that just one slot comes free."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def boottime(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


class FastClock(SystemClock):
    """A minute in a few milliseconds, the same ones in every process."""

    FACTOR = 20_000

    def boottime(self) -> float:
        return time.monotonic() * self.FACTOR

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.FACTOR)


def windows(kept: State | MemoryStore, clock: Clock, key: str = "key") -> Windows:
    return Windows(kept, key, holder="bench", clock=clock)


async def cycle(ours: Windows) -> None:
    ticket = await ours.acquire(READS, priority="normal", within_seconds=1e6, timeout_seconds=30)
    await ours.settle(ticket, HEADERS)


async def cycles_of(ours: Windows, clock: LapClock) -> float:
    """Microseconds of one cycle with all slots but one held."""
    for _ in range(LIMIT):
        clock.now += 61 / (LIMIT - 1)
        await cycle(ours)
    began = time.perf_counter()
    for _ in range(CYCLES):
        clock.now += 61 / (LIMIT - 1)
        await cycle(ours)
    return (time.perf_counter() - began) / CYCLES * 1e6


def floor_of(path: Path) -> float:
    """Microseconds of an insert and a delete, each a transaction: the least that can be."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS slots (id INTEGER PRIMARY KEY, ends REAL)")
    began = time.perf_counter()
    for number in range(CYCLES):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO slots VALUES (?, ?)", (number, 1.0))
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM slots WHERE id = ?", (number,))
        connection.execute("COMMIT")
    spent = time.perf_counter() - began
    connection.close()
    return spent / CYCLES * 1e6


async def hop_of(state: State) -> float:
    """Microseconds of going to the database's thread and back for nothing."""
    began = time.perf_counter()
    for _ in range(CYCLES):
        await state.read(lambda _connection: None)
    return (time.perf_counter() - began) / CYCLES * 1e6


async def alone(folder: Path) -> None:
    state = State(folder / "alone")
    await state.open()
    floors, cycles, memory = [], [], []
    for number in range(ROUNDS):
        floors.append(floor_of(folder / "floor.db"))
        clock = LapClock()
        cycles.append(await cycles_of(windows(state, clock, f"key {number}"), clock))
        clock = LapClock()
        memory.append(await cycles_of(windows(MemoryStore(clock), clock), clock))
    hop = await hop_of(state)
    await state.close()
    floor, ours = statistics.median(floors), statistics.median(cycles)
    print(f"plain SQLite, insert + delete   {floor:7.1f} us   (best {min(floors):.1f})")
    print(f"acquire + settle, state.db      {ours:7.1f} us   (best {min(cycles):.1f})  at most 60")
    print(f"  beside plain SQLite           {ours / floor:7.2f} x")
    print(f"acquire + settle, memory        {statistics.median(memory):7.1f} us")
    print(f"a hop to the database's thread  {hop:7.1f} us   (a cycle would take two)")


async def ours_in(folder: Path, together: Barrier) -> int:
    state = State(folder)
    await state.open()
    ours = windows(state, FastClock())
    await cycle(ours)
    together.wait()
    until = time.monotonic() + SECONDS
    made = 0
    while time.monotonic() < until:
        await cycle(ours)
        made += 1
    together.wait()
    await state.close()
    return made


def ours(folder: Path, together: Barrier, made: Queue[int]) -> None:
    made.put(asyncio.run(ours_in(folder, together)))


def plain(folder: Path, together: Barrier, made: Queue[int]) -> None:
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None, timeout=10)
    connection.execute("PRAGMA synchronous = NORMAL")
    together.wait()
    until = time.monotonic() + SECONDS
    cycles = 0
    while time.monotonic() < until:
        connection.execute("BEGIN IMMEDIATE")
        number = connection.execute("INSERT INTO slots (ends) VALUES (1.0)").lastrowid
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM slots WHERE id = ?", (number,))
        connection.execute("COMMIT")
        cycles += 1
    together.wait()
    connection.close()
    made.put(cycles)


def cycles_a_second(work: Callable[[Path, Barrier, Queue[int]], None], folder: Path) -> float:
    """What sixteen processes do together, all begun before the first is measured."""
    context = multiprocessing.get_context("spawn")
    together, made = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=work, args=(folder, together, made)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    total: int = sum(made.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    return total / SECONDS


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(alone(folder))
        floor = cycles_a_second(plain, folder)
        reached = cycles_a_second(ours, folder / "together")
    print(f"{PROCESSES} processes, plain SQLite      {floor:7.0f} cycles/s")
    print(f"{PROCESSES} processes, state.db          {reached:7.0f} cycles/s   at least 5000")


if __name__ == "__main__":
    main()
