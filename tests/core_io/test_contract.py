"""The client against every reading of every open question: both profiles, each switch alone.

All five calls, orders of both kinds, and what is refused: each ends in a right answer or in the
right error, whichever way the provider turns out to be.
"""

from urllib.parse import urlsplit

import pytest
from support.clients import KINDS, clock_for, open_client

from rf_core import orders
from rf_core.errors import (
    AccountDisabledError,
    ApiError,
    InsufficientScopeError,
    InternalError,
    ResponseError,
    TransportError,
    UnauthorizedError,
)
from rf_core.io.client import Client
from rf_core.io.stores import MemoryStore
from rf_core.io.windows import Windows
from rf_core.models import Order
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.switches import READINGS, of_profile

NUMBERS = {
    "clock_skew_seconds": [3_600, -3_600],
    "meter_lag_seconds": [5],
    "meter_cadence_seconds": [2],
}
READING_SETS = {"documented": {}, "adverse": of_profile("adverse").document()} | {
    f"{name}={reading}": {name: reading}
    for name, facts in READINGS.items()
    for reading in NUMBERS.get(name, facts.readings[1:])
}
REFUSING = {
    "plaintext=403": ApiError,
    "plaintext=301": ResponseError,
    "plaintext=close": TransportError,
}
"""Readings under which there is no answer at all: what every call ends in (C-003)."""

PLENTY = 5_000
UNKNOWN_KEY = "rf_live_thiskeywasnevermintedbyanyone"


@pytest.fixture(scope="module")
def running():
    with Sandbox(seed=11) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running):
    running.reset()
    running.limit(generate=PLENTY, reads=PLENTY)
    yield running
    running.reset()


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def opened(kind, settings_for):
    """Open a client of this kind, with windows of its own."""

    def open_it(url, key):
        clock = clock_for(kind)
        windows = Windows(MemoryStore(clock), key, holder="test", clock=clock)
        return open_client(kind, settings_for(url, key), windows=windows, clock=clock)

    return open_it


async def refused(error, call, status=None):
    with pytest.raises(error) as caught:
        await call
    if status is not None:
        assert caught.value.status in status
    return caught.value


async def read_everything(client, sandbox):
    """C-005 C-015 C-090 C-093 C-100 C-101 C-105 C-122 C-123 C-124 C-125"""
    account = await client.me()
    assert account.key_last4 == sandbox.key[-4:]
    assert set(account.scopes) == {"proxies:generate", "usage:read", "pools:read"}
    exact = sandbox.state()["balances_bytes"]
    balance = await client.balance()
    for pool, count in exact.items():
        assert balance.balances[pool] == pytest.approx(count, abs=107_375)
    usage = await client.usage()
    assert sorted(usage.top_domains, key=lambda one: (-one.bytes, one.domain)) == list(
        usage.top_domains
    )
    discovery = await client.pools()
    assert {pool.id for pool in discovery.pools} == set(exact)
    assert "us" in discovery.targeting.countries
    assert discovery.targeting.carriers == ()
    assert discovery.answer.json()["pools"]
    document = await client.request("GET", "openapi.json")
    assert document.json()["openapi"].startswith("3.1")
    return discovery


async def order_both_kinds(client, sandbox, discovery, read):
    """An order says what has a surprising default and no more; what comes names its own pool."""
    host, port = sandbox.gateway
    wanted = [
        Order(country="US", session_minutes=99_999, quantity=3),
        Order(pool="premium", country="us", state="ca", proxy_type="sticky", quantity=3),
        Order(pool="premium", proxy_type="sticky", session_minutes=10, quantity=3),
    ]
    for order in wanted:
        call = client.generate(orders.check(order, discovery))
        if read["short_count"] == "wrong":
            error = await refused(ResponseError, call, {200})
            assert error.path == "$.count"
            continue
        batch = await call
        assert not batch.is_demo
        assert batch.pool in {pool.id for pool in discovery.pools}
        assert 1 <= len(batch.proxies) <= batch.count <= 3
        assert batch.country in {order.country and order.country.lower(), ""}
        for proxy in batch.proxies:
            assert (proxy.host, proxy.port) == (host, port)
            assert urlsplit(proxy.url).port == port


async def be_refused(client, opened, sandbox):
    """C-018 C-020 C-021 C-096 C-106 C-141 C-142 C-144 C-150"""
    unlisted = Order(pool="nowhere")
    await refused(ApiError, client.generate(unlisted), {404})
    untaken = Order(pool="premium", proxy_type="mobile_sticky")
    await refused(ApiError, client.generate(untaken), {400, 404, 409, 422})
    await refused(ApiError, client.request("GET", "usage", params={"limit": "0"}), {400, 422})
    await refused(ApiError, client.request("GET", "brand-new"), {404})
    async with opened(sandbox.api, UNKNOWN_KEY) as stranger:
        for call in (stranger.me(), stranger.balance(), stranger.generate(Order())):
            await refused(UnauthorizedError, call, {401})
    poor = sandbox.make_key()["key"]
    async with opened(sandbox.api, poor) as modest:
        assert (await modest.me()).scopes == ()
        for call, scope in [
            (modest.balance(), "usage:read"),
            (modest.usage(), "usage:read"),
            (modest.pools(), "pools:read"),
            (modest.generate(Order()), "proxies:generate"),
        ]:
            error = await refused(InsufficientScopeError, call, {403})
            assert error.scope == scope


async def run_dry(client, sandbox, read):
    """C-068 C-069 C-094: an empty account gets credentials that say that they do not work"""
    pools = set(sandbox.state()["balances_bytes"])
    for pool in pools:
        sandbox.set_balance(pool, 0)
    if read["short_count"] != "wrong":
        assert (await client.generate(Order(quantity=2))).is_demo
    left = (await client.balance()).balances
    assert [pool for pool in pools & set(left) if left[pool] > 0] == []


async def be_topped_up(client, sandbox, read):
    """C-071: from the next order on, credentials work"""
    for pool in sandbox.state()["balances_bytes"]:
        sandbox.top_up(pool, 2**30)
    if read["short_count"] != "wrong":
        assert not (await client.generate(Order(quantity=2))).is_demo


async def be_suspended(client, sandbox, read):
    """C-019 C-020"""
    sandbox.disable_account()
    await refused(AccountDisabledError, client.generate(Order()), {403})
    for call in (client.me(), client.balance(), client.pools(), client.usage()):
        if read["disabled_only_proxies"] == "yes":
            await call
        else:
            await refused(AccountDisabledError, call, {403})


@pytest.mark.parametrize("readings", [name for name in READING_SETS if name not in REFUSING])
async def test_whatever_the_provider_means_the_answer_is_right(opened, sandbox, readings):
    """C-005 C-015 C-020 C-021 C-030 C-031 C-034 C-035 C-040 C-046 C-050 C-060 C-071 C-073 C-079

    C-090 C-096 C-106 C-123: and every row that a switch names.
    """
    switches = sandbox.switch(**READING_SETS[readings])["switches"]
    read = {name: told["reading"] for name, told in switches.items()}
    async with opened(sandbox.api, sandbox.key) as client:
        discovery = await read_everything(client, sandbox)
        await order_both_kinds(client, sandbox, discovery, read)
        await be_refused(client, opened, sandbox)
        await run_dry(client, sandbox, read)
        await be_topped_up(client, sandbox, read)
        await be_suspended(client, sandbox, read)
    assert sandbox.state()["violations"] == 0


@pytest.mark.parametrize("readings", REFUSING)
async def test_whoever_serves_no_plaintext_is_told_apart(opened, sandbox, readings):
    """C-002 C-003: an error of its own kind, and nothing is sent twice to another place"""
    sandbox.switch(**READING_SETS[readings])
    async with opened(sandbox.api, sandbox.key) as client:
        for call in (client.me(), client.balance(), client.pools(), client.usage()):
            await refused(REFUSING[readings], call)
        await refused(REFUSING[readings], client.generate(Order()))
        await refused(REFUSING[readings], client.request("GET", "openapi.json"))
    assert sandbox.journal()["calls"] == []


async def test_an_authority_that_nobody_knows_is_not_trusted(opened, sandbox):
    """C-002: TLS is verified, always"""
    async with opened(sandbox.ready["api_tls"], sandbox.key) as client:
        error = await refused(TransportError, client.me())
    assert "certificate verify failed" in str(error)
    assert sandbox.journal()["calls"] == []


def test_what_the_api_cannot_do_is_no_call_of_the_client():
    """C-004 C-016: five calls, anything else by name, and what a client needs to be one"""
    calls = {name for name in dir(Client) if not name.startswith("_")}
    assert calls == {
        *("me", "pools", "balance", "usage", "generate", "generate_into", "request"),
        *("headroom", "skew_seconds", "close"),
    }


FAULTS = {
    "late": ({"kind": "latency", "milliseconds": 20}, None),
    "in pieces": ({"kind": "drip", "bytes": 20, "milliseconds": 1}, None),
    "reset": ({"kind": "reset", "bytes": 30}, TransportError),
    "cut off": ({"kind": "truncate", "bytes": 10}, TransportError),
    "no whole JSON": ({"kind": "bad_json"}, ResponseError),
    "failed": ({"kind": "status", "status": 500}, InternalError),
    "an edge in trouble": ({"kind": "status", "status": 502, "body": "<html>"}, InternalError),
    "an empty 503": ({"kind": "status", "status": 503, "body": ""}, InternalError),
    "a page instead": ({"kind": "status", "status": 200, "body": "<html>"}, ResponseError),
    "a list instead": ({"kind": "status", "status": 200, "body": "[1]"}, ResponseError),
    "nothing in it": ({"kind": "status", "status": 200, "body": "{}"}, ResponseError),
    "418": ({"kind": "status", "status": 418, "body": "tea"}, ResponseError),
    "a code of tomorrow": ({"kind": "status", "status": 409, "code": "teapot_mode"}, ApiError),
    "moved": (
        {
            "kind": "status",
            "status": 307,
            "body": "<html>",
            "headers": {"location": "http://127.0.0.1:1/"},
        },
        ResponseError,
    ),
    "no headers of windows": (
        {
            "kind": "headers",
            "headers": {
                "ratelimit-limit": None,
                "ratelimit-remaining": None,
                "ratelimit-reset": None,
            },
        },
        None,
    ),
    "garbage in headers": (
        {
            "kind": "headers",
            "headers": {
                "ratelimit-limit": "many",
                "ratelimit-remaining": "-1",
                "ratelimit-reset": "1e999",
                "date": "yesterday",
                "content-type": "text/html; charset=klingon",
            },
        },
        None,
    ),
    "another clock": ({"kind": "clock_skew", "seconds": -86_400}, None),
}
PASSING = {TransportError, InternalError}


@pytest.mark.parametrize("ask", ["order", "read"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_ends_in_a_right_answer_or_an_error_with_a_name(
    opened, sandbox, fault, ask
):
    """C-122 C-142 C-145 C-146 C-147: once, and for ever"""
    sandbox.switch(**READING_SETS["adverse"])
    what, error = FAULTS[fault]
    rule = {"where": "api", "what": what}
    async with opened(sandbox.api, sandbox.key) as client:

        def call():
            return client.generate(Order(quantity=3)) if ask == "order" else client.balance()

        sandbox.faults(rule | {"match": {"nth": [1]}})
        if error in PASSING or error is None:
            await call()
        sandbox.faults(rule)
        if error is None:
            await call()
        else:
            await refused(error, call())
        sandbox.faults()
        await call()


async def test_a_key_that_is_revoked_by_the_way_is_refused_at_the_next_call(opened, sandbox):
    """C-013"""
    sandbox.faults({"where": "api", "what": {"kind": "revoke_key"}, "match": {"nth": [1]}})
    async with opened(sandbox.api, sandbox.key) as client:
        await refused(UnauthorizedError, client.generate(Order()), {401})
        await refused(UnauthorizedError, client.me(), {401})
