import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sandboxes import TurnedClock, api_of, assert_nothing_is_lost, proxies_of, settled_of
from support.wire import Wire

from rf_sandbox import traffic as rows_of_traffic
from rf_sandbox.accounts import GIGABYTE, Account, Pool
from rf_sandbox.sandbox import Sandbox
from rf_sandbox.switches import Switches
from rf_sandbox.traffic import Traffic

GRANTED = 10_000_000


def meter(clock=None, **readings):
    pools = {name: Pool(name, name, ["rotating"], GRANTED) for name in ("one", "two")}
    return Traffic(Account(1, "somebody", pools), Switches(**readings), clock or TurnedClock(0.0))


def begin(traffic, pool="one", domain="site", *, billed=True):
    return traffic.begin(
        username="user",
        pool=pool,
        domain=domain,
        target=f"{domain}:80",
        method="GET",
        now=traffic._now(),
        billed=billed,
    )


def exchange(traffic, count, domain="site", pool="one"):
    row = begin(traffic, pool, domain)
    traffic.down(row, count)
    traffic.end(row, "completed", traffic._now())
    return row


def told(traffic, limit=100):
    shown = traffic.published_usage(traffic._now(), limit)
    return [(name, usage.bytes, usage.requests) for name, usage in shown]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two"]),
            st.sampled_from(["a.test", "b.test"]),
            st.booleans(),
            st.integers(0, 5_000),
            st.integers(0, 5_000),
            st.floats(0, 1),
            st.sampled_from(["ended", "excused", "live"]),
        ),
        max_size=30,
    )
)
def test_rows_archive_and_balance_are_constant_together_at_every_step(steps):
    """C-166, C-167"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_of_traffic, "KEPT_ROWS", 6)
        patch.setattr(rows_of_traffic, "_ARCHIVED_AT_ONCE", 3)
        traffic = meter()
        for pool, domain, billed, up, down, share, end in steps:
            row = begin(traffic, pool, domain, billed=billed)
            traffic.up(row, up, free=int(up * share))
            traffic.down(row, down, free=int(down * share))
            if end == "excused":
                traffic.excuse(row)
            if end != "live":
                traffic.end(row, "completed", 1.0)
            assert (row.bytes_up, row.bytes_down) == (up, down)
            for name, owned in traffic.account.pools.items():
                of_rows = sum(one.billed_bytes for one in traffic.rows if one.pool == name)
                of_rows += traffic.archive.bytes.get(name, 0)
                assert owned.balance_bytes + of_rows == GRANTED
                assert traffic.billed_bytes.get(name, 0) == of_rows
            assert traffic.published_balances(2.0) == {
                name: owned.balance_bytes for name, owned in traffic.account.pools.items()
            }
            assert len(traffic.rows) + traffic.archive.rows == row.seq
            assert sum(1 for one in traffic.rows if one.ended is not None) < 9
        assert sum(count for _, count, _ in told(traffic)) == sum(traffic.billed_bytes.values())


def test_what_is_free_crosses_the_wire_and_costs_nothing():
    """C-167"""
    traffic = meter()
    row = begin(traffic)
    traffic.up(row, 300, free=300)
    traffic.down(row, 1_000, free=200)
    assert (row.bytes_up, row.bytes_down, row.billed_bytes) == (300, 1_000, 800)
    refused = begin(traffic, billed=False)
    traffic.up(refused, 300)
    assert (refused.bytes_up, refused.billed_bytes) == (300, 0)
    assert traffic.account.pools["one"].balance_bytes == GRANTED - 800
    assert told(traffic) == [("site", 800, 1)]


def test_rows_of_long_ago_are_summed_up_and_numbers_go_on(monkeypatch):
    """C-166"""
    monkeypatch.setattr(rows_of_traffic, "KEPT_ROWS", 10)
    monkeypatch.setattr(rows_of_traffic, "_ARCHIVED_AT_ONCE", 5)
    traffic = meter()
    tunnel = begin(traffic)
    for _ in range(100):
        exchange(traffic, 7)
    traffic.down(tunnel, 5)
    seqs = [row["seq"] for row in traffic.since(0)]
    assert (seqs[0], seqs[-1]) == (1, 101)  # one that lives is never archived
    assert traffic.archive.document() == {
        "rows": 101 - len(seqs),
        "bytes": {"one": 7 * (101 - len(seqs))},
    }
    assert [row["seq"] for row in traffic.since(99)] == [100, 101]
    assert traffic.since(101) == []
    assert told(traffic) == [("site", 705, 101)]


def test_bytes_that_come_after_a_row_was_archived_are_billed_all_the_same(monkeypatch):
    """C-167"""
    monkeypatch.setattr(rows_of_traffic, "KEPT_ROWS", 1)
    monkeypatch.setattr(rows_of_traffic, "_ARCHIVED_AT_ONCE", 1)
    traffic = meter()
    row = exchange(traffic, 10)
    exchange(traffic, 10)
    assert row.is_archived
    traffic.up(row, 5)
    assert traffic.archive.bytes == {"one": 15}
    assert traffic.account.pools["one"].balance_bytes == GRANTED - 25


def test_a_page_is_of_one_moment_whatever_happens_while_it_is_read():
    """C-167"""
    traffic = meter()
    rows = [begin(traffic) for _ in range(1_000)]
    for row in rows:
        traffic.down(row, 1)
    with traffic.since_pieces(0) as page:
        before = traffic.since(0)
        pieces = iter(page)
        read = next(pieces)
        for number, row in enumerate(rows):
            traffic.down(row, number)
            traffic.excuse(row) if number % 2 else traffic.end(row, "completed", 9.0)
        begin(traffic)
        read += [row for piece in pieces for row in piece]
    assert read == before
    traffic.down(rows[0], 1)
    assert page._held[id(rows[0])] == before[0]


def test_a_page_outlives_a_reset():
    traffic = meter()
    exchange(traffic, 3)
    begin(traffic)
    with traffic.since_pieces(0) as page:
        before = traffic.since(0)
        traffic.forget()
        exchange(traffic, 9)
        assert [row for piece in page for row in piece] == before


def test_usage_is_of_the_account_and_sorted_by_bytes_then_name():
    """C-098, C-099"""
    traffic = meter()
    for pool, domain, count in [
        ("one", "b.test", 5),
        ("two", "b.test", 5),
        ("one", "c.test", 7),
        ("one", "a.test", 7),
    ]:
        traffic.down(begin(traffic, pool, domain), count)
    begin(traffic, domain="refused.test", billed=False)
    assert told(traffic) == [("b.test", 10, 2), ("a.test", 7, 1), ("c.test", 7, 1)]
    assert told(traffic, 2) == [("b.test", 10, 2), ("a.test", 7, 1)]


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(1, 10))
def test_the_top_is_the_head_of_the_whole_order_ties_and_all(counts, limit):
    """C-095, C-098"""
    traffic = meter()
    for number, count in enumerate(counts):
        exchange(traffic, count, f"{number:02}.test")
    whole = sorted(told(traffic, 100), key=lambda usage: (-usage[1], usage[0]))
    assert told(traffic, limit) == whole[:limit]
    assert len(whole) == len(counts)


DOMAINS = {
    "www.shop.test": "shop.test",
    "shop.test": "shop.test",
    "a.b.c.shop.test": "shop.test",
    "localhost": "localhost",
    "127.0.0.1": "127.0.0.1",
    "10.20.30.40": "10.20.30.40",
    "2001:db8::1.2.3.4": "2001:db8::1.2.3.4",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
}


def test_a_domain_may_be_the_registrable_one():
    """C-100, the other reading: `usage_domain_form`."""
    traffic = meter()
    for domain in DOMAINS:
        exchange(traffic, 10, domain)
    assert {name for name, _, _ in told(traffic)} == set(DOMAINS)
    traffic._switches.set(usage_domain_form="registrable")
    assert {name for name, _, _ in told(traffic)} == set(DOMAINS.values())
    assert told(traffic)[0] == ("shop.test", 30, 3)


def test_trailing_usage_leaves_a_day_after_it_came():
    """C-097, the other reading: `usage_window`."""
    clock = TurnedClock(1_000_000.0)
    traffic = meter(clock, usage_window="trailing_24h")
    exchange(traffic, 5, "early.test")
    tunnel = begin(traffic, domain="tunnel.test")
    clock.now += 3_600
    traffic.down(tunnel, 7)
    exchange(traffic, 3, "late.test")
    clock.now += 82_799
    assert told(traffic) == [("tunnel.test", 7, 1), ("early.test", 5, 1), ("late.test", 3, 1)]
    clock.now += 1
    assert told(traffic) == [("tunnel.test", 7, 0), ("late.test", 3, 1)]
    clock.now += 3_600
    assert told(traffic) == []
    traffic._switches.set(usage_window="cumulative")
    assert [name for name, _, _ in told(traffic)] == ["tunnel.test", "early.test", "late.test"]


def test_usage_since_midnight_starts_again_at_midnight_utc():
    """C-097, the other reading: `usage_window`."""
    clock = TurnedClock(86_400.0 * 100 - 10)
    traffic = meter(clock, usage_window="since_midnight")
    exchange(traffic, 5)
    clock.now += 9
    assert told(traffic) == [("site", 5, 1)]
    clock.now += 1
    assert told(traffic) == []
    exchange(traffic, 3)
    assert told(traffic) == [("site", 3, 1)]


@given(
    st.lists(st.tuples(st.floats(0, 20_000), st.integers(0, 3), st.integers(1, 99)), max_size=60)
)
def test_every_window_holds_what_falls_into_it(steps):
    """C-097: against the plain sum of what happened."""
    clock = TurnedClock(86_400.0 * 1_000)
    traffic, happened = meter(clock), []
    for wait, domain, count in steps:
        clock.now += wait
        exchange(traffic, count, f"{domain}.test")
        happened.append((clock.now, f"{domain}.test", count))
        begins = {
            "cumulative": 0.0,
            "trailing_24h": clock.now - 86_400,
            "since_midnight": clock.now // 86_400 * 86_400,
        }
        for window, start in begins.items():
            traffic._switches.set(usage_window=window)
            sums = {}
            for at, name, size in happened:
                if at >= start:
                    sums[name] = sums.get(name, 0) + size
            shown = {name: size for name, size, _ in told(traffic)}
            if window != "trailing_24h":
                assert shown == sums
            else:  # what leaves within one minute leaves together, with the last of it
                rest = [size for at, _, size in happened if start - 60 < at < start]
                assert 0 <= sum(shown.values()) - sum(sums.values()) <= sum(rest)


def test_a_hundred_thousand_domains_are_shown_and_leave_together():
    """C-095, C-097, C-099"""
    clock = TurnedClock(1_000_000.0)
    traffic = meter(clock, usage_window="trailing_24h")
    for number in range(100_000):
        exchange(traffic, number % 50, f"{number}.test")
    assert all(len(slot.domains) <= 256 for slot in traffic._usage._slots)  # never much at once
    shown = told(traffic)
    assert [count for _, count, _ in shown] == [49] * 100
    assert shown == sorted(shown, key=lambda usage: (-usage[1], usage[0]))
    clock.now += 86_400
    assert told(traffic) == []


def test_a_crowded_day_is_remembered_in_coarser_steps(monkeypatch):
    """C-097"""
    monkeypatch.setattr("rf_sandbox.usage._MOST_PAIRS", 500)
    clock = TurnedClock(1_000_000.0)
    traffic = meter(clock, usage_window="trailing_24h")
    for minute in range(600):
        exchange(traffic, 1, f"{minute % 97}.test")
        exchange(traffic, 1, f"{minute % 89}.org")
        clock.now += 60
    assert len(traffic._usage._buckets) < 600
    assert sum(count for _, count, _ in told(traffic, 1_000)) == 1_200
    clock.now += 86_400
    assert told(traffic) == []


# How late the API's meter is


def test_the_meter_is_late_by_the_second_and_a_top_up_is_not():
    """C-170: `meter_lag_seconds`."""
    clock = TurnedClock(1_000.0)
    traffic = meter(clock, meter_lag_seconds=5.0)
    exchange(traffic, 100)
    clock.now += 4.9
    assert traffic.published_balances(clock.now)["one"] == GRANTED
    assert told(traffic) == []
    traffic.account.pools["one"].balance_bytes += 50
    assert traffic.published_balances(clock.now)["one"] == GRANTED + 50
    clock.now += 0.11
    assert traffic.published_balances(clock.now)["one"] == GRANTED - 50
    assert told(traffic) == [("site", 100, 1)]


def test_the_meter_moves_in_steps():
    """C-170: `meter_cadence_seconds`."""
    clock = TurnedClock(1_000.0)
    traffic = meter(clock, meter_cadence_seconds=10.0)
    seen = []
    for _ in range(45):
        exchange(traffic, 1)
        seen.append(GRANTED - traffic.published_balances(clock.now)["one"])
        clock.now += 1
    assert seen == [1] + [1] * 9 + [11] * 10 + [21] * 10 + [31] * 10 + [41] * 5


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.3, 5.0, 60.0]),
            st.sampled_from([0.0, 2.0, 7.0]),
            st.floats(0, 30),
            st.integers(0, 1_000),
        ),
        max_size=40,
    )
)
def test_however_late_the_meter_never_goes_back_and_all_of_it_comes(steps):
    """C-170"""
    clock = TurnedClock(1_000.0)
    traffic, shown = meter(clock), [0]
    for lag, cadence, wait, count in steps:
        traffic._switches.set(meter_lag_seconds=lag, meter_cadence_seconds=cadence)
        exchange(traffic, count)
        clock.now += wait
        shown.append(GRANTED - traffic.published_balances(clock.now)["one"])
        assert shown[-1] == sum(size for _, size, _ in told(traffic))
    assert shown == sorted(shown)
    clock.now += 200
    billed = traffic.billed_bytes.get("one", 0)
    assert GRANTED - traffic.published_balances(clock.now)["one"] == billed


def test_the_api_is_late_and_control_is_not():
    """C-170, through the API."""
    with Sandbox(clock="virtual") as sandbox, api_of(sandbox) as api:
        granted = sandbox.state()["balances_bytes"]
        (credential,) = proxies_of(sandbox)
        sandbox.switch(meter_lag_seconds=30)
        with Wire(sandbox.gateway) as wire:
            wire.get(f"{sandbox.site_http}/bytes/5000000", credential)
        settled_of(sandbox)
        assert api.get("/usage").json()["top_domains"] == []
        before = api.get("/balance").json()["balances"]["premium"]
        assert before == round(granted["premium"] / GIGABYTE, 4)
        assert_nothing_is_lost(sandbox, granted)
        sandbox.advance(30)
        assert api.get("/balance").json()["balances"]["premium"] < before
        (used,) = api.get("/usage").json()["top_domains"]
        assert used["bytes"] == sandbox.traffic()["billed_bytes"]["premium"]


# Rows for control


def test_the_first_word_on_how_an_exchange_ended_stands():
    traffic = meter()
    row = begin(traffic)
    traffic.end(row, "exhausted", 1.0)
    traffic.end(row, "aborted", 2.0)
    assert (row.outcome, row.ended) == ("exhausted", 1.0)


def test_what_was_alive_when_everything_was_forgotten_counts_no_more():
    traffic = meter()
    row = begin(traffic)
    traffic.forget()
    traffic.down(row, 100)
    assert traffic.since(0) == []
    assert traffic.account.pools["one"].balance_bytes == GRANTED
    assert begin(traffic).seq == 1


def test_other_calls_are_answered_while_a_hundred_thousand_rows_are_written():
    """C-167"""
    with Sandbox() as sandbox:
        traffic = sandbox._servers.world.traffic

        def fill():
            for _ in range(100_000):
                exchange(traffic, 1, pool="premium")

        sandbox._ask(fill)
        headers = {"Authorization": f"Bearer {sandbox.control_token}"}
        with (
            httpx.Client(headers=headers, trust_env=False, timeout=60) as control,
            control.stream("GET", f"{sandbox.control}/traffic") as answer,
        ):
            pieces = answer.iter_raw()
            document = next(pieces)
            during = exchange_in(sandbox, traffic)  # the first piece is here, the last is not
            document += b"".join(pieces)
        rows = json.loads(document)
        assert [row["seq"] for row in rows["traffic"]] == list(range(1, 100_001))
        assert rows["billed_bytes"]["premium"] == 100_000
        assert during == 100_007


def exchange_in(sandbox, traffic):
    """An exchange in the sandbox's own loop; what was billed by then."""

    def work():
        exchange(traffic, 7, pool="premium")
        return traffic.billed_bytes["premium"]

    return sandbox._ask(work)
