"""Discovery for all processes of a machine: one call, whoever asks, and never one too many."""

import asyncio
import json
import sqlite3

import pytest
from support.apis import ScriptedApi, answer, refusal
from support.customers import Customers

from rf_core.errors import InternalError, OrderError
from rf_core.io.session import Session
from rf_core.models import Order
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.switches import of_profile

PROCESSES = 6
HANG = {"kind": "hang", "when": "after"}
POOLS = {
    "pools": [{"id": "shop", "label": "Shop", "host": "h", "proxy_types": ["rotating"]}],
    "targeting": {
        "countries": ["us"],
        "us_states": [],
        "session_minutes": {"min": 1, "max": 1_440},
        "carriers": [],
    },
}


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=19) as running:
        yield running


@pytest.fixture(params=["documented", "adverse"])
def sandbox(request, servers):
    servers.reset()
    servers.switch(**of_profile(request.param).document())
    return servers


@pytest.fixture
async def api():
    async with ScriptedApi() as running:
        yield running


@pytest.fixture
def opened(settings_for, clock):
    """Open a session on a scripted API."""

    def make(api):
        return Session(settings_for(api.url), holder="crawl", clock=clock)

    return make


def asked_with(api):
    return [dict(request.headers).get("if-none-match") for request in api.requests]


def test_any_number_of_processes_fetch_once(sandbox, tmp_path):
    """C-102 C-103"""
    with Customers(sandbox, tmp_path) as customers:
        processes = customers.start(PROCESSES)
        for one in processes:
            one.tell("discovery")
        heard = [one.hear() for one in processes]
        assert len({json.dumps(said) for said in heard}) == 1
        assert heard[0]["pools"]
        assert len(customers.calls("pools")) == 1


def test_a_process_that_is_killed_while_it_fetches_is_followed_by_one_other(sandbox, tmp_path):
    hang = {"where": "api", "match": {"path": "*/pools", "nth": 1}, "what": HANG}
    sandbox.faults(hang)
    with Customers(sandbox, tmp_path) as customers:
        leader, *others = customers.start(4)
        leader.tell("discovery")
        customers.wait_for_calls("pools", 1)
        for one in others:
            one.tell("discovery")
        leader.kill()
        assert all(one.hear()["pools"] for one in others)
        assert len(customers.calls("pools")) == 2


async def test_those_who_wait_for_a_call_that_fails_do_not_all_repeat_it(api, settings_for):
    api.script = [refusal(500, "internal_error")]
    settings = settings_for(api.url)
    async with Session(settings, holder="a") as one, Session(settings, holder="b") as other:
        one.client._caller._attempts = other.client._caller._attempts = 1
        outcomes = await asyncio.gather(one.discovery(), other.discovery(), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [InternalError] * 2
        assert len(api.requests) == 1
        api.script = [answer(200, POOLS)]
        assert (await other.discovery())[0].pool("shop"), "whoever comes later asks anew"


# What the server says of caching


async def test_what_is_known_is_asked_for_by_its_validator(api, opened, clock):
    """C-103: a 304 makes it fresh again."""
    api.script = [answer(200, POOLS, ['ETag: "v1"']), answer(304), answer(200, POOLS)]
    async with opened(api) as session:
        await session.discovery()
        again, fetched_at = await session.discovery(refresh=True)
        assert again.pool("shop")
        assert fetched_at == clock.wall()
    assert asked_with(api) == [None, '"v1"']
    async with opened(api) as session:
        assert (await session.discovery(refresh=True))[0].pool("shop")
    assert asked_with(api)[2] is None, "a 304 without a validator names none"


async def test_how_long_it_holds_is_what_the_server_says(api, opened, clock):
    """C-103"""
    api.script = [answer(200, POOLS, ["Cache-Control: private, max-age=60"])]
    async with opened(api) as session:
        _, first_at = await session.discovery()
        clock.advance(59)
        await session.discovery()
        assert len(api.requests) == 1
        clock.advance(2)
        assert (await session.discovery())[1] == first_at
        await session.listing.revalidating
        assert len(api.requests) == 2


@pytest.mark.parametrize("said", ["no-store", "no-cache", "max-age=60, must-revalidate"])
async def test_what_may_not_be_used_unasked_is_asked_for(api, opened, clock, said):
    """C-103"""
    api.script = [answer(200, POOLS, [f"Cache-Control: {said}"])]
    async with opened(api) as session:
        await session.discovery()
        clock.advance(61)
        await session.discovery()
    assert len(api.requests) == 2


async def test_what_may_not_be_stored_is_not_on_disk(api, opened, tmp_path):
    """C-103"""
    api.script = [answer(200, POOLS, ["Cache-Control: no-store"])]
    async with opened(api) as session:
        await session.discovery()
        assert await session.cache.get(session.listing._name) is None


async def test_an_unasked_304_is_an_error(api, opened):
    """C-103"""
    api.script = [answer(304)]
    async with opened(api) as session:
        with pytest.raises(Exception, match="304"):
            await session.discovery()


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"pools": []},
        {"pools": POOLS, "etag": "", "seconds": [1]},
        {"pools": POOLS, "etag": "", "seconds": ["x", "y"]},
        {"pools": {"pools": 7}, "etag": "", "seconds": [1, 1]},
        {"pools": POOLS | {"targeting": None}, "etag": "", "seconds": [1, 1]},
    ],
)
async def test_whatever_else_is_stored_is_a_miss(api, opened, clock, stored):
    api.script = [answer(200, POOLS)]
    async with opened(api) as session:
        await session.cache.put(session.listing._name, clock.wall(), stored)
        assert (await session.discovery())[0].pool("shop")


async def test_a_planted_validator_writes_no_header(api, opened, clock):
    api.script = [answer(200, POOLS)]
    planted = {"pools": POOLS, "etag": '"a"\r\nX-Evil: 1', "seconds": [1e9, 1e9]}
    async with opened(api) as session:
        await session.cache.put(session.listing._name, clock.wall() - 90_000, planted)
        await session.discovery()
    assert asked_with(api) == [None]


# Without


async def test_a_state_that_cannot_be_used_costs_the_agreement_and_not_the_answer(
    api, opened, tmp_path
):
    api.script = [answer(200, POOLS)]
    async with opened(api) as session:
        await session.discovery()
        connection = sqlite3.connect(session.state.path)
        connection.execute("DROP TABLE leases")
        connection.close()
        assert (await session.discovery(refresh=True))[0].pool("shop")
    assert len(api.requests) == 2


async def test_what_is_listed_since_is_found_by_one_look(api, opened, clock):
    """C-049: an order for something new is not refused for a quarter of an hour."""
    now = POOLS | {"targeting": POOLS["targeting"] | {"countries": ["us", "de"]}}
    api.script = [answer(200, POOLS), answer(200, now)]
    async with opened(api) as session:
        await session.check(Order(country="us"))
        clock.advance(120)
        assert (await session.check(Order(country="DE"))).country == "de"
        for _ in range(3):
            with pytest.raises(OrderError, match="Valid: us, de"):
                await session.check(Order(country="fr"))
    assert len(api.requests) == 2, "what has just been looked up is not looked up again"
