"""Orders that many want: one call, and nobody gets what another has got."""

import asyncio
import random
import sqlite3
import time

import pytest
from support.customers import Customers

from rf_core.errors import (
    DemoCredentialsError,
    ResponseError,
    StateError,
    UnauthorizedError,
)
from rf_core.inventory import BatchFacts, Delivery, Inventory
from rf_core.io import answers
from rf_core.io import state as state_module
from rf_core.io.client import AsyncClient
from rf_core.io.session import Session
from rf_core.io.top_ups import topped_up
from rf_core.models import MAX_QUANTITY, Order, Proxy
from rf_core.redaction import Secret
from rf_core.supply import HIGH_WATER_TIMES, KEPT_SECONDS
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.switches import of_profile

ROTATING = Order(country="us", quantity=4)
STICKY = Order(country="us", proxy_type="sticky", session_minutes=10, quantity=4)
TAKE_OVER_SECONDS = 5.0


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=23) as running:
        yield running


@pytest.fixture
def sandbox(servers):
    servers.reset()
    servers.limit(generate=1_000, reads=1_000)
    return servers


@pytest.fixture
async def sessions(sandbox, settings_for):
    """Open so many sessions of one user; each is a process of its own as far as state.db goes."""
    opened = []

    settings = settings_for(sandbox.api, sandbox.key)

    async def make(count, **options):
        new = [
            await Session(settings, holder="crawl", **options).__aenter__() for _ in range(count)
        ]
        opened.extend(new)
        return new

    yield make
    for session in opened:
        await session.aclose()


def calls(sandbox):
    return sum(call["path"].endswith("/proxies") for call in sandbox.journal()["calls"])


def names_of(*deliveries):
    return [proxy.username for delivery in deliveries for proxy in delivery.proxies]


def files_of(session):
    return sorted(session.orders._folder.path.glob("*"))


# One call for all


@pytest.mark.parametrize("order", [ROTATING, STICKY])
async def test_demands_for_the_same_are_one_call_and_a_slice_for_each(sandbox, sessions, order):
    """C-052"""
    opened = await sessions(6)
    await opened[0].discovery()
    deliveries = await asyncio.gather(*(session.deliver(order) for session in opened))
    assert calls(sandbox) == 1
    assert [len(delivery.proxies) for delivery in deliveries] == [4] * 6
    assert len(set(names_of(*deliveries))) == 24


async def test_whoever_wants_something_else_has_a_call_of_its_own(sandbox, sessions):
    one, other = await sessions(2)
    await asyncio.gather(one.deliver(ROTATING), other.deliver(Order(country="de")))
    assert calls(sandbox) == 2


async def test_a_failure_is_told_to_all_who_waited_for_it(sandbox, sessions):
    """C-068: and a demo answer is in no stock."""
    sandbox.set_balance("premium", 0)
    opened = await sessions(5)
    await opened[0].discovery()
    order = Order(pool="premium", quantity=4)
    told = await asyncio.gather(*(one.deliver(order) for one in opened), return_exceptions=True)
    assert [type(error) for error in told] == [DemoCredentialsError] * 5
    assert told[0].pool == told[4].pool == "premium"
    assert calls(sandbox) == 1
    assert files_of(opened[0]) == []


async def test_a_count_that_is_wrong_is_told_to_all_who_waited_for_it(sandbox, sessions):
    """C-066"""
    sandbox.switch(short_count="wrong")
    opened = await sessions(3)
    await opened[0].discovery()
    told = await asyncio.gather(*(one.deliver(ROTATING) for one in opened), return_exceptions=True)
    assert [type(error) for error in told] == [ResponseError] * 3
    assert calls(sandbox) == 1


async def test_a_leader_that_is_cancelled_tells_nobody_and_the_next_in_line_leads(
    sandbox, sessions
):
    leader, *others = await sessions(3)
    await leader.discovery()
    sending = asyncio.Event()

    async def send(_order, _priority):
        sending.set()
        await asyncio.Event().wait()

    leader.orders._send = send
    leading = asyncio.ensure_future(leader.deliver(ROTATING))
    await sending.wait()
    waiting = [asyncio.ensure_future(session.deliver(ROTATING)) for session in others]
    await asyncio.sleep(0.3)
    leading.cancel()
    deliveries = await asyncio.gather(*waiting)
    assert len(set(names_of(*deliveries))) == 8
    assert calls(sandbox) == 1
    with pytest.raises(asyncio.CancelledError):
        await leading


async def test_nobody_is_left_in_line(sandbox, sessions):
    (session,) = await sessions(1)
    await session.deliver(ROTATING)
    await session._afterwards.close()
    rows = await session.state.read(
        lambda connection: [
            connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in ("demands", "leases")
        ]
    )
    assert rows == [0, 0]


async def test_more_than_one_order_may_be_for_is_several(sessions):
    """C-039: nobody is left out, and no order is for more than the API allows."""
    asked = []

    async def send(order, _priority):
        asked.append(order.quantity)
        return delivery_of(*range(30))

    opened = await sessions(3)
    for session in opened:
        session.orders._send = send
    order = Order(country="us", proxy_type="sticky", quantity=MAX_QUANTITY // 2)
    await asyncio.gather(*(session.orders.get(order) for session in opened))
    assert sorted(asked) == [MAX_QUANTITY // 2, MAX_QUANTITY]


def delivery_of(*numbers, is_demo=False):
    proxies = Inventory.of(Proxy("h", 1, f"u{number}", Secret("p")) for number in numbers)
    return Delivery(proxies, BatchFacts(len(numbers), "us", is_demo, "shop", "json"))


# Stock


async def test_what_is_spare_is_handed_out_without_a_call_and_never_twice(sandbox, sessions):
    opened = await sessions(4)
    deliveries = [await session.deliver(ROTATING) for session in opened]
    assert calls(sandbox) == 1
    assert len(set(names_of(*deliveries))) == 16


async def test_low_water_is_refilled_by_one_call_before_anybody_runs_dry(sandbox, sessions):
    """So many demands as one order is for cost one call, whoever has them."""
    opened = await sessions(3)
    rounds = 3 * (HIGH_WATER_TIMES + 1)
    names = []
    for number in range(rounds):
        session = opened[number % len(opened)]
        names += names_of(await session.deliver(ROTATING))
        if session.orders._refills:
            await asyncio.wait(session.orders._refills.values())
    assert len(set(names)) == 4 * rounds
    assert calls(sandbox) <= 1 + rounds // HIGH_WATER_TIMES


async def test_what_has_a_clock_running_is_never_in_stock(sandbox, sessions):
    """C-164"""
    one, other = await sessions(2)
    deliveries = [await one.deliver(STICKY), await other.deliver(STICKY)]
    assert calls(sandbox) == 2
    assert len(set(names_of(*deliveries))) == 8


async def test_stock_does_not_keep(sandbox, sessions, clock):
    """C-165: how long credentials live is not documented."""
    (session,) = await sessions(1, clock=clock)
    await session.deliver(ROTATING)
    clock.advance(KEPT_SECONDS + 1)
    await session.deliver(ROTATING)
    assert calls(sandbox) == 2
    assert len(files_of(session)) == 1


async def test_a_server_that_has_one_name_is_asked_once(sandbox, sessions):
    """C-072: everybody gets it; fewer than were asked for are never a reason to order again."""
    sandbox.switch(rotating_same_username="yes")
    opened = await sessions(4)
    deliveries = [await session.deliver(ROTATING) for session in opened]
    assert calls(sandbox) == 1
    assert len(set(names_of(*deliveries))) == 1
    assert [len(delivery.proxies) for delivery in deliveries] == [1] * 4


async def test_fewer_than_were_asked_for_go_round_before_anybody_gets_them_again(sandbox, sessions):
    """C-067"""
    sandbox.switch(short_count="fewer")
    (session,) = await sessions(1)
    came = 4 * (HIGH_WATER_TIMES + 1) * 9 // 10
    deliveries = [await session.deliver(ROTATING) for _ in range(came // 4 + 1)]
    assert calls(sandbox) == 1
    assert len(set(names_of(*deliveries[:-1]))) == came // 4 * 4
    assert names_of(deliveries[-1]) == names_of(deliveries[0])


# What does not work


async def test_after_a_refusal_nothing_comes_that_came_with_it(sandbox, sessions):
    one, other = await sessions(2)
    dead = [await one.deliver(ROTATING), await other.deliver(ROTATING)]
    fresh = await one.deliver(ROTATING, fresh=True)
    assert calls(sandbox) == 2
    assert not set(names_of(fresh)) & set(names_of(*dead))
    more = await other.deliver(ROTATING, fresh=True)
    assert calls(sandbox) == 2, "somebody has ordered anew since"
    assert len(set(names_of(fresh, more, *dead))) == 16


async def test_a_refused_credential_comes_out_of_no_stock(sandbox, sessions):
    """C-067: where there are only few, they go round: but for those that were found dead."""
    one, other = await sessions(2)

    async def send(_order, _priority):
        return delivery_of(1, 2, 3)

    for session in (one, other):
        session.orders._send = send
    (first, *_) = (await one.deliver(ROTATING)).proxies
    await one.refused(first)
    assert names_of(await other.deliver(ROTATING)) == ["u2", "u3"]
    for proxy in (await other.deliver(ROTATING)).proxies:
        await other.refused(proxy)
    assert names_of(await one.deliver(ROTATING)) == ["u1", "u2", "u3"], "ordered anew"


async def test_nothing_is_taken_of_a_pool_that_has_been_seen_empty(sandbox, sessions):
    """C-068"""
    (session,) = await sessions(1)
    order = Order(pool="premium", quantity=4)
    await session.deliver(order)
    sandbox.set_balance("premium", 0)
    await answers.balances(session, 0.0)
    with pytest.raises(DemoCredentialsError):
        await session.deliver(order)
    sandbox.top_up("premium", 10**9)
    assert await session.deliver(order)


async def test_a_top_up_is_noticed_by_all_who_wait_and_orders_are_live_again(sandbox, sessions):
    """C-071"""
    one, other = await sessions(2)
    order = Order(pool="premium", quantity=4)
    await answers.balances(one, None)
    sandbox.set_balance("premium", 0)
    with pytest.raises(DemoCredentialsError):
        await one.deliver(order)
    pace = {"pace_seconds": 0.2, "glance_seconds": 0.05}
    waiting = [asyncio.ensure_future(topped_up(who, "premium", **pace)) for who in (one, other)]
    done, _ = await asyncio.wait(waiting, timeout=0.7)
    assert not done, "what was read before says nothing"
    sandbox.top_up("premium", 10**9)
    await asyncio.wait_for(asyncio.gather(*waiting), 60)
    assert len((await one.deliver(order)).proxies) == 4
    reads = sum(call["path"].endswith("/balance") for call in sandbox.journal()["calls"])
    assert reads <= 10, "one of them asks for both"


async def test_whoever_waits_for_a_top_up_with_a_key_that_is_refused_is_told(sandbox, sessions):
    """C-013 C-071"""
    (session,) = await sessions(1)
    sandbox.revoke_key(1)
    with pytest.raises(UnauthorizedError):
        await topped_up(session, "premium")


@pytest.mark.parametrize("content", [b"", b"RFINV1\n", b"x" * 1_000])
async def test_a_file_that_was_damaged_is_ordered_anew(sandbox, sessions, content):
    (session,) = await sessions(1)
    before = await session.deliver(ROTATING)
    (path,) = files_of(session)
    path.write_bytes(content)
    after = await session.deliver(ROTATING)
    assert calls(sandbox) == 2
    assert len(set(names_of(before, after))) == 8
    assert path not in files_of(session)


@pytest.mark.parametrize(
    ("column", "value"),
    [("facts", "{"), ("facts", "[]"), ("facts", "{}"), ("file", "../state.db"), ("taken", 10**9)],
)
async def test_a_stock_that_somebody_has_tampered_with_is_ordered_anew(
    sandbox, sessions, column, value
):
    (session,) = await sessions(1)
    before = await session.deliver(ROTATING)
    await session.state.run(lambda c: c.execute(f"UPDATE stocks SET {column} = ?", (value,)) and 1)
    after = await session.deliver(ROTATING)
    assert len(set(names_of(before, after))) == 8
    assert session.state.path.exists()
    assert calls(sandbox) == 2


@pytest.mark.parametrize("failure", ["{", "[]", '{"kind": 7}', '{"kind": "x", "facts": 7}'])
async def test_a_failure_that_cannot_be_read_is_none_of_the_orders(sandbox, sessions, failure):
    (session,) = await sessions(1)
    await session.discovery()
    plant = (
        "CREATE TRIGGER planted AFTER INSERT ON demands BEGIN UPDATE demands SET failure = {}; END"
    )
    execute(session, plant.format(f"'{failure}'"))
    assert len((await session.deliver(ROTATING)).proxies) == 4


# Without a state that can be used


def dropped(session, monkeypatch):
    for table in ("demands", "stocks", "refusals"):
        execute(session, f"DROP TABLE {table}")


def half_dropped(session, monkeypatch):
    execute(session, "DROP TABLE stocks")


def without_leases(session, monkeypatch):
    execute(session, "DROP TABLE leases")


def without_room(session, monkeypatch):
    def save(*_):
        raise StateError("no room")

    monkeypatch.setattr(session.orders._folder, "save", save)


def held_open(session, monkeypatch):
    monkeypatch.setattr(state_module, "_BUSY_SECONDS", 0.05)
    session.holding = sqlite3.connect(session.state.path, isolation_level=None)
    session.holding.execute("BEGIN IMMEDIATE")
    session.closing.callback(session.holding.close)
    # Slots are another matter: without them nothing is sent.
    bare = AsyncClient(session.settings, windows=None)
    session.closing.push_async_callback(bare.aclose)
    session.client.generate_into = bare.generate_into


def execute(session, statement):
    connection = sqlite3.connect(session.state.path)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "trouble", [dropped, half_dropped, without_leases, without_room, held_open]
)
async def test_without_a_state_that_can_be_used_everybody_orders_alone(
    sandbox, sessions, monkeypatch, trouble
):
    (session,) = await sessions(1)
    await session.discovery()
    trouble(session, monkeypatch)
    deliveries = [await session.deliver(ROTATING), await session.deliver(ROTATING, fresh=True)]
    assert len(set(names_of(*deliveries))) == 8
    assert calls(sandbox) == 2


async def test_what_cannot_be_kept_is_not_lost(sandbox, sessions, monkeypatch):
    """The call has been made: its credentials are there, whatever becomes of the stock."""
    opened = await sessions(3)
    await opened[0].discovery()
    for session in opened:
        without_room(session, monkeypatch)
    deliveries = await asyncio.gather(*(session.deliver(ROTATING) for session in opened))
    assert len(set(names_of(*deliveries))) == 12
    assert calls(sandbox) == 3


# Processes


@pytest.mark.parametrize("profile", ["documented", "adverse"])
def test_processes_share_one_call(sandbox, tmp_path, profile):
    """C-052 C-067 C-072: what is different is shared out, and what is the same goes to all."""
    sandbox.switch(**of_profile(profile).document())
    with Customers(sandbox, tmp_path) as customers:
        processes = customers.start(6)
        for one in processes:
            one.tell("deliver", order={"country": "us", "quantity": 5})
        heard = [one.hear() for one in processes]
        names = [name for said in heard for name in said["names"]]
        assert len(customers.calls("proxies")) == 1
        assert len(set(names)) == (30 if profile == "documented" else 1)


def test_a_leader_that_is_killed_is_followed_in_less_than_five_seconds(sandbox, tmp_path):
    """C-052"""
    hang = {"where": "api", "match": {"path": "*/proxies", "nth": 1}}
    sandbox.faults(hang | {"what": {"kind": "hang", "when": "after"}})
    order = {"country": "us", "quantity": 5}
    with Customers(sandbox, tmp_path) as customers:
        leader, *others = customers.start(4)
        others[0].ask("discovery")
        leader.tell("deliver", order=order)
        customers.wait_for_calls("proxies", 1)
        for one in others:
            one.tell("deliver", order=order)
        leader.kill()
        assert customers.wait_for_calls("proxies", 2) < TAKE_OVER_SECONDS
        names = [name for one in others for name in one.hear()["names"]]
        assert len(set(names)) == 15
        assert len(customers.calls("proxies")) == 2


@pytest.mark.parametrize("kind", ["rotating", "sticky"])
def test_processes_killed_at_any_moment_cost_a_call_each_at_most(sandbox, tmp_path, kind):
    """C-052: those that live have what they wanted, soon, and nobody has what another has."""
    chance = random.Random(kind)
    order = {"country": "us", "proxy_type": kind, "quantity": 5}
    sandbox.faults(
        {
            "where": "api",
            "match": {"path": "*/proxies"},
            "what": {"kind": "drip", "bytes": 400, "milliseconds": 20},
        }
    )
    with Customers(sandbox, tmp_path) as customers:
        processes = customers.start(6)
        processes[0].ask("discovery")
        for one in processes:
            one.tell("deliver", order=order)
        killed = chance.sample(processes, 3)
        for one in killed:
            time.sleep(chance.uniform(0.0, 0.4))
            one.kill()
        began = time.monotonic()
        heard = [one.hear() for one in processes if one not in killed]
        assert time.monotonic() - began < TAKE_OVER_SECONDS * len(killed)
        names = [name for said in heard for name in said["names"]]
        assert len(set(names)) == 15
        latecomers = 1 if kind == "sticky" else 0
        assert len(customers.calls("proxies")) <= 1 + len(killed) + latecomers
