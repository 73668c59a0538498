"""What the guard takes of the processor for each request, its draws from `state.db` included."""

import asyncio
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from rf_core.budget import Leave
from rf_core.caps import Cap
from rf_core.io.guard import Guard
from rf_core.io.purses import Name
from rf_core.io.state import State
from rf_core.meter import Meter, Tally

REQUESTS = 4_000
ROUNDS = 9
PAGE = 20_000
DOMAINS = [f"{number}.example" for number in range(100)]


async def made(folder, cap):
    state = State(folder)
    await state.open()
    session = SimpleNamespace(
        key="key",
        state=state,
        clock=SimpleNamespace(wall=time.time, boot_id=lambda: "boot"),
        settings=SimpleNamespace(prices=()),
    )
    meter = Meter()
    guard = Guard(meter, cap=cap, floor_bytes=None, reached=print)
    guard.price(session)
    await guard.open(session, "premium", "bench", Name("bench"))
    return state, meter, guard


async def fly(guard, meter):
    """As the middleware does: ask, draw when there is need, reserve, settle, learn."""
    for number in range(REQUESTS):
        kind = DOMAINS[number % len(DOMAINS)]
        leave = guard.ask(kind)
        if leave is not Leave.GO:
            leave = await guard.more(kind)
        assert leave is Leave.GO
        reserved = guard.reserve(kind)
        tally = Tally(meter, "premium", kind)
        tally.bill()
        tally.down(PAGE)
        guard.settle(reserved)
        guard.learn(kind, PAGE)


async def best(cap):
    """Microseconds of CPU a request, all threads of this process together."""
    with tempfile.TemporaryDirectory() as folder:
        state, meter, guard = await made(Path(folder) / "state", cap)
        found = []
        for _ in range(ROUNDS):
            began = time.process_time()
            await fly(guard, meter)
            found.append((time.process_time() - began) / REQUESTS * 1e6)
        await guard.close()
        await state.close()
        return min(found)


async def main():
    free = await best(None)
    for size in (2 << 30, 64 << 30):
        capped = await best(Cap(size))
        print(
            f"budget of {size >> 30:2d} GB: {capped:5.1f} µs a request, {free:4.1f} µs of it for "
            f"counting without one: the guard takes {capped - free:4.1f} µs"
        )


if __name__ == "__main__":
    asyncio.run(main())
