import asyncio
import copy
import errno
import shutil
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sandboxes import api_of, assert_nothing_is_lost, proxies_of, settled_of
from support.wire import Wire

from rf_sandbox import persistence
from rf_sandbox import traffic as rows_of_traffic
from rf_sandbox.clock import Clock
from rf_sandbox.credentials import Ordered
from rf_sandbox.persistence import Persistence, chosen
from rf_sandbox.records import Replay, facts_of
from rf_sandbox.rules import read_rules
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.store import StateError, Store
from rf_sandbox.world import make_world

STICKY = Ordered("premium", "sticky", "us", "", 10)


class Life:
    """One life of a kept world, which can be killed at any moment."""

    def __init__(self, folder, seed=None, *, pace=0.0, machine=1_800_000_000.0):
        self.folder = folder
        store = Store(folder)
        kept_seed, profile = chosen(store, seed, None)
        clock = Clock(pace, lambda: machine)
        self.world = make_world(kept_seed, clock=clock, profile=profile)
        self.first = copy.deepcopy(self.world.account)
        self.persistence = Persistence(store, self.world, "a token")
        self.token = self.persistence.wake()

    def kill(self):
        """Nothing is written any more: what the system has is what there is."""
        self.persistence._store.close()

    def begin(self, pool="premium", domain="site", username="user"):
        return self.world.traffic.begin(
            username=username,
            pool=pool,
            domain=domain,
            target=f"{domain}:80",
            method="GET",
            now=self.world.now(),
            billed=True,
        )

    def exchange(self, count, **facts):
        row = self.begin(**facts)
        self.world.traffic.down(row, count)
        self.world.traffic.end(row, "completed", self.world.now())
        return row


@contextmanager
def life(folder, **options):
    one = Life(folder, **options)
    yield one
    one.kill()


def told(world):
    """What somebody can know of a world."""
    traffic = world.traffic
    return {
        "facts": facts_of(world),
        "rows": traffic.since(0),
        "archive": traffic.archive.document(),
        "balances": {name: pool.balance_bytes for name, pool in world.account.pools.items()},
        "usage": traffic.published_usage(world.now(), 100),
        "orders": world.credentials.orders,
        "sessions": {name: (one.address, one.until) for name, one in world.exits.sessions.items()},
        "windows": dict(world.windows.logs),
        "walk": world.exits.walk,
    }


STEPS = st.one_of(
    st.tuples(
        st.just("exchange"),
        st.sampled_from(["premium", "mobile"]),
        st.sampled_from(["a.test", "b.test"]),
        st.integers(0, 100_000),
    ),
    st.tuples(st.just("top up"), st.integers(1, 1_000_000)),
    st.tuples(st.just("set balance"), st.integers(-5, 1_000_000)),
    st.tuples(st.just("order"), st.integers(1, 50)),
    st.tuples(st.just("session"), st.integers(0, 5)),
    st.tuples(st.just("call"), st.sampled_from(["generate", "reads"])),
    st.just(("forgiven call",)),
    st.tuples(st.just("advance"), st.floats(0, 100)),
    st.tuples(st.just("switch"), st.sampled_from(["first_use", "sliding"])),
    st.tuples(st.just("key"), st.booleans()),
    st.tuples(st.just("fault"), st.integers(0, 3)),
    st.just(("reset",)),
    st.just(("rewrite",)),
    st.just(("kill",)),
)


def take_session(one, number):
    batch = one.world.credentials.order(STICKY, key_id=1, now=one.world.now(), count=1)
    known = one.world.credentials.check(*batch.lines(0, 1)[0])
    one.world.exits.exit_for(f"user {number}", known, one.world.now())


def take_back_a_call(one):
    now = one.world.now()
    one.world.windows.arrive(1, "reads", now)
    one.persistence.keep()
    one.world.windows.forgive(1, "reads", now, now)


def make_key(one, revoked):
    if sum(not key.revoked for key in one.world.account.keys) < 10:
        one.world.account.mint(one.world.seed, "key", ("usage:read",)).revoked = revoked


def strike(one, calls):
    rule = {"where": "api", "match": {"probability": 0.5}, "what": "reset"}
    one.world.faults.rules = read_rules([rule], one.world.seed)
    for _ in range(calls):
        one.world.faults.strike("api")


def reset(one):
    one.world.traffic.forget()
    one.world.exits.forget()
    one.world.account.pools = copy.deepcopy(one.first.pools)


def add(one, count):
    one.world.account.pools["premium"].balance_bytes += count


PLAYS = {
    "exchange": lambda one, pool, domain, count: one.exchange(count, pool=pool, domain=domain),
    "top up": add,
    "set balance": lambda one, n: setattr(one.world.account.pools["mobile"], "balance_bytes", n),
    "order": lambda one, count: one.world.credentials.order(
        STICKY, key_id=1, now=one.world.now(), count=count
    ),
    "session": take_session,
    "call": lambda one, group: one.world.windows.arrive(1, group, one.world.now()),
    "forgiven call": take_back_a_call,
    "advance": lambda one, seconds: one.world.now.advance(seconds),
    "switch": lambda one, reading: one.world.switches.set(session_start=reading),
    "key": make_key,
    "fault": strike,
    "reset": reset,
    "rewrite": lambda one: one.persistence._rewrite_at_once(),
}


@given(steps=st.lists(STEPS, max_size=40))
def test_whatever_happens_a_kill_forgets_nothing_of_it(tmp_path_factory, steps):
    """C-120, C-162, C-165, C-166, C-167"""
    folder = tmp_path_factory.mktemp("lives") / "state"
    one = Life(folder, seed=4)
    for step in [*steps, ("kill",)]:
        if step == ("kill",):
            one.kill()
            before, one = one, Life(folder)
            then, now = told(before.world), told(one.world)
            then["sessions"] = {
                name: held
                for name, held in then["sessions"].items()
                if held[1] > before.world.now()
            }
            assert now == then
            assert one.token == "a token"
            assert one.world.now() == before.world.now()
        else:
            PLAYS[step[0]](one, *step[1:])
            one.world.changed()
    one.kill()
    shutil.rmtree(folder)


def test_what_is_alive_loses_less_than_thirty_two_kibibytes(tmp_path):
    """C-167"""
    with life(tmp_path / "state") as one:
        rows = [one.begin() for _ in range(5)]
        for count, row in zip((10, 32_767, 32_768, 50_000, 1_000_000), rows, strict=True):
            for _ in range(0, count, 10_000):
                one.world.traffic.down(row, 10_000)
        billed = one.world.traffic.billed_bytes["premium"]
        granted = one.world.account.pools["premium"].balance_bytes + billed
    with life(tmp_path / "state") as one:
        kept = one.world.traffic.billed_bytes["premium"]
        assert billed - 5 * 32 * 1024 < kept <= billed
        assert one.world.account.pools["premium"].balance_bytes + kept == granted
        rows = one.world.traffic.since(0)
        assert {row["outcome"] for row in rows} == {"killed"}
        assert all(row["ended"] is not None for row in rows)
        assert one.begin().seq == 6
    with life(tmp_path / "state", machine=1_900_000_000.0) as one:
        assert one.world.traffic.since(0) == rows


def test_rows_that_are_archived_stay_summed_up(tmp_path, monkeypatch):
    """C-166, C-098"""
    monkeypatch.setattr(rows_of_traffic, "KEPT_ROWS", 10)
    monkeypatch.setattr(rows_of_traffic, "_ARCHIVED_AT_ONCE", 5)
    with life(tmp_path / "state") as one:
        for number in range(100):
            one.exchange(number, domain=f"{number % 3}.test")
        before = told(one.world)
    for _ in range(3):
        with life(tmp_path / "state") as one:
            after = told(one.world)
            for what in ("balances", "usage"):
                assert after[what] == before[what]
            rows = after["rows"]
            assert len(rows) + after["archive"]["rows"] == 100
            assert rows[-1]["seq"] == 100
            summed = after["archive"]["bytes"]["premium"]
            assert summed + sum(row["billed_bytes"] for row in rows) == sum(range(100))


def test_a_late_word_on_an_archived_row_is_no_new_row():
    replay = Replay()
    row = ["u", "premium", "d", "d:80", "GET", 0.0, True, "", 1, 1, 2, "completed", 200, 1.0]
    replay.take(["archive", 3, 4, {"premium": 6}])
    replay.take(["kept", 4, *row])
    replay.take(["row", 2, *row])
    replay.take(["row", 5, *row])
    assert list(replay.rows) == [4, 5]


async def test_the_log_is_shortened_while_everything_goes_on(tmp_path, monkeypatch, settle_loop):
    """C-167"""
    monkeypatch.setattr(persistence, "_REWRITE_AT", 20_000)
    with life(tmp_path / "state") as one:
        for number in range(3_000):
            one.exchange(number)
            if number % 100 == 0:
                await settle_loop()
        await settle_loop()
        sizes = [path.stat().st_size for path in (tmp_path / "state").glob("log-*")]
        assert sum(sizes) < 200_000
        before = told(one.world)
    with life(tmp_path / "state") as one:
        assert told(one.world) == before


@pytest.fixture
def settle_loop():
    """Let callbacks that call each other come to an end."""

    async def turn():
        for _ in range(40):
            await asyncio.sleep(0)

    return turn


def test_a_full_disk_is_said_once_and_made_good_when_there_is_room(tmp_path, monkeypatch, caplog):
    with life(tmp_path / "state") as one:

        def full(_lines):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(one.persistence._store, "append", full)
            one.exchange(10)
            one.exchange(20)
        assert [record.getMessage() for record in caplog.records] == [
            "the state cannot be kept for now: No space left on device"
        ]
        one.world.changed()
        one.exchange(30)
        before = told(one.world)
    with life(tmp_path / "state") as one:
        assert told(one.world) == before


def test_time_does_not_go_back(tmp_path):
    """C-120: with a clock that stands still, too."""
    with life(tmp_path / "state", machine=2_000.0) as one:
        one.world.now.advance(500.0)
        one.world.changed()
        assert one.world.now() == 2_500.0
    with life(tmp_path / "state", machine=1_000.0) as one:
        assert one.world.now() == 2_500.0
    with life(tmp_path / "state", machine=9_000.0) as one:
        assert one.world.now() >= 9_500.0


@pytest.mark.parametrize("asked", [{"seed": 5}, {"profile": "adverse"}])
def test_another_seed_or_profile_than_the_kept_one_is_refused(tmp_path, asked):
    with Sandbox(seed=4, state=tmp_path / "state"):
        pass
    with pytest.raises(StateError, match=r"holds a sandbox of .*: leave --.* out"):
        Sandbox(state=tmp_path / "state", **asked)
    with Sandbox(seed=4, profile="documented", state=tmp_path / "state"):
        pass


@pytest.mark.parametrize("name", ["state.json", "log-1.jsonl", "sandbox-ca.pem"])
def test_a_damaged_file_is_one_sentence_with_the_way_out(tmp_path, name):
    with Sandbox(state=tmp_path / "state") as sandbox:
        proxies_of(sandbox)
    path = tmp_path / "state" / name
    assert path.exists()
    path.write_text('{"format": 1, "first_log": 1, "seed": 0, "profile": "documented"}\n')
    for _ in range(2):
        with (
            pytest.raises(StateError, match=r"is damaged \(.*\): put a good copy back, or move"),
            Sandbox(state=tmp_path / "state"),
        ):
            pass


def test_a_sandbox_goes_on_where_it_was(tmp_path):
    """C-012, C-013, C-120, C-162, C-165, C-166"""
    folder = tmp_path / "state"
    with Sandbox(seed=9, state=folder, clock="virtual") as first, api_of(first) as api:
        made = first.make_key("proxies:generate", name="second")
        with api_of(first, made["key"]):
            (sticky,) = proxies_of(first, proxyType="sticky", sessionDuration=600)
        first.revoke_key(made["id"])
        first.top_up("premium", 12_345)
        first.switch(exhausted_status="452")
        first.limit(generate=7)
        first.patch_targeting(countries=["us", "fr"])
        first.faults({"where": "api", "match": {"nth": 1_000}, "what": "reset"})
        first.advance(100)
        proxies_of(first)
        with Wire(first.gateway) as wire:
            exit_address = wire.get(f"{first.site_http}/ip", sticky).body
        settled_of(first)
        assert api.get("/me").status_code == 200
        before, rows = first.state(), first.traffic()
        usage = api.get("/usage").json()
        authority, token, key = Path(first.ca).read_text(), first.control_token, first.key
    with Sandbox(state=folder, clock="virtual") as second, api_of(second) as api:
        assert (second.control_token, second.key) == (token, key)
        assert Path(second.ca).read_text() == authority
        after = second.state()
        for name in before.keys() - {"site", "windows", "clock"}:
            assert after[name] == before[name], name
        assert second.traffic() == rows
        assert after["windows"]["1/generate"] == before["windows"]["1/generate"]
        assert api.get("/usage").json() == usage
        refused = httpx.get(
            f"{second.api}/me",
            headers={"Authorization": f"Bearer {made['key']}"},
            trust_env=False,
            timeout=60,
        )
        assert refused.status_code == 401
        with Wire(second.gateway) as wire:
            assert wire.get(f"{second.site_http}/ip", sticky).body == exit_address
        with Wire(second.gateway) as wire:
            host, port = second.site_https.removeprefix("https://").split(":")
            assert wire.connect(host, int(port), sticky).status == 200
            wire.start_tls(second.ca, host)
            assert wire.get_inside("/ip", host).status == 200
        granted = {
            pool: count + rows["billed_bytes"][pool]
            for pool, count in rows["balances_bytes"].items()
        }
        settled_of(second)
        assert_nothing_is_lost(second, granted)
        second.reset()
    with Sandbox(state=folder, clock="virtual") as third:
        state = third.state()
        assert third.traffic()["traffic"] == []
        assert [one["revoked"] for one in state["keys"]] == [False]
        assert state["limits"]["generate"] == 20
        with Wire(third.gateway) as wire:
            assert wire.get(f"{third.site_http}/ip", sticky).status == 200
