"""Two counts that were made apart agree: the relay's and the sandbox's gateway's, to the byte."""

import asyncio
import base64

import pytest
from support.relays import PATIENT
from support.sandboxes import proxies_of, settled_of
from support.transfers import KINDS, Traveller, ipv6

from rf_core.io.relay import Relay
from rf_core.lanes import Credential, Lanes
from rf_core.meter import Meter
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=21) as running:
        yield running


@pytest.fixture
async def relay(sandbox):
    (user, password), *_ = proxies_of(sandbox)
    sandbox.limit(generate=1_000)
    host, port = sandbox.gateway
    lanes = Lanes(1)
    lanes.add([Credential(Proxy(host, port, user, Secret(password)), "premium")])
    relay = Relay(lanes, Meter(), limits=PATIENT)
    await relay.start()
    yield relay
    await relay.close()


def counts(rows):
    up, down = (sum(row[name] for row in rows) for name in ("bytes_up", "bytes_down"))
    assert all(row["billed"] and row["billed_bytes"] for row in rows)
    return up, down


@pytest.mark.parametrize("kind", [*KINDS, ipv6], ids=lambda kind: kind.__name__)
async def test_every_kind_of_transfer_differs_by_nothing(kind, sandbox, relay):
    before = len(settled_of(sandbox))
    sites = {"http": sandbox.site_http, "https": sandbox.site_https, "ca": sandbox.ca}
    user, password = read(relay.authorization(0))
    async with Traveller(relay.port, user, password, **sites) as traveller:
        await kind(traveller)
    await relay.close()
    rows = (await asyncio.to_thread(settled_of, sandbox))[before:]
    assert rows
    assert (relay.meter.up_bytes, relay.meter.down_bytes) == counts(rows)
    assert relay.meter.unbilled_bytes == relay.meter.replays == 0


def read(authorization):
    token = authorization.partition(" ")[2]
    return base64.b64decode(token).decode().split(":")
