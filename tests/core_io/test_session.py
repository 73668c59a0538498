"""One account, opened, against the sandbox."""

import asyncio

import pytest
from support.apis import ScriptedApi, answer, refusal

from rf_core.errors import (
    DemoCredentialsError,
    InvalidRequestError,
    MissingKeyError,
    OrderError,
    PoolNotAvailableError,
    StateError,
    TransportError,
    UnauthorizedError,
)
from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.models import Order
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_sandbox.sandbox import Sandbox

POOLS = {
    "pools": [{"id": "shop", "label": "Shop", "host": "h", "proxy_types": ["rotating"]}],
    "targeting": {
        "countries": ["us"],
        "us_states": [],
        "session_minutes": {"min": 1, "max": 1_440},
        "carriers": [],
    },
}
BATCH = {
    "proxies": "h:1:u:hunter2",
    "count": 1,
    "country": "us",
    "is_demo": False,
    "pool": "shop",
    "format": "list",
}


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=11) as running:
        yield running


@pytest.fixture
def sandbox(servers):
    servers.reset()
    servers.limit(generate=20, reads=120)
    return servers


@pytest.fixture
async def session(sandbox, settings_for):
    async with Session(settings_for(sandbox.api, sandbox.key), holder="monitor") as opened:
        yield opened


@pytest.fixture
async def api():
    async with ScriptedApi() as running:
        yield running


def calls(sandbox, path):
    return [call for call in sandbox.journal()["calls"] if call["path"].endswith(path)]


async def test_an_order_brings_working_credentials_for_one_slot(session, sandbox):
    batch = await session.order(Order(country="US", quantity=5))
    assert len(batch.proxies) == 5
    assert not batch.is_demo
    assert batch.proxies[0].port == sandbox.gateway[1]
    generate, reads = await session.headroom()
    assert (generate.used, reads.used) == (1, 1)
    assert generate.holders == (("monitor", 1),)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (Order(pool="nowhere"), "pool"),
        (Order(country="zz"), "country"),
        (Order(country="us", state="ZZ"), "state"),
        (Order(pool="premium", proxy_type="satellite"), "proxy_type"),
    ],
)
async def test_what_is_not_listed_is_refused_before_a_call_is_spent(session, sandbox, order, field):
    with pytest.raises(OrderError) as caught:
        await session.order(order)
    assert caught.value.field == field
    assert caught.value.valid
    assert calls(sandbox, "/proxies") == []


async def test_a_pool_without_balance_gives_no_credentials(session, sandbox):
    """C-068"""
    sandbox.set_balance("premium", 0)
    with pytest.raises(DemoCredentialsError, match="premium"):
        await session.order(Order(pool="premium"))
    sandbox.top_up("premium", 1_000_000)
    assert not (await session.order(Order(pool="premium"))).is_demo


async def test_a_key_without_pools_read_orders_unchecked(sandbox, settings_for):
    """C-018: the API decides what the key may not list."""
    key = sandbox.make_key("proxies:generate")["key"]
    async with Session(settings_for(sandbox.api, key), holder="crawl") as session:
        assert (await session.order(Order())).proxies
        with pytest.raises(PoolNotAvailableError):
            await session.order(Order(pool="nowhere"))


async def test_a_refused_key_is_said(sandbox, settings_for):
    async with Session(settings_for(sandbox.api), holder="crawl") as session:
        with pytest.raises(UnauthorizedError):
            await session.order(Order())


# Discovery


async def test_any_number_of_sessions_fetch_discovery_once(sandbox, settings_for):
    """C-102 C-103"""
    settings = settings_for(sandbox.api, sandbox.key)
    sessions = [await Session(settings, holder=f"crawl {n}").__aenter__() for n in range(8)]
    found = await asyncio.gather(*(session.discovery() for session in sessions))
    assert len({discovery for discovery, _ in [(repr(d), at) for d, at in found]}) == 1
    assert len(calls(sandbox, "/pools")) == 1
    for session in sessions:
        await session.aclose()


async def open_session(settings, clock):
    return await Session(settings, holder="monitor", clock=clock).__aenter__()


async def test_discovery_is_fresh_for_a_quarter_of_an_hour_and_then_fetched_behind_the_back(
    api, settings_for, clock
):
    """C-103"""
    api.script = [answer(200, POOLS)]
    session = await open_session(settings_for(api.url), clock)
    _, first_at = await session.discovery()
    clock.advance(899)
    assert (await session.discovery())[1] == first_at
    assert len(api.requests) == 1
    clock.advance(2)
    assert (await session.discovery())[1] == first_at, "what is known is returned at once"
    await session.listing.revalidating
    assert len(api.requests) == 2
    assert (await session.discovery())[1] == first_at + 901
    await session.aclose()


async def test_stale_discovery_serves_while_the_api_is_away(api, settings_for, clock):
    api.script = [answer(200, POOLS), refusal(500, "internal_error")]
    session = await open_session(settings_for(api.url), clock)
    await session.discovery()
    clock.advance(3_600)
    assert (await session.discovery())[0].pool("shop")
    await session.listing.revalidating
    clock.advance(86_400)
    with pytest.raises(Exception, match="500"):
        await session.discovery()
    await session.aclose()


async def test_a_failure_is_never_remembered(api, settings_for, clock):
    api.script = [refusal(404, "not_found"), answer(200, POOLS)]
    session = await open_session(settings_for(api.url), clock)
    with pytest.raises(Exception, match="404"):
        await session.discovery()
    assert (await session.discovery())[0].pool("shop")
    await session.aclose()


async def test_without_a_usable_cache_everything_still_works(api, settings_for, tmp_path, clock):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    api.script = [answer(200, POOLS)]
    session = await open_session(settings_for(api.url), clock)
    for _ in range(3):
        assert (await session.discovery())[0].pool("shop")
    assert len(api.requests) == 1
    assert "chmod 700" in session.cache.trouble
    await session.aclose()


async def test_what_the_api_no_longer_has_is_looked_up_once_more(api, settings_for, clock):
    """C-051: discovery was out of date; the error names what is valid now."""
    now = POOLS | {"pools": [POOLS["pools"][0] | {"id": "shop2"}]}
    api.script = [answer(200, POOLS), refusal(404, "pool_not_available"), answer(200, now)]
    session = await open_session(settings_for(api.url), clock)
    with pytest.raises(OrderError) as caught:
        await session.order(Order(pool="shop"))
    assert caught.value.valid == ("shop2",)
    assert len(api.requests) == 3
    await session.aclose()


async def test_a_refusal_that_discovery_cannot_explain_is_passed_on(api, settings_for, clock):
    """C-051: some pairs are impossible though each value is listed."""
    api.script = [answer(200, POOLS), refusal(400, "invalid_request"), answer(200, POOLS)]
    session = await open_session(settings_for(api.url), clock)
    with pytest.raises(InvalidRequestError):
        await session.order(Order(pool="shop", country="us"))
    assert [request.line.split()[0] for request in api.requests] == ["GET", "POST", "GET"]
    await session.aclose()


# Opening and closing


async def test_without_a_key_nothing_is_opened(tmp_path):
    settings = load_settings(environ={"RF_CONFIG": str(tmp_path / "none")})
    with pytest.raises(MissingKeyError):
        async with Session(settings, holder="monitor"):
            pass


async def test_a_state_folder_that_cannot_be_used_is_said_on_entering(settings_for, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(StateError, match="chmod 700"):
        async with Session(settings_for("https://h"), holder="monitor"):
            pass


async def test_closing_twice_is_fine(session):
    await session.aclose()
    await session.aclose()


async def test_nobody_there_is_said_with_the_way_out(settings_for, clock):
    async with Session(settings_for("http://127.0.0.1:1"), holder="x", clock=clock) as session:
        with pytest.raises(TransportError, match="RF_BASE_URL"):
            await session.order(Order())


# Telemetry


def report(**changes):
    values = {
        "id": "c1",
        "spider": "books",
        "project": "p",
        "pid": 1,
        "host": "h",
        "pool": "premium",
        "started_at": 100.0,
        "updated_at": 110.0,
        "up_bytes": 10,
        "down_bytes": 90,
        "failures": {"blocked": 2},
        "domains": (DomainSpend("premium", "a.example", 10, 90, 1),),
    }
    return CrawlReport(**values | changes)


async def test_a_crawls_report_is_there_for_whoever_opens_the_account(
    session, sandbox, settings_for
):
    await session.publish(report())
    await session.publish(report(updated_at=111.0, down_bytes=190))
    settings = settings_for(sandbox.api, sandbox.key)
    async with Session(settings, holder="monitor") as other:
        (seen,) = await other.crawls()
        assert seen == report(updated_at=111.0, down_bytes=190)
        assert await other.crawls(since=112.0) == ()


async def test_a_month_later_a_crawl_is_forgotten(session):
    await session.publish(report())
    late = 110.0 + 31 * 86_400
    await session.publish(report(id="c2", updated_at=late, finished_at=late, finish_reason="done"))
    assert [crawl.id for crawl in await session.crawls()] == ["c2"]


async def test_the_key_is_in_no_file_and_passwords_are_where_only_their_owner_reads(
    session, sandbox, tmp_path
):
    batch = await session.order(Order(quantity=3))
    await session.discovery()
    await session.aclose()
    passwords = [proxy.password.reveal() for proxy in batch.proxies]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    private = [path for path in files if path.parent.name == "inventory"]
    assert [path.stat().st_mode & 0o777 for path in (*private, private[0].parent)] == [0o600, 0o700]
    for path in files:
        content = path.read_bytes()
        assert sandbox.key.encode() not in content, path
        assert path in private or not any(word.encode() in content for word in passwords), path
