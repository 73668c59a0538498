"""The live account as a monitor sees it: against the sandbox, and against an API in trouble."""

import asyncio
import os
import socket
import sys

import pytest
from support.apis import ScriptedApi, answer, refusal
from support.clocks import ManualClock

from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.models import Order
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_core.units import BALANCE_QUANTUM, GIGABYTE
from rf_sandbox.sandbox import Sandbox

SCOPES = ("proxies:generate", "usage:read", "pools:read")
HOST = socket.gethostname()


@pytest.fixture(scope="module")
def servers():
    with Sandbox(seed=12) as running:
        yield running


@pytest.fixture
def sandbox(servers):
    servers.reset()
    servers.limit(generate=20, reads=120)
    return servers


@pytest.fixture
async def monitors(settings_for):
    opened = []

    async def make(url, key=None, clock=None, **options):
        settings = settings_for(url, key) if key else settings_for(url)
        session = Session(settings, holder="monitor", clock=clock or ManualClock(1_800_000_000.0))
        opened.append(await session.__aenter__())
        return LiveSource(session, **options)

    yield make
    for session in opened:
        await session.aclose()


def codes(snapshot):
    """What is wrong, but for the clocks: ours is turned by hand and the server's is not."""
    return [finding.code for finding in snapshot.findings if finding.code != "clock_skew"]


def pool(snapshot, name="premium"):
    return next(pool for pool in snapshot.pools if pool.id == name)


async def settle(source):
    """Let the polling that the last snapshot began come to its end, and look again."""
    if source._polling is not None:
        await asyncio.wait({source._polling})
    return await source._look()


async def look(source):
    await source.snapshot()
    return await settle(source)


def api_calls(sandbox):
    return [call["path"].rsplit("/", 1)[-1] for call in sandbox.journal()["calls"]]


async def test_the_first_look_already_shows_everything(sandbox, monitors):
    source = await monitors(sandbox.api, sandbox.key)
    snapshot = await source.snapshot()
    assert snapshot.account == sandbox.state()["account"]["username"]
    balances = sandbox.state()["balances_bytes"]
    assert {pool.id: pool.balance_bytes for pool in snapshot.pools} == pytest.approx(
        balances, abs=BALANCE_QUANTUM
    )
    assert pool(snapshot).proxy_types
    assert [window.group for window in snapshot.windows] == ["generate", "reads"]
    assert snapshot.windows[1].holders == (("poller", 4),)
    assert snapshot.own_calls_per_minute == 4
    assert snapshot.key.endswith(sandbox.key[-4:])
    assert sandbox.key not in repr(snapshot)
    assert codes(snapshot) == []


async def test_looking_again_costs_nothing_until_something_is_due(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    for _ in range(7):
        await look(source)
        clock.advance(1)
    assert sorted(api_calls(sandbox)) == ["balance", "me", "pools", "usage"]
    clock.advance(1)
    await look(source)
    assert api_calls(sandbox)[4:] == ["balance"]


async def test_three_monitors_cost_the_api_what_one_does(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    sources = [await monitors(sandbox.api, sandbox.key, clock) for _ in range(3)]
    for _ in range(60):
        await asyncio.gather(*(look(source) for source in sources))
        clock.advance(1)
    assert 8 <= len(api_calls(sandbox)) <= 12, "a tenth of 120 a minute, for all of them"
    seen = [await source.snapshot() for source in sources]
    assert len({snapshot.balance_at for snapshot in seen}) == 1


async def test_polling_keeps_to_its_share_when_the_limit_is_small(sandbox, monitors):
    """C-130"""
    sandbox.limit(reads=20)
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    await look(source)
    before = len(api_calls(sandbox))
    for _ in range(180):
        await look(source)
        clock.advance(1)
    assert len(api_calls(sandbox)) - before <= 3 * 2


async def test_a_draining_balance_is_seen_and_a_top_up_is_no_negative_drain(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    left = GIGABYTE
    for _ in range(5):
        sandbox.set_balance("premium", left)
        await look(source)
        left -= 8_000_000
        clock.advance(8)
    seen = pool(await source.snapshot())
    assert seen.drain.state == "draining"
    assert seen.drain.bytes_per_second == pytest.approx(1_000_000, rel=0.1)
    assert len(seen.history) == 5
    await settle(source)
    sandbox.top_up("premium", GIGABYTE)
    clock.advance(8)
    topped = pool(await look(source))
    assert topped.topped_up_at == clock.wall()
    assert topped.drain.bytes_per_second > 0
    assert topped.balance_bytes > GIGABYTE


def crawl(clock, **changes):
    values = {
        "id": "c1",
        "spider": "books",
        "project": "p",
        "pid": os.getpid(),
        "host": HOST,
        "pool": "premium",
        "started_at": clock.wall(),
        "updated_at": clock.wall(),
    }
    return CrawlReport(**values | changes)


async def test_what_crawls_spent_since_the_reading_is_known_to_the_byte(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)

    async def publish(down):
        spends = (DomainSpend("premium", "a.example", 0, down, 1),)
        await source._session.publish(
            crawl(clock, down_bytes=down, domains=spends, bytes_per_second=5_000.0)
        )

    await publish(1_000)
    snapshot = await look(source)
    assert pool(snapshot).spent_since_bytes == 0, "what was spent before is in the reading"
    clock.advance(1)
    await publish(6_000)
    snapshot = await look(source)
    assert pool(snapshot).spent_since_bytes == 5_000
    assert pool(snapshot).left_bytes == pool(snapshot).balance_bytes - 5_000
    assert (pool(snapshot).drain.source, pool(snapshot).drain.bytes_per_second) == ("crawls", 5_000)
    assert snapshot.crawls[0].wire_bytes == 6_000


async def test_a_crawl_whose_process_is_gone_is_shown_as_lost(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await dead.wait()
    await source._session.publish(crawl(clock, pid=dead.pid))
    await source._session.publish(crawl(clock, id="c2", spider="alive"))
    assert all(c.finished_at is None for c in (await look(source)).crawls)
    clock.advance(16)
    snapshot = await look(source)
    assert {c.id: c.finish_reason for c in snapshot.crawls} == {"c1": "lost", "c2": None}
    assert "crawl_lost" in codes(snapshot)


async def test_an_empty_pool_is_said(sandbox, monitors):
    """C-068"""
    sandbox.set_balance("premium", 0)
    source = await monitors(sandbox.api, sandbox.key)
    assert codes(await source.snapshot()) == ["demo_credentials"]


# What stands in the way


async def test_a_refused_key_is_said_and_asked_once(sandbox, monitors):
    """C-013"""
    clock = ManualClock(1_800_000_000.0)
    made = sandbox.make_key(*SCOPES)
    source = await monitors(sandbox.api, made["key"], clock)
    assert codes(await source.snapshot()) == []
    sandbox.revoke_key(made["id"])
    clock.advance(8)
    snapshot = await look(source)
    assert codes(snapshot) == ["key_refused"]
    assert pool(snapshot).balance_bytes, "what was known stays on the screen"
    calls = len(api_calls(sandbox))
    for _ in range(100):
        clock.advance(60)
        await look(source)
    assert len(api_calls(sandbox)) == calls


async def test_a_suspended_account_is_said_and_comes_back_by_itself(sandbox, monitors):
    """C-019"""
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    sandbox.disable_account()
    assert codes(await source.snapshot()) == ["account_disabled"]
    sandbox.disable_account(disabled=False)
    clock.advance(61)
    assert codes(await look(source)) == []


async def test_without_usage_read_balances_come_from_the_identity_check(sandbox, monitors):
    """C-017"""
    clock = ManualClock(1_800_000_000.0)
    key = sandbox.make_key("pools:read")["key"]
    source = await monitors(sandbox.api, key, clock)
    snapshot = await source.snapshot()
    assert pool(snapshot).balance_bytes == sandbox.state()["balances_bytes"]["premium"]
    assert codes(snapshot) == ["scope_missing"]
    assert "usage:read" in snapshot.findings[0].text
    before = len(api_calls(sandbox))
    for _ in range(30):
        clock.advance(1)
        await look(source)
    assert set(api_calls(sandbox)[before:]) == {"me"}, "what is refused is not asked for again"


async def test_without_pools_read_pools_are_known_by_their_balances(sandbox, monitors):
    """C-093"""
    key = sandbox.make_key("usage:read")["key"]
    source = await monitors(sandbox.api, key)
    snapshot = await source.snapshot()
    assert {pool.id for pool in snapshot.pools} == set(sandbox.state()["balances_bytes"])
    assert codes(snapshot) == ["scope_missing"]


ACCOUNT = answer(
    200,
    {
        "id": 1,
        "username": "jane",
        "scopes": [],
        "balances": {"shop": 1},
        "key": {"name": "k", "prefix": "rf_live_", "last4": "x7kQ"},
    },
)
POOLS = answer(
    200,
    {
        "pools": [],
        "targeting": {
            "countries": [],
            "us_states": [],
            "session_minutes": {"min": 1, "max": 1_440},
            "carriers": [],
        },
    },
)
BALANCE = answer(200, {"balances": {"shop": 1}})
USAGE = answer(200, {"top_domains": [{"domain": "a.example", "bytes": 5, "requests": 1}]})
ANSWERS = {"me": ACCOUNT, "pools": POOLS, "balance": BALANCE, "usage?limit=100": USAGE}


@pytest.fixture
async def api():
    async with ScriptedApi() as running:
        yield running


async def test_an_api_that_goes_away_leaves_the_data_with_its_age_and_is_found_again(monitors):
    clock = ManualClock(1_800_000_000.0)
    async with ScriptedApi(script=[ACCOUNT, POOLS, BALANCE, USAGE]) as api:
        source = await monitors(api.url, clock=clock)
        assert codes(await source.snapshot()) == []
        port = api.port
    clock.advance(60)
    snapshot = await look(source)
    assert codes(snapshot) == ["api_unreachable"]
    assert "1 min 00 s old" in snapshot.findings[0].text
    assert pool(snapshot, "shop").balance_bytes == GIGABYTE
    for _ in range(40):
        clock.advance(1)
        snapshot = await look(source)
    assert "1 min 40 s old" in snapshot.findings[0].text
    assert snapshot.findings[0].since == snapshot.taken_at - 40
    again = ScriptedApi()
    again.script = _ByPath(again, {"balance": BALANCE, "usage?limit=100": USAGE})
    again._server = await asyncio.start_server(again._serve, "127.0.0.1", port)
    again._open = set()
    again.port = port
    for _ in range(31):
        clock.advance(1)
        snapshot = await look(source)
    assert codes(snapshot) == []
    assert snapshot.taken_at - snapshot.balance_at < 31
    await again.__aexit__()


async def test_without_any_answer_there_is_still_a_snapshot(monitors):
    source = await monitors("http://127.0.0.1:1")
    snapshot = await source.snapshot()
    assert codes(snapshot) == ["api_unreachable"]
    assert "Nothing has been read yet" in snapshot.findings[0].text
    assert snapshot.windows[1].used == 0, "a call that never left costs nothing"


async def test_an_api_that_hangs_does_not_hold_up_the_screen(api, monitors):
    api.script = ["hang"]
    source = await monitors(api.url, patience_seconds=0.05)
    async with asyncio.timeout(20):  # the call itself would be given up after 20 s, each time
        for _ in range(5):
            assert (await source.snapshot()).pools == ()


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (refusal(500, "internal_error"), "api_failing"),
        (answer(502, raw=b"<html>"), "api_failing"),
        (refusal(429, "rate_limited", ["retry-after: 30"]), "rate_limited"),
        (answer(301, headers=["location: https://elsewhere"]), "api_unclear"),
        (answer(200, raw=b"<html>"), "api_unclear"),
        ("reset", "api_unreachable"),
    ],
    ids=["500", "502", "429", "redirect", "html", "reset"],
)
async def test_every_trouble_has_a_sentence_and_goes_away_with_it(api, monitors, trouble, code):
    """C-003 C-131 C-145 C-146"""
    clock = ManualClock(1_800_000_000.0)
    api.script = [trouble]
    source = await monitors(api.url, clock=clock)
    snapshot = await source.snapshot()
    assert set(codes(snapshot)) == {code}
    assert all(finding.way_out for finding in snapshot.findings)
    api.script = _ByPath(api, ANSWERS)
    for _ in range(3):
        clock.advance(61)
        snapshot = await look(source)
    assert codes(snapshot) == []
    assert snapshot.account == "jane"


class _ByPath(list):
    """A script that answers by what is asked for."""

    def __init__(self, api, answers):
        super().__init__([None])
        self._api, self._answers = api, answers

    def __getitem__(self, _index):
        return self._answers[self._api.requests[-1].line.split()[1].rsplit("/", 1)[-1]]


async def test_one_answer_that_cannot_be_understood_does_not_silence_the_others(api, monitors):
    """C-147"""
    clock = ManualClock(1_800_000_000.0)
    answers = ANSWERS | {"balance": answer(200, {})}
    api.script = _ByPath(api, answers)
    source = await monitors(api.url, clock=clock)
    snapshot = await source.snapshot()
    assert codes(snapshot) == ["api_unclear"]
    assert "$.balances" in snapshot.findings[0].text
    assert [domain.domain for domain in snapshot.domains] == ["a.example"]
    asked = len(api.requests)
    await look(source)
    assert len(api.requests) == asked, "not asked again before its time"
    answers["balance"] = BALANCE
    clock.advance(61)
    assert codes(await look(source)) == []


async def test_domains_show_their_growth_between_two_readings(api, monitors):
    """C-097"""
    clock = ManualClock(1_800_000_000.0)
    answers = dict(ANSWERS)
    api.script = _ByPath(api, answers)
    source = await monitors(api.url, clock=clock)
    assert (await source.snapshot()).domains[0].delta_bytes is None
    answers["usage?limit=100"] = answer(
        200, {"top_domains": [{"domain": "a.example", "bytes": 12, "requests": 2}]}
    )
    clock.advance(61)
    assert (await look(source)).domains[0].delta_bytes == 7


@pytest.mark.parametrize("skew", [3_600, -3_600])
async def test_a_clock_an_hour_off_is_said(api, monitors, skew):
    clock = ManualClock(1_700_000_000.0 + skew)
    headers = ["date: Tue, 14 Nov 2023 22:13:20 GMT"]
    api.script = [answer(200, {"balances": {"shop": 1}}, headers)]
    source = await monitors(api.url, clock=clock)
    found = {finding.code: finding.text for finding in (await source.snapshot()).findings}
    assert "1 h 00 min apart" in found["clock_skew"]


async def test_a_key_that_is_another_is_said(api, monitors):
    """C-023"""
    api.script = _ByPath(api, ANSWERS)
    source = await monitors(api.url, "rf_live_0123456789abcdefZZZZ")
    (finding,) = (await source.snapshot()).findings
    assert finding.code == "other_key"
    assert "x7kQ" in finding.text


async def test_a_cache_that_cannot_be_used_is_said_and_does_not_cost_calls(api, monitors, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    clock = ManualClock(1_800_000_000.0)
    api.script = _ByPath(api, ANSWERS)
    source = await monitors(api.url, clock=clock)
    assert codes(await source.snapshot()) == ["cache_unusable"]
    for _ in range(10):
        clock.advance(1)
        await look(source)
    assert sum("/pools" in request.line for request in api.requests) == 1


async def test_a_state_that_breaks_under_way_is_said_over_the_last_picture(sandbox, monitors):
    source = await monitors(sandbox.api, sandbox.key)
    before = await source.snapshot()
    await source._session.state.close()
    snapshot = await source.snapshot()
    assert snapshot.pools == before.pools
    assert codes(snapshot) == ["state_unusable"]
    assert codes(await source.refresh()) == ["state_unusable"]


# Refresh


async def test_refresh_asks_for_everything_now_at_a_users_priority(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    await source.snapshot()
    before = len(api_calls(sandbox))
    clock.advance(1)
    sandbox.top_up("premium", GIGABYTE)
    snapshot = await source.refresh()
    assert sorted(api_calls(sandbox)[before:]) == ["balance", "me", "pools", "usage"]
    assert pool(snapshot).topped_up_at == snapshot.balance_at
    assert dict(snapshot.windows[1].holders) == {"poller": 4, "monitor": 4}


async def test_refresh_asks_a_refused_key_once_more(sandbox, monitors):
    source = await monitors(sandbox.api, "rf_live_0123456789abcdefx7kQ")
    assert codes(await source.snapshot()) == ["key_refused"]
    before = len(api_calls(sandbox))
    assert codes(await source.refresh()) == ["key_refused"]
    assert len(api_calls(sandbox)) == before + 1


async def test_polling_leaves_the_last_reads_to_others(sandbox, monitors):
    sandbox.limit(reads=20)
    source = await monitors(sandbox.api, sandbox.key)
    for _ in range(16):
        await source._session.client.me()
    snapshot = await source.snapshot()
    assert snapshot.windows[1].used == 16
    assert "rate_limited" in codes(snapshot)
    assert (await source._session.client.me()).id


async def test_generation_is_never_delayed_by_polling(sandbox, monitors):
    """C-133"""
    source = await monitors(sandbox.api, sandbox.key)
    await source.snapshot()
    assert (await source._session.order(Order())).proxies
    snapshot = await source.snapshot()
    assert snapshot.windows[0].holders == (("monitor", 1),)


async def test_a_crawl_may_tell_only_the_domains_that_have_changed(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    a, b = (DomainSpend("premium", name, 1, 2, 1) for name in ("a.example", "b.example"))
    await source._session.publish(crawl(clock, domains=(a, b)))
    later = DomainSpend("premium", "b.example", 10, 20, 2)
    await source._session.publish(crawl(clock, domains=(later,)))
    assert (await look(source)).crawls[0].domains == (a, later)


async def test_a_state_that_is_deleted_under_way_is_filled_again_and_that_is_said(
    sandbox, monitors
):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock)
    before = await look(source)
    source._session.state.path.unlink()
    await look(source)
    after = await look(source)
    assert codes(after) == ["state_renewed"]
    assert [pool.id for pool in after.pools] == [pool.id for pool in before.pools]
    assert after.balance_at is not None
    assert after.calls
    clock.advance(601)
    assert "state_renewed" not in codes(await look(source))


async def test_what_can_be_read_is_shown_while_nothing_can_be_written(sandbox, monitors):
    clock = ManualClock(1_800_000_000.0)
    source = await monitors(sandbox.api, sandbox.key, clock, alarms=None)
    await look(source)
    state = source._session.state
    report = CrawlReport("a", "books", "shop", 1, HOST, "premium", clock.wall(), clock.wall())
    await source._session.publish(report)

    async def may_write(answer):
        for connection in (state._open.thorough, state._open.swift):
            connection.execute(f"PRAGMA query_only = {int(not answer)}")

    await may_write(False)
    clock.advance(60)
    for _ in range(3):
        shown = await source.snapshot()
        await settle(source)
        assert [crawl.spider for crawl in shown.crawls] == ["books"]
    assert "state_unusable" in codes(shown), "said at each look, not at every other"
    assert "state_unusable" in codes(await source.snapshot())
    await may_write(True)
    await look(source)
    await look(source)
    assert "state_unusable" not in codes(await look(source))


async def test_a_newer_version_that_lifts_the_state_under_way_is_said(sandbox, monitors):
    source = await monitors(sandbox.api, sandbox.key)
    await look(source)
    await source._session.state.run(lambda c: c.execute("PRAGMA user_version = 999"))
    assert codes(await look(source)) == ["state_newer"]
