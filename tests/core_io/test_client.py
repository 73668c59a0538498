"""The client on real sockets, against an API that does whatever the test says."""

import asyncio
import gzip
import json
import logging
import time

import pytest
from support.apis import ScriptedApi, answer, refusal
from support.clients import KINDS, clock_for, open_client, open_governed

from rf_core.errors import (
    ApiError,
    DeadlineError,
    InternalError,
    RateLimitedError,
    ResponseError,
    StateError,
    TransportError,
    UnauthorizedError,
)
from rf_core.harvest import Harvest
from rf_core.io import calling, http
from rf_core.io.session import Session
from rf_core.io.windows import Windows
from rf_core.models import Order

ACCOUNT = {
    "id": 7,
    "username": "jane",
    "scopes": [],
    "balances": {},
    "key": {"name": "k", "prefix": "rf_live_", "last4": "x7kQ"},
}
BATCH = {
    "proxies": [{"host": "h", "port": 1, "username": "u", "password": "hunter2"}],
    "count": 1,
    "country": None,
    "is_demo": False,
    "pool": "shop",
    "format": "json",
}
OK = answer(200, ACCOUNT)


@pytest.fixture
async def api():
    async with ScriptedApi() as running:
        yield running


@pytest.fixture(params=KINDS)
def kind(request):
    """Every test is one of both clients."""
    return request.param


@pytest.fixture
def clock(kind):
    return clock_for(kind)


@pytest.fixture
async def client(kind, api, settings_for, clock):
    async with open_client(
        kind, settings_for(api.url), windows=None, clock=clock, chance=lambda: 0.0
    ) as opened:
        yield opened


@pytest.fixture
async def governed(kind, api, settings_for, tmp_path, clock):
    client, state = await open_governed(
        kind, settings_for(api.url), tmp_path / "state", clock, chance=lambda: 0.0
    )
    async with client:
        yield client
    await state.close()


async def used(client, group="reads"):
    return next(h for h in await client.headroom() if h.group == group).used


async def test_a_call_says_who_asks_and_carries_the_key_once(api, client):
    """C-008 C-153"""
    api.script = [OK]
    assert (await client.me()).username == "jane"
    (request,) = api.requests
    assert request.line == "GET /api/v1/me HTTP/1.1"
    assert request.all("authorization") == ["Bearer rf_live_0123456789abcdefx7kQ"]
    assert request.all("user-agent")[0].startswith("resifactory-toolkit/")
    assert request.all("accept-encoding") == ["gzip"]


async def test_an_order_is_one_post_of_json(api, client):
    """C-006 C-033"""
    api.script = [answer(200, BATCH)]
    batch = await client.generate(Order(country="us"))
    (request,) = api.requests
    assert request.line == "POST /api/v1/proxies HTTP/1.1"
    assert request.all("content-type") == ["application/json"]
    assert json.loads(request.body)["proxyType"] == "rotating"
    assert batch.proxies[0].password.reveal() == "hunter2"


async def test_a_redirect_is_never_followed(api, client):
    """C-002 C-003: the key would be sent again"""
    for status in (301, 302, 307, 308):
        api.script = [answer(status, headers=[f"location: {api.url}/elsewhere"])]
        with pytest.raises(ResponseError, match=str(status)):
            await client.me()
    assert {request.line for request in api.requests} == {"GET /api/v1/me HTTP/1.1"}


async def test_proxies_of_the_environment_are_left_alone(api, client, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    api.script = [OK]
    assert (await client.me()).id == 7


async def test_a_refused_key_is_final(api, client):
    """C-013"""
    api.script = [refusal(401, "unauthorized")]
    with pytest.raises(UnauthorizedError):
        await client.me()
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        refusal(500, "internal_error"),
        answer(502, raw=b"<html>Bad Gateway</html>"),
        answer(200, raw=b"<html>hello</html>"),
        answer(200, raw=b'{"id": 7, "user'),
        "reset",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
    ids=["500", "html 502", "html 200", "cut json", "reset", "wrong length", "not http", "204"],
)
async def test_passing_trouble_is_tried_again(api, client, clock, trouble):
    """C-145 C-146"""
    api.script = [trouble, OK]
    if isinstance(trouble, bytes) and b"content-length: 5" in trouble:
        # The rest never comes: the connection has to end for it to be noticed.
        api.script[0] = trouble.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
        asyncio.get_running_loop().call_later(0.2, lambda: [w.close() for w in api._open])
    assert (await client.me()).username == "jane"
    assert clock.slept == [0.5]


async def test_lasting_trouble_ends_after_three_more_attempts(api, client, clock):
    """C-145"""
    api.script = [refusal(500, "internal_error")]
    with pytest.raises(InternalError):
        await client.me()
    assert len(api.requests) == 4
    assert clock.slept == [0.5, 1.0, 2.0]


async def test_a_429_is_obeyed_then_doubled_until_the_deadline(api, client, clock):
    """C-126 C-127"""
    api.script = [refusal(429, "rate_limited", ["retry-after: 20"])]
    with pytest.raises(RateLimitedError) as caught:
        await client.me()
    assert caught.value.retry_after == 20
    assert clock.slept == [20, 40]


async def test_nobody_there_says_so_with_the_address_and_costs_no_slot(governed, api):
    await api.__aexit__()
    with pytest.raises(TransportError, match="cannot be reached") as caught:
        await governed.me()
    assert api.url in str(caught.value)
    assert not caught.value.sent
    assert await used(governed) == 0


async def test_every_attempt_takes_a_slot_refused_ones_too(api, governed):
    """C-128"""
    api.script = [refusal(500, "internal_error"), refusal(400, "invalid_request")]
    with pytest.raises(Exception, match="400"):
        await governed.me()
    assert await used(governed) == 2


async def test_generation_and_reads_take_slots_of_their_own_windows(api, governed):
    """C-121 C-133"""
    api.script = [answer(200, BATCH)]
    await governed.generate(Order())
    assert await used(governed, "generate") == 1
    assert await used(governed) == 0


async def test_an_answer_that_never_comes_keeps_its_slot(api, governed, clock, monkeypatch):
    monkeypatch.setattr(calling, "READ_SECONDS", 0.2)
    api.script = ["hang"]
    with pytest.raises(TransportError, match="did not answer in time"):
        await governed.me()
    assert await used(governed) == 4
    clock.advance(75)
    assert await used(governed) == 0


@pytest.mark.parametrize("begun", [b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"HTTP/1.1"])
async def test_an_answer_that_drips_is_cut_off(kind, settings_for, monkeypatch, begun):
    monkeypatch.setattr(calling, "READ_SECONDS", 0.3)
    monkeypatch.setattr(calling, "CONNECT_SECONDS", 0.2)

    async def drip(_reader, writer):
        writer.write(begun)
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    began = time.monotonic()
    async with server, open_client(kind, settings_for(url), windows=None, attempts=1) as client:
        with pytest.raises(TransportError, match="in time"):
            await client.me()
        assert time.monotonic() - began < 3


async def test_an_answer_larger_than_any_can_be_is_refused(api, client, monkeypatch):
    """C-078: also when it is small on the wire"""
    monkeypatch.setattr(http, "LARGEST_ANSWER", 100_000)
    bomb = gzip.compress(b" " * 10_000_000)
    api.script = [answer(200, raw=bomb, headers=["content-encoding: gzip"])]
    with pytest.raises(ResponseError, match="larger"):
        await client.me()


async def test_gzip_is_understood(api, client):
    """C-078"""
    packed = gzip.compress(json.dumps(ACCOUNT).encode())
    api.script = [answer(200, raw=packed, headers=["content-encoding: gzip"])]
    assert (await client.me()).id == 7


async def test_a_full_window_is_sat_out_and_a_longer_wait_is_said(api, governed, clock):
    api.script = [answer(200, BATCH, ["ratelimit-limit: 2"])]
    for _ in range(3):
        await governed.generate(Order())
    assert sum(clock.slept) == pytest.approx(61, abs=0.1)
    await governed.generate(Order(), deadline_seconds=30)
    with pytest.raises(DeadlineError, match="generate is 61 s away"):
        await governed.generate(Order(), deadline_seconds=30)


async def test_the_limit_is_what_the_server_says_today(api, governed):
    """C-130"""
    api.script = [answer(200, ACCOUNT, ["ratelimit-limit: 7", "ratelimit-remaining: 6"])]
    await governed.me()
    reads = (await governed.headroom())[1]
    assert (reads.limit, reads.used, reads.foreign, reads.free) == (7, 1, 0, 6)


async def test_somebody_else_on_the_same_key_is_seen_in_the_headers(api, governed):
    """C-132"""
    api.script = [answer(200, ACCOUNT, ["ratelimit-limit: 120", "ratelimit-remaining: 100"])]
    await governed.me()
    assert (await governed.headroom())[1].foreign == 19


async def test_an_unexpected_429_pauses_the_window_for_everybody(api, governed, clock):
    """C-129"""
    api.script = [refusal(429, "rate_limited", ["retry-after: 9"]), OK]
    before = clock.monotonic()
    await governed.me()
    assert clock.monotonic() - before >= 10
    assert (await governed.headroom())[1].used == 2


@pytest.mark.parametrize("skew", [3_600, -3_600])
async def test_a_clock_an_hour_off_changes_nothing_but_is_noticed(api, governed, clock, skew):
    """C-124"""
    date = "Tue, 14 Nov 2023 22:13:20 GMT"  # where the test's clock stands
    clock.step_wall(skew)
    headers = [f"date: {date}", "ratelimit-limit: 120", "ratelimit-remaining: 119"]
    api.script = [answer(200, ACCOUNT, [*headers, "ratelimit-reset: 1700000060"])]
    await governed.me()
    reads = (await governed.headroom())[1]
    assert (reads.used, reads.foreign, reads.next_slot_seconds) == (1, 0, 0)
    assert governed.skew_seconds == pytest.approx(-skew, abs=1)


async def test_anything_else_can_be_called_too(api, client):
    """C-148"""
    api.script = [answer(200, {"new": True}, ["x-request-id: r1"])]
    found = await client.request("GET", "brand-new", params={"q": "1"})
    assert json.loads(found.body) == {"new": True}
    assert found.request_id == "r1"
    assert api.requests[0].line == "GET /api/v1/brand-new?q=1 HTTP/1.1"


async def test_the_key_is_in_no_log_line_and_in_no_error(api, client, caplog):
    caplog.set_level(logging.DEBUG)
    api.script = [answer(200, BATCH), refusal(401, "unauthorized")]
    batch = await client.generate(Order())
    with pytest.raises(UnauthorizedError) as caught:
        await client.me()
    assert "hunter2" not in caplog.text + repr(batch)
    for text in (caplog.text, str(caught.value), repr(client)):
        assert "0123456789abcdef" not in text


async def test_closing_twice_is_fine(client):
    await client.aclose()
    await client.aclose()


async def test_what_a_call_returns_leads_to_the_answer_it_was_read_from(api, client):
    api.script = [answer(200, ACCOUNT | {"new": 1}, ["x-request-id: r7", "ratelimit-limit: 120"])]
    found = await client.me()
    assert repr(found.answer) == f"<Answer 200, {len(found.answer.body)} bytes>"
    assert found.answer.json() == ACCOUNT | {"new": 1}
    assert found.answer.headers["ratelimit-limit"] == "120"
    assert found.answer.request_id == "r7"
    assert found.extra == {"new": 1}
    assert "answer" not in repr(found)


async def test_an_orders_answer_is_kept_without_its_credentials(api, client):
    api.script = [answer(200, BATCH)]
    for found in (await client.generate(Order()), await client.generate_into(Harvest(), Order())):
        assert found.answer.json() == BATCH | {"proxies": None}


@pytest.mark.parametrize(
    ("script", "kind_of_error", "path"),
    [
        (refusal(403, "teapot_mode"), ApiError, None),
        (answer(200, {"id": 7}), ResponseError, "$.key"),
        (answer(418, raw=b"<html>hello, rf_live_0123456789abcdef</html>"), ResponseError, ""),
    ],
)
async def test_what_a_call_raises_leads_there_too(api, client, script, kind_of_error, path):
    """C-140 C-147 C-151: raw, and cut and cleared for a log"""
    api.script = [script.replace(b"\r\n", b"\r\ncf-ray: r8\r\n", 1)]
    with pytest.raises(kind_of_error) as caught:
        await client.me()
    assert caught.value.answer.request_id == "r8"
    assert caught.value.answer.body in script
    assert len(caught.value.answer.excerpt(20)) <= 20
    assert "0123456789abcdef" not in caught.value.answer.excerpt()
    assert getattr(caught.value, "path", None) == path


async def test_an_end_of_the_api_is_logged_once(api, client, caplog, monkeypatch):
    """C-149"""
    monkeypatch.setattr(calling, "_announced", set())
    headers = ["deprecation: @1790000000", "sunset: Wed, 11 Nov 2026 11:11:11 GMT"]
    api.script = [answer(200, ACCOUNT, headers)]
    for _ in range(3):
        await client.me()
    (record,) = caplog.records
    assert record.name == "rf_core.client"
    assert "Deprecation: @1790000000; Sunset: Wed, 11 Nov 2026" in record.getMessage()


async def test_anything_counts_in_the_window_that_its_path_belongs_to(api, governed):
    """C-121 C-134 C-148"""
    for method, path in [("POST", "/proxies/"), ("GET", "me"), ("GET", "openapi.json")]:
        await governed.request(method, path, json={})
    assert [headroom.used for headroom in await governed.headroom()] == [1, 1]
    assert [request.line.split()[1] for request in api.requests] == [
        "/api/v1/proxies",
        "/api/v1/me",
        "/api/v1/openapi.json",
    ]


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/", "../admin", "me?x=1", "me#x", "a b", "", "é"],
)
async def test_a_path_that_leads_elsewhere_is_refused_before_anything_is_sent(api, client, path):
    """C-001"""
    with pytest.raises(ValueError, match="is not a path under the API's address"):
        await client.request("GET", path)
    with pytest.raises(ValueError, match="is not a method"):
        await client.request("GET\r\n", "me")
    assert api.requests == []


async def test_what_may_have_been_done_is_not_done_twice_unless_it_may_be(api, client, clock):
    """C-053: an order may; an unknown POST may not"""
    api.script = ["reset", "reset", answer(200, {})]
    with pytest.raises(TransportError) as caught:
        await client.request("POST", "brand-new")
    assert caught.value.sent
    assert len(api.requests) == 1
    await client.request("POST", "proxies", json={"quantity": 1})
    assert len(api.requests) == 3


async def test_a_deadline_ends_an_attempt_that_is_under_way(api, client):
    api.script = ["hang"]
    began = time.monotonic()
    with pytest.raises(TransportError, match="did not answer in time"):
        await client.me(deadline_seconds=0.1)
    assert time.monotonic() - began < 5
    assert len(api.requests) == 1


async def test_a_closed_client_says_so(client):
    await client.aclose()
    with pytest.raises(StateError, match="has been closed"):
        await client.me()


async def test_by_default_slots_are_those_of_the_machine(kind, api, settings_for, tmp_path):
    """C-120 C-121: shared with whatever else runs here, `rf limits` among it"""
    api.script = [OK]
    settings = settings_for(api.url)
    async with open_client(kind, settings) as first, open_client(kind, settings) as second:
        await first.me()
        (_, reads) = await second.headroom()
    assert reads.holders == (("python", 1),)
    async with Session(settings, holder="rf") as session:
        assert (await session.headroom())[1].used == 1
    assert (tmp_path / "state" / "state.db").stat().st_mode & 0o777 == 0o600


async def test_without_settings_the_account_is_found_as_rf_finds_it(
    kind, api, tmp_path, monkeypatch
):
    """C-022"""
    monkeypatch.setenv("RF_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("RF_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RF_BASE_URL", api.url)
    monkeypatch.setenv("RF_API_KEY", "rf_live_0123456789abcdefx7kQ")
    api.script = [OK]
    async with open_client(kind, None) as client:
        assert (await client.me()).username == "jane"
        assert repr(client) == f"<{'AsyncClient' if kind == 'async' else 'Client'} {api.url}>"


async def test_a_state_that_cannot_be_used_is_said_when_the_client_is_opened(
    kind, api, settings_for, tmp_path
):
    (tmp_path / "state").symlink_to(tmp_path)
    with pytest.raises(StateError, match="symbolic link"):
        async with open_client(kind, settings_for(api.url)):
            pass


async def test_connections_are_kept_and_few(api, client):
    """C-152: one for calls in a row, ten at most however many ask at once"""
    api.script = [OK]
    for _ in range(5):
        await client.me()
    assert api.connections == 1
    await asyncio.gather(*(client.me() for _ in range(40)))
    assert api.connections <= 10
    assert {request.line.rpartition(" ")[2] for request in api.requests} == {"HTTP/1.1"}


async def test_a_state_that_breaks_while_a_call_is_out_takes_no_answer_away(
    api, governed, clock, monkeypatch, caplog
):
    """Proxies that were generated are not lost; the slot stays held for as long as it may count."""

    async def broken(*_args, **_options):
        raise StateError("The disk is full.")

    api.script = [answer(200, BATCH)]
    with monkeypatch.context() as patched:
        patched.setattr(Windows, "settle", broken)
        assert len((await governed.generate(Order())).proxies) == 1
    assert "The disk is full." in caplog.text
    assert await used(governed, "generate") == 1
    clock.advance(62)
    assert await used(governed, "generate") == 1
    clock.advance(32)
    assert await used(governed, "generate") == 0


async def test_a_state_that_broke_before_is_told_and_nothing_is_sent(api, governed, monkeypatch):
    async def broken(*_args, **_options):
        raise StateError("The disk is full.")

    monkeypatch.setattr(Windows, "acquire", broken)
    with pytest.raises(StateError, match="disk is full"):
        await governed.generate(Order())
    assert api.requests == []


async def test_a_machine_that_slept_with_a_call_under_way_wakes_to_an_empty_window(
    api, governed, clock
):
    """Sleep counts in the clock that slots are held by; deadlines that passed in it have passed."""
    api.script = [OK]
    for _ in range(3):
        await governed.me()
    clock.advance(8 * 3_600)
    assert await used(governed) == 0
    assert (await governed.me()).id == 7
