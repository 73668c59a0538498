"""While it is seen who pays, a relay reads nothing from its gateway; afterwards it reads on."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from support.gateways import Scripted, closed, ok, target
from support.relays import SECONDS, Rig, settled

from rf_sandbox.loops import new_loop

GET = "GET http://shop.test/x HTTP/1.1"
CONNECT = "CONNECT shop.test:443 HTTP/1.1"
STANDS = b"HTTP/1.1 200 OK\r\n\r\n"
POURED = bytes(8 * 1024 * 1024)
TURNS = 20


async def pour(reader, writer):
    writer.write(POURED)
    await writer.drain()
    await reader.read()


@asynccontextmanager
async def pouring():
    """Yield a gateway that pours into each tunnel, and answers what is plain, and a relay on it."""
    async with target(pour) as address:
        gateway = Scripted(lambda h: ok() if h.startswith(b"GET") else "tunnel", target=address)
        async with gateway, Rig(gateway.port) as rig:
            yield gateway, rig


async def asked(rig, line=CONNECT):
    reader, writer = await rig.connect()
    writer.write(rig.head(line, "Host: shop.test"))
    return reader, writer


async def slow_client(rig):
    """A client with a tunnel that reads no more than the answer, until nothing moves."""
    reader, writer = await asked(rig)
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
    (upstream,) = rig.relay._connections
    await settled(lambda: not upstream.transport.is_reading())
    return reader, writer


async def read_meanwhile(rig):
    """What a relay reads while there is something to be read each time the loop looks."""
    before = rig.meter.down_bytes
    for _ in range(TURNS):
        await asyncio.sleep(0)
    return rig.meter.down_bytes - before


async def test_where_it_pours_nothing_more_is_read_before_it_goes_on():
    async with pouring() as (_gateway, rig):
        reader, writer = await asked(rig)
        await settled(lambda: rig.meter.down_bytes > len(STANDS))
        rig.relay.hold()
        assert await read_meanwhile(rig) == 0
        assert rig.meter.down_bytes < len(POURED)
        rig.relay.go_on()
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        await asyncio.wait_for(reader.readexactly(len(POURED)), SECONDS)
        await closed(writer)


async def ask_while_held(line):
    async with pouring() as (gateway, rig):
        rig.relay.hold()
        reader, writer = await asked(rig, line)
        await settled(lambda: gateway.sent_bytes)
        assert await read_meanwhile(rig) == 0
        assert rig.meter.down_bytes == 0
        rig.relay.go_on()
        assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        await closed(writer)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, new_loop], ids=["asyncio", "fastest"])
@pytest.mark.parametrize("line", [CONNECT, GET], ids=["tunnel", "plain"])
def test_a_connection_that_is_new_reads_nothing_before_the_others_do(line, loop):
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(ask_while_held(line))


async def test_a_connection_that_was_kept_reads_no_answer_before_the_others_do():
    async with pouring() as (gateway, rig):
        await rig.ask(GET, "Host: shop.test")
        before = gateway.sent_bytes
        rig.relay.hold()
        reader, writer = await asked(rig, GET)
        await settled(lambda: gateway.sent_bytes > before)
        assert await read_meanwhile(rig) == 0
        rig.relay.go_on()
        assert await asyncio.wait_for(reader.readuntil(b"hello"), SECONDS)
        assert gateway.connections == 1
        await closed(writer)


async def test_a_client_that_catches_up_gets_what_was_read_and_no_more_before_it_goes_on():
    async with pouring() as (_gateway, rig):
        reader, writer = await slow_client(rig)
        rig.relay.hold()
        read = rig.meter.down_bytes
        passed = read - len(STANDS)
        assert 0 < passed < len(POURED)
        await asyncio.wait_for(reader.readexactly(passed), SECONDS)
        assert await read_meanwhile(rig) == 0
        assert rig.meter.down_bytes == read
        rig.relay.go_on()
        await asyncio.wait_for(reader.readexactly(len(POURED) - passed), SECONDS)
        await closed(writer)


async def test_a_client_that_is_slow_is_not_read_for_because_the_others_go_on():
    async with pouring() as (_gateway, rig):
        reader, writer = await slow_client(rig)
        rig.relay.hold()
        rig.relay.go_on()
        assert await read_meanwhile(rig) == 0
        await asyncio.wait_for(reader.readexactly(len(POURED)), SECONDS)
        await closed(writer)


async def test_a_client_that_turns_slow_by_the_very_bytes_at_the_edge_stays_unread_for():
    async with pouring() as (_gateway, rig):
        rig.meter.limit_bytes, rig.meter.at_limit = 1, rig.relay.hold
        reader, writer = await asked(rig)
        is_slow = False
        while not is_slow:
            await settled(lambda: rig.relay.is_held)
            rig.relay.go_on()
            (upstream,) = rig.relay._connections
            is_slow = not upstream.transport.is_reading()
        assert await read_meanwhile(rig) == 0
        rig.meter.limit_bytes = None
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        await asyncio.wait_for(reader.readexactly(len(POURED)), SECONDS)
        await closed(writer)
