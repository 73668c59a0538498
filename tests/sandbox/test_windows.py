import math
import random
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_sandbox.algorithms import ALGORITHMS, standing
from rf_sandbox.switches import Switches
from rf_sandbox.windows import Foreign, RateWindows


def arrive(windows, count, now, *, key=1, group="generate"):
    return [windows.arrive(key, group, now) for _ in range(count)]


def test_the_documented_limits_are_twenty_orders_and_a_hundred_and_twenty_reads():
    """C-120, C-121"""
    for group, limit in (("generate", 20), ("reads", 120)):
        windows = RateWindows()
        assert all(verdict.allowed for verdict in arrive(windows, limit, 0.0, group=group))
        assert not windows.arrive(1, group, 59.999).allowed
        assert windows.arrive(1, group, 60.0).allowed


def headers_of(verdict, now, **readings):
    switches = Switches()
    switches.set(**readings)
    return verdict.headers(now, switches)


def test_remaining_counts_down_and_reset_is_when_the_oldest_call_leaves():
    """C-122, C-125"""
    windows = RateWindows()
    first = windows.arrive(1, "generate", 1_000.5)
    second = windows.arrive(1, "generate", 1_030.0)
    assert (first.remaining, second.remaining) == (19, 18)
    assert headers_of(second, 1_030.0)["RateLimit-Reset"] == "1061"
    assert headers_of(first, 1_000.5) == {
        "RateLimit-Limit": "20",
        "RateLimit-Remaining": "19",
        "RateLimit-Reset": "1061",
    }


def test_reset_may_as_well_be_when_the_whole_window_is_free():
    """C-125"""
    windows = RateWindows()
    windows.arrive(1, "generate", 1_000.5)
    verdict = windows.arrive(1, "generate", 1_030.0)
    assert headers_of(verdict, 1_030.0, reset_means="all_left")["RateLimit-Reset"] == "1090"


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ({}, "1060"),
        ({"reset_form": "epoch_ms"}, "1060000"),
        ({"reset_form": "delta"}, "60"),
        ({"clock_skew_seconds": 3600}, "4660"),
        ({"clock_skew_seconds": -3600, "reset_form": "epoch_ms"}, "-2540000"),
        ({"clock_skew_seconds": 3600, "reset_form": "delta"}, "60"),
    ],
)
def test_reset_comes_in_three_forms_on_a_clock_that_may_be_off(readings, expected):
    """C-124"""
    verdict = RateWindows().arrive(1, "generate", 1_000.0)
    assert headers_of(verdict, 1_000.0, **readings)["RateLimit-Reset"] == expected


def test_a_refusal_says_how_many_whole_seconds_to_wait():
    """C-126"""
    windows = RateWindows()
    arrive(windows, 20, 0.0)
    assert headers_of(windows.arrive(1, "generate", 10.2), 10.2)["Retry-After"] == "50"
    refused = windows.arrive(1, "generate", 59.999)
    assert headers_of(refused, 59.999)["Retry-After"] == "1"
    assert headers_of(refused, 59.999)["RateLimit-Remaining"] == "0"


def test_refused_calls_count_only_where_that_is_the_reading():
    """C-128"""
    windows = RateWindows()
    arrive(windows, 25, 0.0)
    assert windows.arrive(1, "generate", 60.0).remaining == 19
    for second in range(1, 30):
        windows.arrive(2, "generate", float(second), counts_refused=True)
    assert not windows.arrive(2, "generate", 62.0).allowed
    assert windows.arrive(2, "generate", 70.0).allowed


def test_an_error_can_be_taken_back_and_only_that_call():
    """C-128"""
    windows = RateWindows()
    windows.arrive(1, "reads", 10.0)
    windows.arrive(1, "reads", 11.0)
    assert windows.forgive(1, "reads", 10.0, 12.0).remaining == 119
    assert windows.forgive(1, "reads", 10.0, 12.0).remaining == 119


def test_keys_and_groups_never_share_a_window():
    """C-120, C-133"""
    windows = RateWindows()
    arrive(windows, 20, 0.0, key=1)
    assert windows.arrive(2, "generate", 0.0).allowed
    assert windows.arrive(1, "reads", 0.0).remaining == 119


def test_a_limit_lowered_while_calls_are_in_the_window_waits_for_enough_to_leave():
    """C-130"""
    windows = RateWindows()
    for second in range(10):
        windows.arrive(1, "generate", float(second))
    windows.limits["generate"] = 5
    refused = windows.arrive(1, "generate", 10.0)
    assert (refused.allowed, refused.limit, refused.retry_after) == (False, 5, 55)
    assert not windows.arrive(1, "generate", 64.9).allowed
    assert windows.arrive(1, "generate", 65.0).allowed


def test_looking_does_not_count():
    windows = RateWindows()
    assert windows.look(1, "reads", 0.0).remaining == 120
    assert windows.look(1, "reads", 0.0).remaining == 120
    assert windows.stranger("generate", 0.0).remaining == 20


@given(
    st.lists(st.integers(0, 320).map(lambda ticks: ticks / 64), min_size=1, max_size=60),
    st.integers(1, 3),
    st.sampled_from([1.0, 2.5, 60.0]),
)
def test_no_rolling_window_ever_holds_more_than_its_limit(gaps, limit, seconds):
    """C-120"""
    windows = RateWindows(limits={"generate": limit}, window_seconds=seconds)
    now, granted = 1e6, []
    for gap in gaps:
        now += gap
        verdict = windows.arrive(1, "generate", now)
        if verdict.allowed:
            granted.append(now)
        else:
            later = deepcopy(windows).arrive(1, "generate", now + verdict.retry_after)
            assert later.allowed
            assert verdict.standing.free_at > now
        recent = [at for at in granted if at > now - seconds]
        assert len(recent) <= limit
        assert verdict.allowed or len(recent) == limit


GAPS = st.lists(st.integers(0, 320).map(lambda ticks: ticks / 64), min_size=1, max_size=60)


@given(st.sampled_from(sorted(ALGORITHMS)), GAPS, st.sampled_from([1, 2, 3, 20]))
def test_whoever_waits_as_long_as_told_is_welcome(algorithm, gaps, limit):
    """C-126, C-129"""
    windows = RateWindows(limits={"generate": limit}, window_seconds=10.0, algorithm=algorithm)
    now = 1e6
    for gap in gaps:
        now += gap
        verdict = windows.arrive(1, "generate", now)
        if not verdict.allowed:
            later = now + verdict.retry_after
            assert windows.look(1, "generate", later).remaining >= 1
            too_early = max(now, verdict.standing.free_at - 0.01)
            assert windows.look(1, "generate", too_early).remaining == 0


@given(GAPS, st.sampled_from([1, 2, 20]))
def test_a_window_on_whole_seconds_is_the_exact_one_on_a_coarser_clock(gaps, limit):
    """C-129"""
    now, times = 1e6, []
    for gap in gaps:
        now += gap
        coarse = [float(math.floor(at)) for at in times]
        ours = standing("log_1s", times, now, limit, 10.0)
        theirs = standing("log", coarse, float(math.floor(now)), limit, 10.0)
        assert ours.left == theirs.left
        if ours.left:
            times.append(now)


def test_a_fixed_window_forgets_everything_at_its_end():
    """C-129"""
    windows = RateWindows(limits={"generate": 3}, window_seconds=10.0, algorithm="fixed")
    assert [windows.arrive(1, "generate", 119.0).allowed for _ in range(4)] == [True] * 3 + [False]
    assert windows.arrive(1, "generate", 119.5).retry_after == 1
    assert [windows.arrive(1, "generate", 120.0).allowed for _ in range(4)] == [True] * 3 + [False]


def test_a_counter_weighs_the_window_before():
    """C-129"""
    windows = RateWindows(limits={"generate": 10}, window_seconds=10.0, algorithm="counter")
    for _ in range(10):
        assert windows.arrive(1, "generate", 109.0).allowed
    assert windows.look(1, "generate", 110.0).remaining == 0
    assert windows.look(1, "generate", 115.0).remaining == 5
    assert windows.look(1, "generate", 120.0).remaining == 10


def test_strangers_on_the_key_use_its_window_up_and_count_as_nobodys_violations():
    """C-132"""
    windows = RateWindows()
    windows.foreign.append(
        Foreign(1, "reads", 1.0, until=1_030.0, next_at=1_000.0, chance=random.Random(1))
    )
    remaining = windows.look(1, "reads", 1_020.0).remaining
    assert 95 <= remaining <= 105
    assert windows.look(2, "reads", 1_020.0).remaining == 120
    assert windows.look(1, "generate", 1_020.0).remaining == 20
    at_the_end = windows.foreign_calls if windows.look(1, "reads", 1_030.0) else 0
    assert windows.look(1, "reads", 2_000.0).remaining == 120
    assert windows.foreign_calls == at_the_end
    assert windows.violations == 0
