"""Calls the API as often as the window lets it, in a process of its own.

Usage: hammer.py SECONDS WINDOW_SECONDS [LEASE_SECONDS [WITH_READS]]; the account comes from the
environment. Prints a line when it begins, and how many calls it made at the end. With a lease, each
call may take that long and no longer: no slot of it is lost for more than that when it is killed.
"""

from __future__ import annotations

import asyncio
import sys
import time

from rf_core.call import GENERATE
from rf_core.errors import DeadlineError
from rf_core.io.client import AsyncClient
from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.models import Order
from rf_core.protocol import RateHeaders

ORDER = Order(quantity=1)


async def with_lease(session: Session, bare: AsyncClient, lease: float, left: float) -> None:
    ticket = await session.windows.acquire(
        GENERATE, priority="normal", within_seconds=left, timeout_seconds=lease
    )
    async with asyncio.timeout(lease):
        await bare.generate(ORDER)
    await session.windows.settle(ticket, RateHeaders())


async def read(session: Session) -> None:
    while True:
        await session.client.me()


async def main(
    seconds: float, window_seconds: float, lease: float = 0.0, with_reads: float = 0.0
) -> None:
    settings = load_settings()
    made = 0
    async with (
        Session(settings, holder="hammer", window_seconds=window_seconds) as session,
        AsyncClient(settings, windows=None) as bare,
    ):
        await session.client.me()
        print("begun", flush=True)
        end = time.monotonic() + seconds
        reader = asyncio.ensure_future(read(session)) if with_reads else None
        while (left := end - time.monotonic()) > 0:
            try:
                if lease:
                    await with_lease(session, bare, lease, left)
                else:
                    await session.client.generate(ORDER, deadline_seconds=left)
            except DeadlineError:
                break
            made += 1
        if reader:
            reader.cancel()
            await asyncio.wait({reader})
    print(made, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*map(float, sys.argv[1:])))
