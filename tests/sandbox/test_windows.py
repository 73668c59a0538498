from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_sandbox.windows import RateWindows


def arrive(windows, count, now, *, key=1, group="generate"):
    return [windows.arrive(key, group, now) for _ in range(count)]


def test_the_documented_limits_are_twenty_orders_and_a_hundred_and_twenty_reads():
    """C-120, C-121"""
    for group, limit in (("generate", 20), ("reads", 120)):
        windows = RateWindows()
        assert all(verdict.allowed for verdict in arrive(windows, limit, 0.0, group=group))
        assert not windows.arrive(1, group, 59.999).allowed
        assert windows.arrive(1, group, 60.0).allowed


def test_remaining_counts_down_and_reset_is_when_the_oldest_call_leaves():
    """C-122, C-125"""
    windows = RateWindows()
    first = windows.arrive(1, "generate", 1_000.5)
    second = windows.arrive(1, "generate", 1_030.0)
    assert (first.remaining, second.remaining) == (19, 18)
    assert first.reset_at == second.reset_at == 1_061
    assert first.headers == {
        "RateLimit-Limit": "20",
        "RateLimit-Remaining": "19",
        "RateLimit-Reset": "1061",
    }


def test_a_refusal_says_how_many_whole_seconds_to_wait():
    """C-126"""
    windows = RateWindows()
    arrive(windows, 20, 0.0)
    assert windows.arrive(1, "generate", 10.2).headers["Retry-After"] == "50"
    assert windows.arrive(1, "generate", 59.999).headers["Retry-After"] == "1"


def test_refused_calls_are_not_counted_but_are_remembered_as_violations():
    """C-128"""
    windows = RateWindows()
    arrive(windows, 25, 0.0)
    assert windows.violations == 5
    assert windows.arrive(1, "generate", 60.0).remaining == 19


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
    assert windows.stranger("generate", 0.0).headers["RateLimit-Remaining"] == "20"


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
            assert verdict.reset_at >= now
        recent = [at for at in granted if at > now - seconds]
        assert len(recent) <= limit
        assert verdict.allowed or len(recent) == limit


@pytest.mark.parametrize("refuses", [True, False])
def test_a_call_that_is_refused_for_another_reason_is_no_violation(refuses):
    windows = RateWindows(limits={"generate": 1})
    windows.arrive(1, "generate", 0.0)
    windows.arrive(1, "generate", 0.0, refuses=refuses)
    assert windows.violations == int(refuses)
