"""A relay on a gateway of a test's own, and a client's sockets."""

from __future__ import annotations

import asyncio

import pytest
from support.gateways import closed

from rf_core.io.relay import Relay, RelayLimits
from rf_core.lanes import Credential, Lanes
from rf_core.meter import Meter
from rf_core.models import Proxy
from rf_core.redaction import Secret

SECONDS = 60
"""Within which anything happens on any machine; a test that waits so long has found a hang."""

PATIENT = RelayLimits(connect=20.0, answer=20.0, drain=20.0)
"""Where nothing is to time out, on however busy a machine."""


class Rig:
    """A relay with its lanes on a gateway, and a client's sockets."""

    def __init__(
        self, gateway_port, *, lanes=2, limits=PATIENT, host="127.0.0.1", riders=None, each=None
    ):
        self.lanes = Lanes(lanes, each)
        self.lanes.add(
            Credential(Proxy(host, gateway_port, f"user-{n}", Secret(f"pass-{n}")), "premium")
            for n in range(lanes)
        )
        self.meter = Meter()
        self.relay = Relay(self.lanes, self.meter, limits=limits, riders=riders)

    async def __aenter__(self):
        await self.relay.start()
        return self

    async def __aexit__(self, *_exc):
        await self.relay.close()

    def refusal(self, answer):
        """The record behind an answer; these tests ask for one target on one lane at a time."""
        (known,) = self.relay.refusals._by_token.values()
        return self.relay.refusals.take(answer.decode(), lane=known.lane, target=known.target)

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.relay.port)

    def head(self, line, *extra, lane=0):
        auth = f"Proxy-Authorization: {self.relay.authorization(lane)}"
        return "\r\n".join((line, auth, *extra, "", "")).encode()

    async def ask(self, line, *extra, lane=0, body=b""):
        reader, writer = await self.connect()
        writer.write(self.head(line, *extra, lane=lane) + body)
        answer = await asyncio.wait_for(read_answer(reader, head=line.startswith("HEAD")), SECONDS)
        await closed(writer)
        return answer


async def read_answer(reader, *, head=False):
    raw = await reader.readuntil(b"\r\n\r\n")
    for line in raw.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and not head:
            return raw + await reader.readexactly(int(value))
    return raw


async def settled(check):
    """Wait until something that is under way has happened."""
    for _ in range(100 * SECONDS):
        if check():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"it did not happen within {SECONDS} seconds")
