"""A source that is slower than the timer, and answers that overtake each other."""

import asyncio
from dataclasses import replace

from support.snapshots import NOW, Still, busy

from rf_tui.poller import Poller


async def test_it_waits_for_one_look_at_a_time():
    source = Still(busy())
    source.gate = asyncio.Event()
    poller = Poller(source)
    first = asyncio.create_task(poller.look())
    await asyncio.sleep(0)
    assert await poller.look() is None
    source.gate.set()
    assert (await first).taken_at == NOW
    assert await poller.look() is not None
    assert source.looks == 2


async def test_looks_go_on_while_a_refresh_is_on_its_way():
    class Slow(Still):
        async def refresh(self):
            self.refreshes += 1
            await asyncio.sleep(0)
            await self.answered.wait()
            return replace(self.moment, taken_at=NOW + 5)

    source = Slow(busy())
    source.answered = asyncio.Event()
    poller = Poller(source)
    refresh = asyncio.create_task(poller.refresh())
    await asyncio.sleep(0)
    assert poller.refreshing
    assert await poller.refresh() is None
    assert await poller.look() is not None
    source.answered.set()
    assert (await refresh).taken_at == NOW + 5
    assert not poller.refreshing
    assert source.refreshes == 1


async def test_an_older_answer_never_replaces_a_newer_one():
    source = Still(replace(busy(), taken_at=NOW + 5))
    poller = Poller(source)
    assert await poller.refresh() is not None
    source.moment = busy()
    assert await poller.look() is None


async def test_a_source_that_fails_can_be_asked_again():
    class Failing(Still):
        async def snapshot(self):
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("once")
            return self.moment

    poller = Poller(Failing(busy()))
    try:
        await poller.look()
    except RuntimeError:
        assert await poller.look() is not None
    else:
        raise AssertionError
