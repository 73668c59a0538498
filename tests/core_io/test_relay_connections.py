"""The relay's connections: how gateways are reached, what waits, what a goodbye and a cut leave."""

import asyncio
import os
import socket
import struct
import sys
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from unittest.mock import Mock

import pytest
from support.gateways import Scripted, closed, ok, target
from support.relays import PATIENT, SECONDS, Rig, read_answer, settled

from rf_core.io.relay.dial import Address, Dialler
from rf_core.io.relay.kernel import unread_bytes
from rf_core.refusals import Cause

GET = "GET http://shop.test/x HTTP/1.1"
CONNECT = "CONNECT shop.test:443 HTTP/1.1"
LONG = 20 * 1024 * 1024


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def tunnel_on(rig, line=CONNECT, *extra):
    reader, writer = await rig.connect()
    writer.write(rig.head(line, *extra))
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)).startswith(
        b"HTTP/1.1 200"
    )
    return reader, writer


# Reaching the gateway


class Names:
    """A loop's `getaddrinfo` that a test answers."""

    def __init__(self, monkeypatch, *addresses):
        self.addresses = list(addresses)
        self.asked = 0
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._answer)

    async def _answer(self, host, port, **_kind):
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in self.addresses]


async def test_a_gateways_name_is_looked_up_once_a_minute_and_not_with_each_connection(monkeypatch):
    async with Scripted(lambda _head: None) as gateway, Rig(gateway.port, host="gw.test") as rig:
        names = Names(monkeypatch, "127.0.0.1")
        for _ in range(3):
            await rig.ask(CONNECT)
        assert (names.asked, gateway.connections) == (1, 3)
        rig.relay._dialler._known["gw.test", gateway.port].until = 0.0
        await rig.ask(CONNECT)
        assert names.asked == 2


async def test_each_of_a_gateways_addresses_is_tried_and_the_one_that_answers_is_kept(monkeypatch):
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port, host="gw.test") as rig:
        Names(monkeypatch, "127.9.9.8", "127.9.9.9", "127.0.0.1")
        assert (await rig.ask(GET, "Host: shop.test")).endswith(b"hello")
        known = rig.relay._dialler._known["gw.test", gateway.port]
        assert known.addresses[0] == Address(socket.AF_INET, ("127.0.0.1", gateway.port))


async def test_a_gateway_that_has_moved_is_found_at_once(monkeypatch):
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port, host="gw.test") as rig:
        names = Names(monkeypatch, "127.9.9.9")
        answer = await rig.ask(GET, "Host: shop.test")
        assert b" 502 relay-failure=" in answer
        names.addresses = ["127.9.9.9"]
        await rig.ask(GET, "Host: shop.test")
        names.addresses = ["127.0.0.1"]
        assert (await rig.ask(GET, "Host: shop.test")).endswith(b"hello")


async def test_a_name_that_is_none_is_unreachable():
    dialler = Dialler()
    with pytest.raises(OSError, match="not a host name"):
        await dialler.dial(asyncio.Protocol, "a" * 64 + ".test", 80, seconds=2.0)


async def test_a_gateway_and_a_target_may_be_ipv6():
    async with target(echo) as address:
        gateway = Scripted(lambda h: ok() if h.startswith(b"GET") else "tunnel", target=address)
        async with gateway:
            gateway._server.close()
            gateway._server = await asyncio.start_server(gateway._serve, "::1", 0)
            port = gateway._server.sockets[0].getsockname()[1]
            async with Rig(port, host="::1") as rig:
                answer = await rig.ask("GET http://[2001:db8::7]:8080/ HTTP/1.1", "Host: h")
                assert answer.endswith(b"hello")
                reader, writer = await tunnel_on(rig, "CONNECT [2001:db8::7]:443 HTTP/1.1")
                writer.write(b"ping")
                assert await asyncio.wait_for(reader.readexactly(4), SECONDS) == b"ping"
                await closed(writer)
                await rig.relay.close()
                assert [domain for _, domain in rig.meter.spends] == ["2001:db8::7"]
                assert rig.meter.wire_bytes == gateway.read_bytes + gateway.sent_bytes
    assert gateway.heads[1].startswith(b"CONNECT [2001:db8::7]:443 HTTP/1.1\r\n")


# Uploads, versions


async def test_expect_is_between_client_and_target():
    async def script_body(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Expect: 100-continue" in head
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(6) == b"abcdef"
        writer.write(ok(b"got it"))
        await reader.read()

    async with target(script_body) as (_host, port), Rig(port) as rig:
        reader, writer = await rig.connect()
        post = "POST http://shop.test/ HTTP/1.1"
        writer.write(rig.head(post, "Host: s", "Content-Length: 6", "Expect: 100-continue"))
        assert b" 100 Continue" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        writer.write(b"abcdef")
        assert (await asyncio.wait_for(read_answer(reader), SECONDS)).endswith(b"got it")
        await closed(writer)


async def test_an_old_client_is_answered_in_its_own_version():
    """HTTP/1.0 knows no chunks: a target that is asked in 1.1 might send some."""
    closing = ok(b"hello", b"Connection: close")
    async with Scripted(lambda _head: closing) as gateway, Rig(gateway.port) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.head("GET http://shop.test/ HTTP/1.0", "Host: s"))
        assert (await asyncio.wait_for(reader.read(), SECONDS)).endswith(b"hello")
        await closed(writer)
    assert gateway.heads[0].startswith(b"GET http://shop.test/ HTTP/1.0\r\n")


async def test_a_client_that_wants_no_other_answer_gets_its_end():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.head(GET, "Host: s", "Connection: close"))
        assert (await asyncio.wait_for(reader.read(), SECONDS)).endswith(b"hello")
        await closed(writer)


async def test_a_head_and_a_small_body_leave_in_one_piece():
    pieces = []

    async def note(reader, writer):
        for _ in range(2):
            pieces.append(await reader.read(65536))
            writer.write(ok())

    post = ("POST http://shop.test/ HTTP/1.1", "Host: s", "Content-Length: 6")
    async with target(note) as (_host, port), Rig(port) as rig:
        reader, writer = await rig.connect()
        for _ in range(2):
            writer.write(rig.head(*post) + b"abcdef")
            await asyncio.wait_for(read_answer(reader), SECONDS)
        await closed(writer)
    assert [piece[-10:] for piece in pieces] == [b"\r\n\r\nabcdef"] * 2


# Half-closed, slow, cut


def time_is_up(upstream):
    """As when its patience with a goodbye runs out; it is not waited for."""
    upstream._timer.cancel()
    upstream._expired()


async def test_a_client_that_has_said_goodbye_still_gets_a_long_answer():
    more = asyncio.Event()

    async def answer_at_leisure(reader, writer):
        await reader.read()
        for _ in range(8):
            await more.wait()
            more.clear()
            writer.write(b"x" * 1000)
        await more.wait()

    async with (
        target(answer_at_leisure) as address,
        Scripted(lambda _h: "tunnel", target=address) as gateway,
        Rig(gateway.port) as rig,
    ):
        reader, writer = await tunnel_on(rig)
        (upstream,) = rig.relay._connections
        writer.write_eof()
        await settled(lambda: upstream._timer)
        for _ in range(8):
            more.set()
            assert await asyncio.wait_for(reader.readexactly(1000), SECONDS) == b"x" * 1000
            time_is_up(upstream)
        time_is_up(upstream)
        assert await asyncio.wait_for(reader.read(), SECONDS) == b"", "nothing moved any more"
        await closed(writer)


async def pour(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LONG)
    for _ in range(LONG // 65536):
        writer.write(b"z" * 65536)
        await writer.drain()
    await reader.read()


@asynccontextmanager
async def asked(handler, line, **options):
    """A request on its way to a handler, plain or in a tunnel: (rig, reader, writer)."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(target(handler))
        port = address[1]
        if line == CONNECT:
            gateway = Scripted(lambda _h: "tunnel", target=address)
            port = (await stack.enter_async_context(gateway)).port
        rig = await stack.enter_async_context(Rig(port, **options))
        reader, writer = await rig.connect()
        if line == CONNECT:
            writer.write(rig.head(line))
            await reader.readuntil(b"\r\n\r\n")
        writer.write(rig.head(GET.replace("GET", "PUT"), f"Content-Length: {LONG}"))
        yield rig, reader, writer
        await closed(writer)


@pytest.mark.parametrize("line", [GET, CONNECT])
async def test_a_slow_client_is_waited_for_and_little_is_held_for_it(line):
    async with asked(pour, line) as (rig, reader, _writer):
        (leg,) = rig.relay._legs
        await settled(leg._transport.get_write_buffer_size)
        await asyncio.sleep(0.1)
        assert leg._transport.get_write_buffer_size() <= 512 * 1024
        assert rig.meter.down_bytes < LONG
        await reader.readuntil(b"\r\n\r\n")
        body = await asyncio.wait_for(reader.readexactly(LONG), SECONDS)
        assert body == b"z" * LONG


@pytest.mark.parametrize("line", [GET, CONNECT])
async def test_a_slow_gateway_is_waited_for_and_little_is_held_for_it(line):
    go = asyncio.Event()

    async def sip(reader, writer):
        await go.wait()
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(LONG) == b"u" * LONG
        writer.write(ok())
        await reader.read()

    async with asked(sip, line) as (rig, reader, writer):
        writer.write(b"u" * LONG)
        await settled(lambda: rig.relay._connections)
        (upstream,) = rig.relay._connections
        await settled(upstream.transport.get_write_buffer_size)
        await asyncio.sleep(0.1)
        assert upstream.transport.get_write_buffer_size() <= 512 * 1024
        assert rig.meter.up_bytes < LONG
        go.set()
        assert (await asyncio.wait_for(read_answer(reader), SECONDS)).endswith(b"hello")
        assert rig.meter.up_bytes > LONG


def test_the_kernel_tells_what_has_come_and_was_not_read():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as near:
            far, _ = listener.accept()
            with far:
                far.sendall(b"x" * 1000)
                near.recv(400, socket.MSG_WAITALL)
                transport = Mock(get_extra_info=lambda _name: near)
                told = 600 if sys.platform.startswith("linux") else 0
                assert unread_bytes(transport, 400) == told
                far.shutdown(socket.SHUT_WR)
                assert unread_bytes(transport, 400) == told
    assert unread_bytes(transport, 400) == 0
    assert unread_bytes(None, 0) == 0


async def stands_still(count, looks=20):
    """Wait until some number has come to be the same so many times in a row."""
    last = alike = 0
    for _ in range(100 * SECONDS):
        last, alike = count(), alike + 1 if count() == last else 0
        if alike == looks:
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never stands still")


@pytest.mark.parametrize("line", [GET, CONNECT])
async def test_what_had_come_when_a_transfer_is_cut_is_counted_though_nobody_read_it(line):
    """At its own end the gateway has sent a few MB more, which wait in its buffers."""
    delivered = []

    async def pour_and_note(reader, writer):
        sock = socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))
        try:
            await pour(reader, writer)
        finally:
            facts = sock.getsockopt(socket.IPPROTO_TCP, 11, 128)
            delivered.append(struct.unpack_from("=Q", facts, 120)[0])
            sock.close()

    async with asked(pour_and_note, line) as (rig, _reader, _writer):
        (leg,) = rig.relay._legs
        await settled(leg._transport.get_write_buffer_size)
        (upstream,) = rig.relay._connections
        await stands_still(upstream.unread)
        read = rig.meter.down_bytes
        waiting = upstream.unread()
        assert waiting > 0
        rig.relay.cut()
        await settled(lambda: not rig.relay.open_legs and not rig.relay._connections)
        assert rig.meter.down_bytes == read + waiting
        if line == GET:
            await settled(lambda: delivered)
            assert rig.meter.down_bytes == delivered[0]


async def test_near_a_budgets_end_the_kernel_takes_in_little_ahead():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        sizes = []
        for end in (None, 10**10, 10**8, 10**6):
            rig.meter.end_bytes = end
            await tunnel_buffer(rig, sizes)
        assert sizes[0] == sizes[1]
        assert 2 * 64 * 1024 >= sizes[2] > 64 * 1024 >= sizes[3]


async def tunnel_buffer(rig, sizes):
    reader, writer = await rig.connect()
    writer.write(rig.head(GET, "Host: s"))
    await read_answer(reader)
    sock = next(iter(rig.relay._connections)).transport.get_extra_info("socket")
    sizes.append(sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
    await closed(writer)
    (idle,) = (one for one in rig.relay._idle.values() if one)
    rig.relay._drop_oldest(idle)
    await settled(lambda: not rig.relay._connections)


async def test_who_finds_no_room_waits_for_it_and_is_turned_away_when_too_many_do():
    limits = replace(PATIENT, tunnels=2)
    async with Scripted(lambda _h: "silence") as gateway, Rig(gateway.port, limits=limits) as rig:
        ends = []
        for number in range(4):
            reader, writer = await rig.connect()
            writer.write(rig.head(f"GET http://shop.test/{number} HTTP/1.1", "Host: s"))
            ends.append((reader, writer))
            await settled(lambda: rig.relay.open_legs >= min(3, len(ends)))
        assert b" 503 " in await asyncio.wait_for(ends[3][0].read(), SECONDS)
        await settled(lambda: len(gateway.heads) == 2)
        await closed(ends[0][1])
        await settled(lambda: len(gateway.heads) == 3)
        assert b"/2 HTTP/1.1" in gateway.heads[2]
        for _, writer in ends:
            await closed(writer)


@pytest.mark.parametrize("ending", ["close", "abort"])
async def test_a_tunnel_that_is_granted_and_then_closed_is_found_by_lane_and_target(ending):
    async def slam(reader, writer):
        if ending == "abort":
            writer.transport.abort()

    async with (
        target(slam) as address,
        Scripted(lambda _h: "tunnel", target=address) as gateway,
        Rig(gateway.port) as rig,
    ):
        reader, writer = await tunnel_on(rig)
        assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        await closed(writer)
        refusals = rig.relay.refusals
        assert refusals.take_untold(lane=1, target="shop.test:443") is None
        found = refusals.take_untold(lane=0, target="shop.test:443")
        assert (found.cause, found.tunnel) == (Cause.HUNG_UP, True)
        assert refusals.take_untold(lane=0, target="shop.test:443") is None


async def test_a_tunnel_that_has_carried_an_answer_leaves_no_record():
    async with (
        target(echo) as address,
        Scripted(lambda _h: "tunnel", target=address) as gateway,
        Rig(gateway.port) as rig,
    ):
        reader, writer = await tunnel_on(rig)
        writer.write(b"ping")
        assert await asyncio.wait_for(reader.readexactly(4), SECONDS) == b"ping"
        writer.write_eof()
        await asyncio.wait_for(reader.read(), SECONDS)
        await closed(writer)
        assert rig.relay.refusals.take_untold(lane=0, target="shop.test:443") is None


async def test_a_lane_that_is_hung_up_keeps_no_connection_to_the_gateway():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        for lane in (0, 1):
            await rig.ask(GET, "Host: s", lane=lane)
        await rig.relay.hang_up(0)
        await settled(lambda: len(rig.relay._connections) == 1)
        assert rig.relay._idle_count == 1


async def test_connections_that_rest_are_few_whatever_the_number_of_credentials():
    limits = replace(PATIENT, tunnels=6)
    async with (
        Scripted(lambda _head: ok()) as gateway,
        Rig(gateway.port, lanes=12, limits=limits) as rig,
    ):
        for lane in (*range(12), 11):
            await rig.ask(GET, "Host: s", lane=lane)
        await settled(lambda: len(rig.relay._connections) == 4)
        assert rig.relay._idle_count == 4
        assert gateway.connections == 12


@pytest.mark.parametrize("line", [GET, CONNECT])
async def test_what_does_not_move_for_long_is_ended_on_both_sides_and_counted(line):
    limits = replace(PATIENT, idle=0.05)
    async with Scripted(lambda _h: "silence") as gateway, Rig(gateway.port, limits=limits) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.head(line, "Host: s"))
        await settled(lambda: gateway.heads)
        await asyncio.sleep(0.1)
        rig.relay._sweep()
        with suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), SECONDS) == b""
        await closed(writer)
        await settled(lambda: not rig.relay.open_legs and not rig.relay._connections)
        assert rig.meter.up_bytes == gateway.read_bytes


async def test_two_relays_in_one_process_know_nothing_of_each_other():
    async with (
        Scripted(lambda _head: ok()) as gateway,
        Rig(gateway.port) as one,
        Rig(gateway.port) as other,
    ):
        assert (await one.ask(GET, "Host: s")).endswith(b"hello")
        reader, writer = await other.connect()
        writer.write(one.head(GET, "Host: s"))
        assert b" 407 " in await asyncio.wait_for(reader.read(), SECONDS)
        await closed(writer)
        assert other.meter.wire_bytes == other.meter.exchanges == 0


async def test_a_refusal_that_ends_with_its_connection_is_still_the_gateways():
    class Closing(Scripted):
        async def _send(self, writer, data):
            await super()._send(writer, data)
            await closed(writer)

    answer = b"HTTP/1.1 407 No\r\nConnection: close\r\n\r\nwho are you?"
    async with Closing(lambda _head: answer) as gateway, Rig(gateway.port) as rig:
        assert (await rig.ask(GET, "Host: s")).startswith(b"HTTP/1.1 407 relay-failure=1\r\n")
        assert rig.meter.wire_bytes == 0
        assert rig.meter.unbilled_bytes == gateway.read_bytes + gateway.sent_bytes
