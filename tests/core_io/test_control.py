"""A word to a crawl goes through state.db, is taken once, and is taken back when nobody looks."""

import asyncio

import pytest
from support.clocks import ManualClock

from rf_core.control import Answer
from rf_core.io import control
from rf_core.io.session import Session


@pytest.fixture
def clock():
    return ManualClock(1_800_000_000.0)


@pytest.fixture
async def session(settings_for, clock):
    settings = settings_for("https://api.example/api/v1")
    async with Session(settings, holder="monitor", clock=clock) as opened:
        yield opened


async def wishes(session, crawl="a"):
    return await session.state.run(control.take_wishes, crawl, session.clock.wall())


async def test_a_word_is_taken_once_and_answered(session):
    asked = asyncio.create_task(control.ask(session, "a", "budget", 5))
    taken = ()
    while not taken:
        await asyncio.sleep(0)
        taken = await wishes(session)
    (wish,) = taken
    assert (wish.verb, wish.limit_bytes) == ("budget", 5)
    assert await wishes(session) == ()
    await session.state.run(control.put_answer, wish.id, Answer(True, "Yes."))
    assert await asked == Answer(True, "Yes.")


async def test_a_word_that_nobody_takes_is_taken_back(session):
    said = await control.ask(session, "a", "stop", patience_seconds=2.0)
    assert not said.is_done
    assert "did not look within 2 s" in said.text
    assert await wishes(session) == ()


async def test_one_that_takes_a_word_and_dies_is_not_waited_for_for_ever(session):
    asked = asyncio.create_task(control.ask(session, "a", "stop", patience_seconds=2.0))
    taken = ()
    while not taken:
        await asyncio.sleep(0)
        taken = await wishes(session)
    said = await asked
    assert not said.is_done
    assert "said nothing" in said.text


async def test_a_word_of_somebody_who_has_gone_is_not_obeyed(session, clock):
    for age in (31, 29):
        at = clock.wall() - age
        await session.state.run(
            control.put_wish, session.key, "a", verb="pause", limit_bytes=None, now=at
        )
    assert len(await wishes(session)) == 1


async def test_a_crawl_gets_its_own_words_in_their_order(session, clock):
    for crawl, verb in (("a", "pause"), ("b", "stop"), ("a", "resume")):
        await session.state.run(
            control.put_wish, session.key, crawl, verb=verb, limit_bytes=None, now=clock.wall()
        )
    assert await session.state.read(control.has_wishes, "a")
    assert [wish.verb for wish in await wishes(session)] == ["pause", "resume"]
    assert not await session.state.read(control.has_wishes, "a")
    assert await session.state.read(control.has_wishes, "b")
