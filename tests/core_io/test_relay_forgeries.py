"""A target on plain http can say whatever a gateway says: it is not believed of anybody else."""

import asyncio
from dataclasses import replace

import pytest
from support.gateways import Scripted, ok, refusal
from support.relays import PATIENT, Rig, settled

from rf_core.refusals import Cause

GET = "GET http://shop.test/ HTTP/1.1"
GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def lying(status, *headers, body=b"no!", tunnels=GRANTED):
    """A gateway that works, and carries the answers of a target that plays the gateway."""
    lines = [b"HTTP/1.1 %d No" % status, *headers, b"Content-Length: %d" % len(body)]
    forged = b"\r\n".join([*lines, b"", body])
    return lambda head: tunnels if head.startswith(b"CONNECT ") else forged


FORGERIES = [
    (407, b"Proxy-Authenticate: Basic realm=x"),
    (402, b"Proxy-Status: gateway; error=quota"),
    (403, b'Proxy-Status: gateway; error=x; details="demo credentials"'),
    (403, b"Proxy-Status: gateway; error=x\r\nX-Error: traffic limit exhausted"),
]


@pytest.mark.parametrize(("status", "header"), FORGERIES)
async def test_what_the_gateway_denies_is_tried_again_and_then_the_targets_answer(status, header):
    async with Scripted(lying(status, header)) as gateway, Rig(gateway.port) as rig:
        first = await rig.ask(GET, "Host: shop.test")
        record = rig.refusal(first)
        assert (record.status, record.cause) == (status, Cause.OTHER)
        second = await rig.ask(GET, "Host: shop.test", lane=1)
        assert second.startswith(b"HTTP/1.1 %d No\r\n" % status)
        assert second.endswith(b"no!")
        await settled(lambda: not rig.relay._connections or rig.relay._idle_count)
        assert rig.meter.probes == 1
        assert gateway.heads[1].startswith(b"CONNECT shop.test:80 ")
    assert rig.meter.unbilled_bytes == 0, "it is paid"
    assert rig.meter.wire_bytes == gateway.read_bytes + gateway.sent_bytes


async def test_each_credential_is_asked_about_once_however_many_requests_it_carries():
    def slowly(head):
        return refusal(407)

    async with Scripted(slowly) as gateway, Rig(gateway.port) as rig:
        answers = await asyncio.gather(*(rig.ask(GET, "Host: shop.test") for _ in range(8)))
        assert all(answer.startswith(b"HTTP/1.1 407 relay-failure=") for answer in answers)
        assert rig.meter.probes == 1
        causes = {one.cause for one in rig.relay.refusals._by_token.values()}
        assert causes == {Cause.AUTH}
    assert rig.meter.wire_bytes == 0


async def test_the_gateways_word_counts_and_not_what_the_plain_answer_made_of_it():
    script = lying(402, b"Proxy-Status: x; error=quota", tunnels=refusal(407))
    async with Scripted(script) as gateway, Rig(gateway.port) as rig:
        record = rig.refusal(await rig.ask(GET, "Host: shop.test"))
        assert (record.status, record.cause) == (407, Cause.AUTH)


@pytest.mark.parametrize("tunnels", [None, b"what?\r\n\r\n"])
async def test_a_gateway_that_gives_no_clear_answer_makes_nobody_believe_anything(tunnels):
    script = lying(407, tunnels=tunnels)
    async with Scripted(script) as gateway, Rig(gateway.port) as rig:
        record = rig.refusal(await rig.ask(GET, "Host: shop.test"))
        assert (record.status, record.cause) == (407, Cause.OTHER)


async def test_an_error_of_the_gateways_own_says_nothing_of_a_target():
    """Asked at a bad moment: were its plain 407s believed of the target, they would be lost."""
    words = [refusal(502), refusal(407)]

    def script(head):
        return words.pop(0) if head.startswith(b"CONNECT ") else refusal(407)

    async with Scripted(script) as gateway, Rig(gateway.port) as rig:
        record = rig.refusal(await rig.ask(GET, "Host: shop.test"))
        assert (record.status, record.cause) == (407, Cause.OTHER)
        record = rig.refusal(await rig.ask(GET, "Host: shop.test"))
        assert (record.status, record.cause) == (407, Cause.AUTH)
        assert rig.meter.probes == 2


async def test_a_refusal_too_long_for_a_gateway_is_the_targets_and_paid():
    """Else a target could send any amount past the budget."""
    body = b"x" * 300_000
    script = lying(403, b"Proxy-Status: gateway; error=x", body=body)
    async with Scripted(script) as gateway, Rig(gateway.port) as rig:
        answer = await rig.ask(GET, "Host: shop.test")
        assert answer.startswith(b"HTTP/1.1 403 No\r\n")
        assert answer.endswith(body)
        assert rig.meter.probes == 0
    assert rig.meter.wire_bytes == gateway.read_bytes + gateway.sent_bytes


async def test_a_client_that_goes_while_the_gateway_is_asked_leaves_nothing_behind():
    gateway, limits = Scripted(lying(407, tunnels="silence")), replace(PATIENT, drain=0.1)
    async with gateway, Rig(gateway.port, limits=limits) as rig:
        _reader, writer = await rig.connect()
        writer.write(rig.head(GET, "Host: shop.test"))
        await settled(lambda: rig.meter.probes == 1)
        writer.transport.abort()
        await settled(lambda: rig.relay.open_legs == 0)


async def test_nobody_is_asked_where_nothing_is_refused():
    async with Scripted(lambda _head: ok()) as gateway, Rig(gateway.port) as rig:
        await rig.ask(GET, "Host: shop.test")
        assert rig.meter.probes == 0
