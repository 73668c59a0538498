"""The rules of a window: room, waits, what headers and refusals change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.governor import (
    Turn,
    Window,
    granted,
    lease_end,
    margin_seconds,
    observe,
    permits,
    refused,
    room,
    wait_seconds,
)
from rf_core.protocol import RateHeaders

INTERACTIVE, NORMAL, BULK = Turn(0), Turn(1), Turn(2)


def test_the_margin_is_a_second_for_a_minute_and_a_sixtieth_of_anything_shorter():
    """C-129: a server whose clock ticks sixty times in a window."""
    assert margin_seconds(60) == 1.0
    assert margin_seconds(3) == pytest.approx(0.05)
    assert margin_seconds(3_600) == 1.0


def test_an_empty_window_grants_and_a_full_one_says_how_long_to_wait():
    window = Window(2)
    assert permits(window, 0, NORMAL, 100)
    assert not permits(window, 2, NORMAL, 100)
    assert wait_seconds(window, [130, 140], NORMAL, 100) == 30


def test_a_call_without_an_answer_keeps_its_slot_for_as_long_as_it_may_still_arrive():
    assert lease_end(100, timeout_seconds=30, window_seconds=60) == 100 + 30 + 60 + 1


def test_whoever_is_behind_others_waits_for_as_many_slots():
    window = Window(3)
    ends = [110.0, 120.0, 130.0]
    waits = [wait_seconds(window, ends, Turn(0, ahead), 100) for ahead in range(4)]
    assert waits == [10, 20, 30, 10 + 61]


def test_bulk_leaves_a_reserve_and_an_interactive_call_takes_the_last_slot():
    window = granted(Window(10), BULK.rank, 100)
    assert not permits(window, 8, BULK, 100)
    assert permits(window, 8, NORMAL, 100)
    assert permits(window, 9, INTERACTIVE, 100)
    assert not permits(window, 10, INTERACTIVE, 100)


def test_what_bulk_is_owed_comes_out_of_the_reserve():
    assert room(Window(10), Turn(2), 100) == 8
    assert room(Window(10), Turn(2, owed=True), 100) == 10


def test_a_rank_that_is_left_out_is_owed_a_share_of_the_pace():
    """A tenth of twenty a minute is one in thirty seconds; interactive calls are owed nothing."""
    window = granted(granted(Window(20), 2, 100), 1, 100)
    assert window.owed_at(2, 50) == 130
    assert window.owed_at(1, 50) == 112
    assert window.owed_at(0, 50) == float("inf")


def test_nobody_is_owed_anything_who_just_came_along():
    assert Window(20).owed_at(2, 100) == 130
    assert Window(1).owed_at(2, 100) == 130, "half a window is enough"


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_tiny_window_still_lets_bulk_calls_through(limit):
    assert permits(granted(Window(limit), 2, 100), 0, BULK, 100)


def seen(limit, remaining, *, ours, window=None, asked_at=100.0, now=101.0, reset=None):
    headers = RateHeaders(limit=limit, remaining=remaining, reset_seconds=reset)
    return observe(window or Window(limit), headers, asked_at=asked_at, now=now, ours=ours)


def test_calls_of_strangers_are_kept_free_for_a_window():
    """C-132: limit - remaining - ours is somebody else."""
    window = seen(10, 3, ours=2)
    assert window.strangers(101) == 5
    assert not permits(window, 5, INTERACTIVE, 101)
    assert permits(window, 4, INTERACTIVE, 101)
    assert window.strangers(101 + 61) == 0


def test_more_strangers_are_believed_at_once_and_fewer_little_by_little():
    """C-132: who sends in bursts comes back."""
    window = seen(20, 10, ours=2)
    assert window.strangers(101) == 8
    window = seen(20, 6, ours=2, window=window, asked_at=102, now=102)
    assert window.strangers(102) == 12
    window = seen(20, 18, ours=2, window=window, asked_at=117, now=117)
    assert window.strangers(117) == 6, "half of them after a quarter of the window"
    window = seen(20, 18, ours=2, window=window, asked_at=132, now=132)
    assert window.strangers(132) == 3


def test_when_strangers_hold_everything_the_wait_ends_with_their_window():
    window = seen(3, 0, ours=0, now=99)
    assert wait_seconds(window, [], NORMAL, 100) == 60
    assert permits(window, 0, NORMAL, 160)


def test_when_strangers_hold_everything_the_servers_reset_bounds_the_wait():
    """C-124 C-125: reset less the date of the same answer."""
    window = seen(3, 0, ours=0, now=99, reset=20)
    assert wait_seconds(window, [], INTERACTIVE, 100) == 20
    assert permits(window, 0, INTERACTIVE, 120)
    assert not permits(window, 1, INTERACTIVE, 120)


def test_the_limit_is_what_the_server_says():
    """C-130"""
    window = seen(5, 5, ours=0, window=Window(120))
    assert window.limit == 5
    assert not permits(window, 5, NORMAL, 102)


@pytest.mark.parametrize(
    "headers", [RateHeaders(), RateHeaders(limit=0), RateHeaders(reset_seconds=9)]
)
def test_headers_that_say_nothing_change_nothing(headers):
    """C-122: absent or garbage"""
    window = observe(Window(120), headers, asked_at=1, now=1, ours=1)
    assert (window.limit, window.strangers(1)) == (120, 0)


def test_headers_older_than_the_newest_seen_are_ignored():
    """C-132: answers overtake each other."""
    newest = seen(10, 9, ours=1, asked_at=50)
    assert seen(10, 0, ours=1, window=newest, asked_at=40) == newest


def test_a_429_nobody_expected_pauses_the_window():
    """C-126 C-129"""
    window = refused(Window(20), asked_at=99, now=100, retry_after=7)
    assert wait_seconds(window, [], INTERACTIVE, 100) == 7 + 1
    assert permits(window, 0, NORMAL, 108)


def test_a_mistaken_retry_after_does_not_silence_the_machine_for_a_day():
    window = refused(Window(20), asked_at=99, now=100, retry_after=86_400)
    assert wait_seconds(window, [], NORMAL, 100) == 120 + 1


def test_after_a_429_calls_keep_their_distance():
    """C-129: who counts otherwise than in a rolling window is met at an even pace."""
    window = refused(Window(20), asked_at=99, now=100, retry_after=1)
    window = granted(window, 1, 102)
    assert window.pace_seconds == pytest.approx(60 / 18)
    assert not permits(window, 0, NORMAL, 105)
    assert permits(window, 0, NORMAL, 106)
    assert wait_seconds(window, [], Turn(0, ahead=1), 102) == pytest.approx(2 * 60 / 18)
    assert permits(granted(window, 1, 703), 0, NORMAL, 703), "not for ever"


def test_calls_refused_together_are_one_step_and_a_refusal_after_it_is_another():
    """C-127: twenty 429s to one burst are one piece of news."""
    window = refused(Window(20), asked_at=99, now=100, retry_after=1)
    for _ in range(19):
        window = refused(window, asked_at=99, now=100.5, retry_after=1)
    assert window.pace_seconds == pytest.approx(60 / 18)
    window = refused(window, asked_at=110, now=111, retry_after=1)
    assert window.pace_seconds == pytest.approx(1.5 * 60 / 18)


FIGURES = st.fixed_dictionaries(
    {
        "limit": st.integers(1, 5),
        "foreign": st.integers(0, 8),
        "foreign_until": st.floats(90, 160),
        "hold_until": st.floats(90, 220),
        "bulk_at": st.floats(0, 100),
    }
).map(lambda figures: Window(**figures))


@given(
    window=FIGURES,
    ends=st.lists(st.floats(101, 190), max_size=12).map(sorted),
    rank=st.integers(0, 2),
    ahead=st.integers(0, 2),
)
def test_whoever_waits_as_told_is_granted_in_the_end(window, ends, rank, ahead):
    owed_at = window.owed_at(rank, 100)
    now = 100.0
    for _ in range(len(ends) + 8):
        held = [end for end in ends if end > now]
        turn = Turn(rank, 0 if owed_at <= now else ahead, owed_at <= now, owed_at)
        if permits(window, len(held), turn, now):
            return
        wait = wait_seconds(window, held, turn, now)
        assert wait > 0
        now += wait + 1e-9
        if ahead and not held:
            ahead -= 1
    pytest.fail("waited as told and was never granted")
