"""The relay against a scripted gateway: what goes through, what is counted, who is let in."""

import asyncio
import base64
from dataclasses import replace

import pytest
from support.gateways import Scripted, closed, ok, refusal, target
from support.relays import PATIENT, SECONDS, Rig, read_answer, settled

from rf_core.refusals import Cause

GET = "GET http://shop.test/x HTTP/1.1"


async def test_a_plain_request_goes_out_with_its_lanes_credential_and_comes_back():
    """C-074"""
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        answer = await rig.ask(GET, "Host: shop.test", "X-Mine: 1", lane=1)
    assert answer.endswith(b"hello")
    head = gateway.heads[0].decode()
    assert head.startswith("GET http://shop.test/x HTTP/1.1\r\nHost: shop.test\r\nX-Mine: 1\r\n")
    assert base64.b64encode(b"user-1:pass-1").decode() in head
    assert head.count("Proxy-Authorization") == 1


async def test_every_byte_of_plain_exchanges_is_on_both_counts():
    async with Scripted(lambda _head: ok(b"x" * 5000)) as gateway, Rig(gateway.port) as rig:
        for n in range(5):
            await rig.ask(f"GET http://shop.test/{n} HTTP/1.1", "Host: shop.test")
        await rig.ask(
            "POST http://blog.test/ HTTP/1.1", "Host: b", "Content-Length: 6", body=b"abcdef"
        )
    assert (rig.meter.up_bytes, rig.meter.down_bytes) == (gateway.read_bytes, gateway.sent_bytes)
    assert set(rig.meter.spends) == {("premium", "shop.test"), ("premium", "blog.test")}
    assert rig.meter.exchanges == 6


async def test_connections_to_the_gateway_are_kept_alive_for_their_own_credential_only():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        for lane in (0, 1, 0, 1, 0, 1):
            await rig.ask(GET, "Host: shop.test", lane=lane)
        assert gateway.connections == 2


async def test_a_kept_alive_connection_carries_no_more_than_its_share_where_exits_rotate():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port, each=3) as rig:
        for _ in range(7):
            await rig.ask(GET, "Host: shop.test", lane=0)
        assert gateway.connections == 3


async def test_one_client_connection_may_carry_many_lanes():
    """Scrapy's default handler shares one connection between users on plain http."""
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        reader, writer = await rig.connect()
        for lane in (0, 1, 0):
            writer.write(rig.head(GET, "Host: shop.test", lane=lane))
            await asyncio.wait_for(read_answer(reader), SECONDS)
        await closed(writer)
    users = [b"user-1" in base64.b64decode(head.rpartition(b" ")[2]) for head in gateway.heads]
    assert users == [False, True, False]


@pytest.mark.parametrize("lane", [0, 1])
async def test_a_tunnel_carries_bytes_both_ways_and_counts_them(lane):
    """C-074"""

    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    async with (
        target(echo) as address,
        Scripted(lambda _h: "tunnel", target=address) as gateway,
        Rig(gateway.port) as rig,
    ):
        reader, writer = await rig.connect()
        writer.write(rig.head("CONNECT Shop.Test:443 HTTP/1.1", lane=lane))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        payload = bytes(range(256)) * 4000
        writer.write(payload)
        assert await asyncio.wait_for(reader.readexactly(len(payload)), SECONDS) == payload
        writer.write(b"bye")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), SECONDS) == b"bye"
        await closed(writer)
        await rig.relay.close()
        assert (rig.meter.up_bytes, rig.meter.down_bytes) == (
            gateway.read_bytes,
            gateway.sent_bytes,
        )
        assert list(rig.meter.spends) == [("premium", "shop.test")]
        assert rig.meter.tunnels == 1


@pytest.mark.parametrize(
    ("line", "tunnel"), [("CONNECT shop.test:443 HTTP/1.1", True), (GET, False)]
)
@pytest.mark.parametrize(
    ("status", "cause"),
    [(407, Cause.AUTH), (402, Cause.EXHAUSTED), (429, Cause.LIMITED), (403, Cause.BLOCKED)],
)
async def test_a_refusal_keeps_its_status_and_is_free(line, tunnel, status, cause):
    """C-167: the gateway's own 4xx cost nothing; C-168, C-169: the cause is named."""
    answers = refusal(status, b"Retry-After: 9")
    async with Scripted(lambda _head: answers) as gateway, Rig(gateway.port) as rig:
        answer = await rig.ask(line, "Host: shop.test", lane=1)
        assert answer.startswith(b"HTTP/1.1 %d relay-failure=1\r\n" % status)
        assert b"gw" not in answer
        record = rig.refusal(answer)
        assert (record.status, record.cause, record.lane) == (status, cause, 1)
        assert (record.retry_after, record.tunnel) == ("9", tunnel)
        await settled(lambda: len(gateway.heads) == 1 + rig.meter.probes)
    assert rig.meter.wire_bytes == 0
    assert rig.meter.unbilled_bytes == gateway.read_bytes + gateway.sent_bytes


async def test_a_502_of_the_gateways_own_is_billed():
    async with Scripted(lambda _head: refusal(502)) as gateway, Rig(gateway.port) as rig:
        answer = await rig.ask("CONNECT shop.test:443 HTTP/1.1")
        assert b" 502 relay-failure=" in answer
    assert rig.meter.wire_bytes == gateway.read_bytes + gateway.sent_bytes
    assert rig.meter.unbilled_bytes == 0


async def test_the_sites_own_429_is_passed_on_as_it_is():
    answer_429 = b"HTTP/1.1 429 Slow\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
    async with Scripted(lambda _head: answer_429) as gateway, Rig(gateway.port) as rig:
        assert await rig.ask(GET, "Host: shop.test") == answer_429
    assert rig.meter.unbilled_bytes == 0


async def test_a_gateway_that_hangs_up_on_connect_is_told_at_once():
    async with Scripted(lambda _head: None) as gateway, Rig(gateway.port) as rig:
        answer = await rig.ask("CONNECT shop.test:443 HTTP/1.1")
        assert rig.refusal(answer).cause is Cause.HUNG_UP


async def test_a_gateway_that_says_nothing_is_not_waited_for_for_ever():
    limits = replace(PATIENT, answer=0.1)
    async with Scripted(lambda _h: "silence") as gateway, Rig(gateway.port, limits=limits) as rig:
        answer = await rig.ask("CONNECT shop.test:443 HTTP/1.1")
        assert answer.startswith(b"HTTP/1.1 504 ")
        assert rig.refusal(answer).cause is Cause.TIMEOUT


@pytest.mark.parametrize("line", ["CONNECT shop.test:443 HTTP/1.1", GET])
async def test_a_gateway_that_is_not_there_is_named(line):
    async with Rig(1) as rig:
        answer = await rig.ask(line, "Host: shop.test")
        assert rig.refusal(answer).cause is Cause.UNREACHABLE


async def test_a_kept_alive_connection_that_died_is_replaced_once_for_a_get():
    calls = []

    def script(head):
        calls.append(head)
        return None if len(calls) == 2 else ok()

    async with Scripted(script) as gateway, Rig(gateway.port) as rig:
        assert (await rig.ask(GET, "Host: shop.test")).endswith(b"hello")
        assert (await rig.ask(GET, "Host: shop.test")).endswith(b"hello")
        assert rig.meter.replays == 1
    assert len(calls) == 3


async def test_a_post_is_never_sent_twice():
    calls = []

    def script(head):
        calls.append(head)
        return None if len(calls) == 2 else ok()

    post = ("POST http://shop.test/ HTTP/1.1", "Host: shop.test", "Content-Length: 3")
    async with Scripted(script) as gateway, Rig(gateway.port) as rig:
        await rig.ask(*post, body=b"abc")
        answer = await rig.ask(*post, body=b"abc")
        assert answer.startswith(b"HTTP/1.1 502 relay-failure=")
    assert len(calls) == 2


async def test_head_has_no_body_to_wait_for_and_keeps_the_connection():
    async with Scripted(lambda _h: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") as gateway:
        async with Rig(gateway.port) as rig:
            for _ in range(3):
                answer = await rig.ask("HEAD http://shop.test/ HTTP/1.1", "Host: shop.test")
                assert b"Content-Length: 9" in answer
        assert gateway.connections == 1


async def test_a_chunked_upload_stays_chunked():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        answer = await rig.ask(
            "POST http://shop.test/ HTTP/1.1",
            "Host: shop.test",
            "Transfer-Encoding: chunked",
            body=b"3\r\nabc\r\n0\r\n\r\n",
        )
        assert answer.endswith(b"hello")
        await settled(lambda: gateway.read_bytes == rig.meter.up_bytes)
    assert b"Transfer-Encoding: chunked" in gateway.heads[0]


async def test_a_body_that_ends_with_the_connection_arrives_whole():
    body = b"y" * 300_000

    def script(_head):
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body

    class Closing(Scripted):
        async def _send(self, writer, data):
            await super()._send(writer, data)
            await closed(writer)

    async with Closing(script) as gateway, Rig(gateway.port) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.head(GET, "Host: shop.test"))
        answer = await asyncio.wait_for(reader.read(), SECONDS)
        assert answer.endswith(body)
        await closed(writer)
    assert rig.meter.down_bytes == gateway.sent_bytes


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic bGFuZS0wOndyb25n",
        "Bearer x",
        "Basic !!!",
        "Basic " + base64.b64encode(b"lane-0").decode(),
    ],
)
async def test_strangers_are_not_served(authorization):
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        for line in (GET, "CONNECT shop.test:443 HTTP/1.1"):
            reader, writer = await rig.connect()
            lines = [line, "Host: shop.test"]
            if authorization:
                lines.append(f"Proxy-Authorization: {authorization}")
            writer.write("\r\n".join((*lines, "", "")).encode())
            assert (await asyncio.wait_for(reader.read(), SECONDS)).startswith(b"HTTP/1.1 407 ")
            await closed(writer)
    assert gateway.connections == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: me\r\n",
        b"GET ftp://shop.test/ HTTP/1.1\r\n",
        b"CONNECT shop.test HTTP/1.1\r\n",
        b"CONNECT :443 HTTP/1.1\r\n",
        b"CONNECT shop.test:99999 HTTP/1.1\r\n",
    ],
)
async def test_what_no_proxy_can_serve_is_refused(raw):
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        reader, writer = await rig.connect()
        auth = f"Proxy-Authorization: {rig.relay.authorization(0)}\r\n\r\n".encode()
        writer.write(raw + auth)
        assert (await asyncio.wait_for(reader.read(), SECONDS)).startswith(b"HTTP/1.1 400 ")
        await closed(writer)
    assert gateway.connections == 0


async def test_garbage_and_endless_heads_end_the_connection():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        for raw in (
            b"\x16\x03\x01\x02\x00garbage\r\n\r\n",
            b"GET http://a/ HTTP/1.1\r\nX: " + b"a" * 70_000,
        ):
            reader, writer = await rig.connect()
            writer.write(raw)
            assert b"HTTP/1.1 4" in await asyncio.wait_for(reader.read(), SECONDS)
            await closed(writer)


async def test_pipelined_requests_are_refused_and_never_mixed():
    async with Scripted(lambda _head: "silence") as gateway, Rig(gateway.port) as rig:
        reader, writer = await rig.connect()
        writer.write(rig.head(GET, "Host: a") + rig.head(GET, "Host: a", lane=1))
        assert (await asyncio.wait_for(reader.read(), SECONDS)).startswith(b"HTTP/1.1 400 ")
        await closed(writer)
        assert rig.relay.open_legs <= 1


async def test_a_client_that_leaves_takes_its_connections_along():
    async with Scripted(lambda _head: "silence") as gateway, Rig(gateway.port) as rig:
        _reader, writer = await rig.connect()
        writer.write(rig.head(GET, "Host: shop.test"))
        await settled(lambda: gateway.heads)
        await closed(writer)
        await settled(lambda: rig.relay.open_legs == 0)
        assert rig.meter.up_bytes == gateway.read_bytes


async def test_hanging_up_a_lane_leaves_the_others_alone():
    held = asyncio.Event()

    async def hold(_reader, _writer):
        await held.wait()

    async with (
        target(hold) as address,
        Scripted(lambda _h: "tunnel", target=address) as gateway,
        Rig(gateway.port) as rig,
    ):
        ends = []
        for lane in (0, 1):
            reader, writer = await rig.connect()
            writer.write(rig.head("CONNECT shop.test:443 HTTP/1.1", lane=lane))
            await reader.readuntil(b"\r\n\r\n")
            ends.append((reader, writer))
        await rig.relay.hang_up(0)
        assert await asyncio.wait_for(ends[0][0].read(), SECONDS) == b""
        assert rig.relay.open_legs == 1
        assert not ends[1][0].at_eof()
        held.set()
        for _, writer in ends:
            await closed(writer)


async def test_idle_connections_make_room_and_busy_ones_stay():
    limits = replace(PATIENT, tunnels=3)

    async def hold(reader, _writer):
        await reader.read()

    async with (
        target(hold) as address,
        Scripted(lambda _h: "tunnel", target=address) as gateway,
        Rig(gateway.port, lanes=1, limits=limits) as rig,
    ):
        lane = rig.lanes.take("busy.test:443")
        ends = []
        for name in ("busy", "a", "b", "c", "d"):
            reader, writer = await rig.connect()
            writer.write(rig.head(f"CONNECT {name}.test:443 HTTP/1.1"))
            await reader.readuntil(b"\r\n\r\n")
            ends.append((reader, writer))
        await settled(lambda: rig.relay.open_legs == 3)
        assert not ends[0][0].at_eof()
        assert await asyncio.wait_for(ends[1][0].read(), SECONDS) == b""
        rig.lanes.release(lane, "busy.test:443")
        for _, writer in ends:
            await closed(writer)


async def test_the_secret_is_not_in_what_prints():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        token = base64.b64decode(rig.relay.authorization(0).split()[1]).decode().split(":")[1]
        assert token not in repr(rig.relay)
        assert token not in repr(vars(rig.relay))
        assert "pass-0" not in repr(rig.lanes) + repr(list(rig.lanes))


async def test_an_ipv6_target_without_brackets_gets_them():
    """As Scrapy's httpx handler writes them, in tunnels and in URLs."""
    async with Scripted(lambda _head: refusal(403)) as gateway, Rig(gateway.port) as rig:
        answer = await rig.ask("CONNECT ::1:443 HTTP/1.1", "Host: ::1:443")
        assert rig.refusal(answer).target == "[::1]:443"
        answer = await rig.ask("GET http://::1:8080/a HTTP/1.1", "Host: [::1]:8080")
        assert rig.refusal(answer).target == "[::1]:8080"
        starts = [head.split(b"\r\n")[0] for head in gateway.heads]
        assert starts == [b"CONNECT [::1]:443 HTTP/1.1", b"GET http://[::1]:8080/a HTTP/1.1"]
