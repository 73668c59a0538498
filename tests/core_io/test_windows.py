"""The windows of a key in `state.db`, shared by whoever opens it."""

import asyncio

import pytest

from rf_core.errors import DeadlineError
from rf_core.io.state import State
from rf_core.io.windows import Windows
from rf_core.protocol import RateHeaders

NOTHING = RateHeaders()


def windows(state, clock, *, key="k", holder="crawl books"):
    return Windows(state, key, holder=holder, clock=clock)


async def take(windows, group="generate", *, within=0.0, priority="normal"):
    return await windows.acquire(
        group, priority=priority, within_seconds=within, timeout_seconds=30
    )


async def generate(windows):
    return (await windows.headroom())[0]


async def test_a_slot_is_taken_held_and_comes_back(state, clock):
    ours = windows(state, clock)
    ticket = await take(ours)
    await ours.settle(ticket, RateHeaders(limit=20, remaining=19))
    clock.advance(10)
    found = await generate(ours)
    assert (found.group, found.limit, found.used, found.free) == ("generate", 20, 1, 19)
    assert found.frees_in_seconds == (51.0,)
    assert found.holders == (("crawl books", 1),)
    clock.advance(51)
    assert (await generate(ours)).used == 0


async def test_all_that_open_the_file_share_one_window(state, clock, tmp_path):
    second = State(tmp_path / "state")
    await second.open()
    for number in range(20):
        opened = (state, second)[number % 2]
        await take(windows(opened, clock, holder=f"crawl {number % 2}"))
    with pytest.raises(DeadlineError):
        await take(windows(second, clock))
    assert dict((await generate(windows(state, clock))).holders) == {"crawl 0": 10, "crawl 1": 10}
    await second.close()


async def test_two_keys_have_windows_of_their_own(state, clock):
    """C-120"""
    first, second = windows(state, clock, key="a"), windows(state, clock, key="b")
    await take(first)
    assert (await generate(second)).used == 0


async def test_a_call_that_was_never_answered_frees_its_slot_with_its_lease(state, clock):
    """A process that was killed keeps its slots, and no longer than that."""
    await take(windows(state, clock, holder="killed"))
    survivor = windows(state, clock)
    clock.advance(30 + 60 + 1 - 0.01)
    assert (await generate(survivor)).used == 1
    clock.advance(0.02)
    assert (await generate(survivor)).used == 0


async def test_a_call_that_never_left_gives_its_slot_back(state, clock):
    ours = windows(state, clock)
    await ours.unsend(await take(ours))
    assert (await generate(ours)).used == 0


async def test_who_can_wait_waits_and_who_cannot_is_told_how_long_it_is(state, clock):
    ours = windows(state, clock)
    for _ in range(20):
        await ours.settle(await take(ours), NOTHING)
    with pytest.raises(DeadlineError, match="61 s away"):
        await take(ours, within=30)
    began = clock.monotonic()
    await take(ours, within=70)
    assert clock.monotonic() - began == pytest.approx(61, abs=0.1)


async def test_headroom_says_when_the_next_slot_is_free(state, clock):
    ours = windows(state, clock)
    for _ in range(20):
        await ours.settle(await take(ours), NOTHING)
        clock.advance(1)
    found = await generate(ours)
    assert found.free == 0
    assert found.next_slot_seconds == 61 - 20


async def test_after_a_reboot_what_was_held_is_held_for_one_more_window(state, clock):
    """The boot clock began anew; times of the other boot mean nothing."""
    ours = windows(state, clock)
    for _ in range(20):
        await take(ours)
    clock.reboot()
    reborn = windows(state, clock)
    with pytest.raises(DeadlineError):
        await take(reborn)
    clock.advance(61)
    await take(reborn)


async def test_a_clock_on_the_wall_that_steps_changes_nothing(state, clock):
    ours = windows(state, clock)
    await ours.settle(await take(ours), NOTHING)
    clock.step_wall(3_600)
    assert (await generate(ours)).frees_in_seconds == (61.0,)


async def test_the_last_slots_are_not_for_bulk_calls(state, clock):
    ours = windows(state, clock)
    for _ in range(16):
        await take(ours, priority="bulk")
    with pytest.raises(DeadlineError):
        await take(ours, priority="bulk")
    await take(ours, priority="interactive")


async def test_what_the_server_says_is_kept_for_everybody(state, clock):
    """C-130 C-132"""
    ours = windows(state, clock)
    await ours.settle(await take(ours), RateHeaders(limit=5, remaining=1))
    found = await generate(windows(state, clock, holder="another"))
    assert (found.limit, found.used, found.foreign, found.free) == (5, 1, 3, 1)


async def test_many_at_once_get_what_is_there_and_no_more(state, clock):
    ours = windows(state, clock)
    outcomes = await asyncio.gather(*(take(ours) for _ in range(50)), return_exceptions=True)
    assert sum(not isinstance(outcome, DeadlineError) for outcome in outcomes) == 20
