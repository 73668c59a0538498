"""What is read at each look is what is stored, however much of it was known already."""

import sqlite3
from dataclasses import replace

import pytest
from support import snapshots

from rf_core.io import records
from rf_core.io.gathering import Gathering
from rf_core.io.state import State

NOW = snapshots.NOW


@pytest.fixture
async def state(tmp_path):
    state = State(tmp_path)
    await state.open()
    yield state
    await state.close()


class Both:
    """Gathers as a monitor does and as a command does, and expects the same."""

    def __init__(self, state):
        self.state = state
        self.gathering = Gathering("key")

    async def look(self, now=NOW):
        known = await self.state.read(self.gathering.gather, 0.0, now)
        anew = await self.state.read(records.gather, "key", 0.0)
        assert {pool: list(series) for pool, series in known.readings.items()} == anew.readings
        assert replace(known, readings={}) == replace(anew, readings={})
        return known


async def put(state, at, **balances):
    await state.run(records.put_balances, "key", at, balances)


async def test_new_readings_are_added_and_old_ones_are_dropped(state):
    both = Both(state)
    await both.look()
    for number in range(records.KEPT_READINGS + 30):
        await put(state, NOW + number, a=10_000 - number, b=5)
        if number % 97 == 0:
            await both.look(NOW + number)
    assert len((await both.look()).readings["a"]) == records.KEPT_READINGS
    await put(state, NOW + 10_000, c=7)
    assert set((await both.look()).readings) == {"a", "b", "c"}


async def test_a_reading_of_the_same_moment_replaces_the_other(state):
    both = Both(state)
    await put(state, NOW, a=10)
    await both.look()
    await put(state, NOW, a=11)
    assert (await both.look()).readings["a"][-1].balance_bytes == 11


async def test_a_crawl_that_goes_on_and_one_that_is_new_are_seen(state):
    both = Both(state)
    crawl = snapshots.busy().crawls[0]
    await state.run(records.put_crawl, "key", crawl)
    await both.look()
    more = replace(crawl, requests=crawl.requests + 1, down_bytes=crawl.down_bytes + 5)
    await state.run(records.put_crawl, "key", more)
    assert (await both.look()).crawls[0].requests == crawl.requests + 1
    await state.run(records.put_crawl, "key", replace(crawl, id="c", spider="new"))
    assert len((await both.look()).crawls) == 2


async def test_what_a_forgotten_crawl_spent_comes_off_the_readings_here_too(state):
    both = Both(state)
    old, new = snapshots.busy().crawls
    long_ago = replace(old, updated_at=NOW - 40 * 86_400, finished_at=NOW - 40 * 86_400)
    await state.run(records.put_crawl, "key", replace(long_ago, finished_at=None))
    await put(state, NOW, walmart_premium=100)
    assert (await both.look()).readings["walmart_premium"][0].spent_bytes > 0
    await state.run(records.put_crawl, "key", replace(new, updated_at=NOW, finished_at=NOW))
    found = await both.look()
    assert found.readings["walmart_premium"][0].spent_bytes == 0


async def test_a_document_that_changes_is_read_anew_at_whatever_time_it_says(state):
    both = Both(state)
    for text in ("one", "two"):
        await state.run(records.put_part, "key", "usage", NOW, {"text": text})
        assert (await both.look()).parts["usage"].document == {"text": text}
    await state.run(records.drop_part, "key", "usage")
    assert (await both.look()).parts == {}


async def test_a_row_of_another_version_is_nothing_to_fail_over(state):
    both = Both(state)
    await state.run(records.put_crawl, "key", snapshots.busy().crawls[0])

    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE crawls SET body = '{\"id\": 5}'")

    await both.look()
    await state.run(spoil)
    assert (await both.look()).crawls == ()
