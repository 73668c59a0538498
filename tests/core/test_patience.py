"""A domain that says *slower* is left alone: long enough, not for ever, and only it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.patience import Pause, answered, refused


def say_slower(pause, now, *, sent_at=None, retry_after=None, cap=300.0, chance=0.0):
    return refused(
        pause,
        now=now,
        sent_at=now if sent_at is None else sent_at,
        retry_after=retry_after,
        cap=cap,
        chance=chance,
    )


def test_what_the_target_asks_for_is_waited_for():
    outcome = say_slower(Pause(), 100.0, retry_after=7.0)
    assert outcome.pause.wait_seconds(100.0) == 7.0
    assert outcome.pause.wait_seconds(108.0) == 0.0


def test_a_burst_of_refusals_is_one_step():
    pause = say_slower(Pause(), 100.0, retry_after=2.0).pause
    for late in (100.1, 100.5, 101.0):
        outcome = say_slower(pause, late, sent_at=99.0, retry_after=2.0)
        assert outcome.new_step is False
        pause = outcome.pause
    assert pause.step == 1
    assert pause.until == pytest.approx(103.0)


def test_each_refusal_after_a_pause_doubles_it():
    pause, now, waits = Pause(), 0.0, []
    for _ in range(5):
        pause = say_slower(pause, now).pause
        waits.append(pause.wait_seconds(now))
        now = pause.until
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_retry_after_zero_does_not_switch_the_back_off_off():
    assert say_slower(Pause(), 0.0, retry_after=0.0).pause.wait_seconds(0.0) == 1.0


def test_a_success_after_the_pause_ends_the_story():
    pause = say_slower(Pause(), 0.0, retry_after=5.0).pause
    assert answered(pause, sent_at=1.0) == pause
    assert answered(pause, sent_at=5.0) == Pause()


@given(
    retry_after=st.none() | st.floats(0, 1e9),
    step=st.integers(0, 10_000),
    chance=st.floats(0, 1, exclude_max=True),
    cap=st.floats(0.5, 3_600),
)
def test_no_pause_is_longer_than_its_cap_or_shorter_than_asked(retry_after, step, chance, cap):
    pause = say_slower(Pause(step=step), 0.0, retry_after=retry_after, cap=cap, chance=chance).pause
    assert pause.wait_seconds(0.0) <= cap
    assert pause.wait_seconds(0.0) >= min(cap, retry_after or 0.0)


def test_a_domain_that_says_nothing_else_for_too_long_has_stalled():
    pause, now = Pause(), 100.0
    while now < 160.0:
        pause = say_slower(pause, now).pause
        now = pause.until + 0.5
    assert pause.since == 100.0
    assert pause.is_stalled(161.0, 60.0)
    assert not pause.is_stalled(161.0, 62.0)


def test_one_good_answer_and_the_time_counts_anew():
    pause = say_slower(Pause(), 100.0).pause
    pause = answered(pause, sent_at=200.0)
    assert not pause.is_stalled(10_000.0, 1.0)
    assert say_slower(pause, 300.0).pause.since == 300.0
