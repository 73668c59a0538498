"""Who rides on what when other tools ask: the turn, sessions, refusals, money."""

import asyncio
import base64

import pytest
from support.gateways import Scripted, closed, ok, refusal
from support.relays import SECONDS, Rig, settled

from rf_core.caps import Cap
from rf_core.errors import DemoCredentialsError, TransportError, UnauthorizedError
from rf_core.io.passengers import Passengers, Terms
from rf_core.io.relay.riders import Denied, Ride
from rf_core.meter import Meter
from rf_core.models import Batch, Proxy
from rf_core.redaction import Secret
from rf_core.refusals import Cause, Refusal

GET = "GET http://shop.test/x HTTP/1.1"
TARGET = "shop.test:80"


class Office:
    """Fills orders, as the API would."""

    def __init__(self, port=8_000, *, failure=None):
        self.port = port
        self.failure = failure
        self.orders = []

    async def __call__(self, order):
        self.orders.append(order)
        if self.failure is not None:
            raise self.failure
        number = len(self.orders)
        proxies = tuple(
            Proxy("127.0.0.1", self.port, f"{order.proxy_type}-{number}-{n}", Secret("p"))
            for n in range(order.quantity)
        )
        return Batch(proxies, len(proxies), "", is_demo=False, pool="premium", format="list")


def passengers(office, *, meter=None, budget_bytes=None, **terms):
    told = []
    terms["budget"] = Cap(budget_bytes) if budget_bytes else None
    riders = Passengers(Terms(**terms), meter or Meter(), order=office, stop=told.append)
    riders.guard.set_edge()
    return riders, told


def names(heads):
    return [base64.b64decode(head.split(b"Basic ")[1]).decode().partition(":")[0] for head in heads]


async def asked(rig, user, *, line=GET):
    reader, writer = await rig.connect()
    writer.write(f"{line}\r\nHost: s\r\n".encode())
    writer.write(f"Proxy-Authorization: {rig.relay.door.authorization(user)}\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
    await closed(writer)
    return head


async def test_anyone_takes_the_next_in_turn_and_a_session_keeps_its_own():
    async with Scripted(lambda _head: ok()) as gateway:
        office = Office(gateway.port)
        riders, _ = passengers(office, live=2)
        async with Rig(gateway.port, riders=riders) as rig:
            for user in ("rf", "rf", "rf", "session-a", "session-b", "session-a", "session-"):
                await asked(rig, user)
    assert names(gateway.heads) == [
        "rotating-1-0", "rotating-1-1", "rotating-1-0",
        "sticky-2-0", "sticky-2-1", "sticky-2-0",
        "rotating-1-1",
    ]  # fmt: skip
    assert [order.session_minutes for order in office.orders] == [None, 10]
    assert riders.used == 4


async def test_two_that_come_first_share_one_order():
    office = Office()
    riders, _ = passengers(office)
    rides = await asyncio.gather(*(riders.board("rf", TARGET) for _ in range(5)))
    assert len(office.orders) == 1
    assert len({ride.handle for ride in rides}) == 5


@pytest.mark.parametrize("line", [GET, "CONNECT shop.test:443 HTTP/1.1"])
async def test_a_refused_credential_is_retired_and_its_request_goes_out_on_another(line):
    def script(head):
        return refusal(407) if names([head]) == ["rotating-1-0"] else ok()

    async with Scripted(script) as gateway:
        riders, told = passengers(Office(gateway.port), live=2)
        async with Rig(gateway.port, riders=riders) as rig:
            for _ in range(4):
                assert (await asked(rig, "rf", line=line)).startswith(b"HTTP/1.1 200")
    # On plain http the gateway is asked whether it was its answer.
    assert names(gateway.heads).count("rotating-1-0") == 1 + rig.meter.probes
    assert rig.meter.probes == (0 if line.startswith("CONNECT") else 1)
    assert riders.verdicts == {"gateway_auth": 1}
    assert told == []


async def test_a_gateway_that_refuses_every_credential_ends_it_after_a_few_orders():
    async with Scripted(lambda _head: refusal(407)) as gateway:
        office = Office(gateway.port)
        riders, told = passengers(office, live=1)
        async with Rig(gateway.port, riders=riders) as rig:
            for _ in range(5):
                assert b" 502 " in await asked(rig, "rf")
    assert told == ["rf_no_proxies"]
    assert len(office.orders) == 4


async def test_an_upload_is_never_sent_twice():
    async with Scripted(lambda _head: refusal(407)) as gateway:
        riders, _ = passengers(Office(gateway.port))
        async with Rig(gateway.port, riders=riders) as rig:
            line = "POST http://shop.test/ HTTP/1.1\r\nContent-Length: 0003"
            reader, writer = await rig.connect()
            authorization = rig.relay.door.authorization("rf")
            writer.write(f"{line}\r\nProxy-Authorization: {authorization}\r\n\r\nabc".encode())
            assert b"HTTP/1.1 407 relay-failure=1" in await asyncio.wait_for(reader.read(), SECONDS)
            await closed(writer)
    assert [head.split()[0] for head in gateway.heads] == [b"POST", b"CONNECT"]


async def test_an_empty_pool_ends_it_and_a_busy_gateway_does_not():
    answers = [refusal(429, b"Retry-After: 7"), refusal(402), refusal(402)]
    async with Scripted(lambda _head: answers.pop(0)) as gateway:
        riders, told = passengers(Office(gateway.port))
        async with Rig(gateway.port, riders=riders) as rig:
            busy = await asked(rig, "rf")
            assert b" 429 " in busy
            assert b"Retry-After: 7" in busy
            assert told == []
            assert b" 402 " in await asked(rig, "rf")
            assert told == ["rf_balance_exhausted"]
            assert b" 402 the pool has no balance left" in await asked(rig, "rf")
    assert len(gateway.heads) == 3, "the last is the question whether that is so"


@pytest.mark.parametrize(
    ("failure", "told_", "status"),
    [
        (DemoCredentialsError("premium"), ["rf_demo_credentials"], 502),
        (UnauthorizedError("refused", status=401), ["rf_key_refused"], 502),
        (TransportError("The API cannot be reached."), [], 502),
    ],
)
async def test_what_an_order_says_is_passed_on_as_one_line(failure, told_, status):
    riders, told = passengers(Office(failure=failure))
    denied = await riders.board("rf", TARGET)
    assert denied == Denied(status, failure.message)
    assert told == told_
    riders.stopped = "rf_no_proxies"
    assert (await riders.board("rf", TARGET)).status == 502


async def test_a_request_waits_for_what_is_under_way_to_leave_it_room():
    meter = Meter()
    riders, told = passengers(Office(), meter=meter, budget_bytes=100_000)
    rides = [await riders.board("rf", TARGET) for _ in range(8)]
    assert all(isinstance(ride, Ride) for ride in rides)
    waiting = asyncio.ensure_future(riders.board("rf", TARGET))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    riders.leave(rides[0], TARGET, 500)
    assert isinstance(await asyncio.wait_for(waiting, SECONDS), Ride)
    assert told == []


async def test_what_is_refused_while_a_request_waits_for_room_does_not_carry_it():
    riders, _told = passengers(Office(), budget_bytes=100_000, live=2)
    rides = [await riders.board("rf", TARGET) for _ in range(8)]
    waiting = asyncio.ensure_future(riders.board("rf", TARGET))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    refused = {ride.handle for ride in rides}
    for ride in rides[:2]:
        riders.refused(ride, Refusal(1, 0, ride.handle, TARGET, 407, Cause.AUTH))
    for ride in rides:
        riders.leave(ride, TARGET, None)
    ride = await asyncio.wait_for(waiting, SECONDS)
    assert isinstance(ride, Ride)
    assert ride.handle not in refused


async def test_a_spent_budget_ends_it_for_all_that_wait():
    meter = Meter()
    riders, told = passengers(Office(), meter=meter, budget_bytes=100_000)
    rides = [await riders.board("rf", TARGET) for _ in range(8)]
    waiting = [asyncio.ensure_future(riders.board("rf", TARGET)) for _ in range(3)]
    await asyncio.sleep(0.01)
    meter.bill(99_000)
    for ride in rides:
        riders.leave(ride, TARGET, 12_000)
    denied = await asyncio.wait_for(asyncio.gather(*waiting), SECONDS)
    assert {(one.status, one.reason) for one in denied} == {
        (402, "the budget of this relay is spent")
    }
    assert told == ["rf_budget_spent"]


async def test_nobody_waits_for_ever(monkeypatch):
    monkeypatch.setattr("rf_core.io.passengers._ROOM_SECONDS", 0.05)
    riders, told = passengers(Office(), budget_bytes=80_000)
    for _ in range(8):
        await riders.board("rf", TARGET)
    denied = await riders.board("rf", TARGET)
    assert denied.status == 503
    assert "under way" in denied.reason
    assert told == []


async def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind():
    async with Scripted(lambda _head: "silence") as gateway:
        riders, _ = passengers(Office(gateway.port), budget_bytes=80_000)
        async with Rig(gateway.port, riders=riders) as rig:
            ends = []
            for _ in range(9):
                _reader, writer = await rig.connect()
                authorization = rig.relay.door.authorization("rf")
                writer.write(f"{GET}\r\nProxy-Authorization: {authorization}\r\n\r\n".encode())
                ends.append(writer)
            await settled(lambda: len(gateway.heads) == 8)
            for writer in reversed(ends):
                await closed(writer)
            await settled(lambda: not rig.relay.open_legs and not riders._reserved)
            assert riders.guard.budget.reserved_bytes == 0
    assert len(gateway.heads) <= 9
