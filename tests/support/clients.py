"""Both clients behind one face, so that each test of one is a test of the other."""

from __future__ import annotations

import asyncio

from support.clocks import BlockingManualClock, ManualClock

from rf_core.io.blocking import BlockingState
from rf_core.io.client import AsyncClient, Client
from rf_core.io.state import State
from rf_core.io.windows import Windows

KINDS = ["async", "sync"]


class Threaded:
    """A `Client` at work in threads, for tests that serve it from their event loop."""

    def __init__(self, *args, **options):
        self.client = Client(*args, **options)

    def __repr__(self):
        return repr(self.client)

    def __getattr__(self, name):
        found = getattr(self.client, name)
        if not callable(found):
            return found

        async def in_thread(*args, **options):
            return await asyncio.to_thread(found, *args, **options)

        return in_thread

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.aclose()

    async def aclose(self):
        await asyncio.to_thread(self.client.close)


def clock_for(kind):
    """A clock to turn by hand."""
    return ManualClock() if kind == "async" else BlockingManualClock()


def open_client(kind, settings, **options):
    """A client of that kind, an async context manager."""
    return (AsyncClient if kind == "async" else Threaded)(settings, **options)


async def open_governed(kind, settings, folder, clock, **options):
    """The same with windows in a `state.db` of its own: the client and that file."""
    state = (State if kind == "async" else BlockingState)(folder)
    await state.open()
    windows = Windows(state, "key", holder="test", clock=clock)
    return open_client(kind, settings, windows=windows, clock=clock, **options), state
