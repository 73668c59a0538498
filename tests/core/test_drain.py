"""How fast a pool empties, from rounded balances and exact crawls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.drain import Reading, drain, topped_up_at
from rf_core.snapshot import Drain
from rf_core.units import BALANCE_QUANTUM, GIGABYTE

START = 1_000.0


def falling(rate, seconds, step=8.0, start=GIGABYTE):
    """Readings of a pool that loses `rate` bytes a second, rounded as the provider does."""
    readings = []
    at = 0.0
    while at <= seconds:
        left = start - rate * at
        readings.append(Reading(START + at, round(left / BALANCE_QUANTUM) * BALANCE_QUANTUM))
        at += step
    return readings


def judge(readings, crawl_rate=0.0, after=1.0):
    return drain(readings, now=readings[-1].at + after, crawl_rate=crawl_rate)


@pytest.mark.parametrize("rate", [24_000, 100_000, 3_000_000])
def test_a_steady_fall_is_measured_within_a_few_quanta(rate):
    """C-091"""
    found = judge(falling(rate, 80))
    assert found.state == "draining"
    assert found.source == "provider"
    assert abs(found.bytes_per_second - rate) <= 2 * BALANCE_QUANTUM / 80


def test_little_is_said_before_there_is_enough_to_say():
    assert judge(falling(0, 0)) == Drain("measuring")
    assert judge(falling(0, 24)) == Drain("measuring")
    assert judge(falling(8_000, 16)) == Drain("measuring")


def test_a_pool_that_does_not_move_for_long_enough_is_idle():
    assert judge(falling(0, 64)) == Drain("idle")


def test_a_clear_fall_is_said_at_once():
    assert judge(falling(1_000_000, 8)).state == "draining"


def test_a_top_up_is_never_a_negative_drain():
    readings = falling(100_000, 40)
    top = Reading(START + 48, readings[-1].balance_bytes + GIGABYTE)
    after = [
        Reading(top.at + r.at - START, r.balance_bytes + GIGABYTE) for r in falling(100_000, 40)
    ]
    found = judge([*readings, top, *after[1:]])
    assert found.state == "draining"
    assert 0 < found.bytes_per_second <= 110_000
    assert topped_up_at([*readings, top]) == top.at
    assert topped_up_at(readings) is None


def test_across_a_top_up_our_own_crawls_know_what_was_spent():
    readings = [Reading(0, 1_000_000, 0), Reading(60, 9_000_000_000, 6_000_000)]
    assert judge(readings).bytes_per_second == 100_000


def test_running_crawls_know_it_first_and_to_the_byte():
    assert judge(falling(0, 0), crawl_rate=312_400) == Drain("draining", 312_400, "crawls")
    assert judge(falling(500_000, 80), crawl_rate=100_000).source == "provider"


def test_old_readings_say_nothing_of_now():
    assert judge(falling(1_000_000, 80), after=120) == Drain("measuring")


def test_readings_from_the_future_say_nothing_either():
    """Somebody set the clock back."""
    assert judge(falling(1_000_000, 80), after=-500) == Drain("measuring")


@given(
    st.lists(st.tuples(st.floats(0.1, 60), st.integers(-(10**10), 10**10)), max_size=30),
    st.floats(0, 1e9),
)
def test_a_drain_is_never_negative_and_only_draining_has_a_rate(steps, crawl_rate):
    at, readings = START, []
    for gap, balance in steps:
        at += gap
        readings.append(Reading(at, balance))
    found = drain(readings, now=at, crawl_rate=crawl_rate)
    assert (found.bytes_per_second > 0) == (found.state == "draining")
