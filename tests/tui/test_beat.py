"""How often the monitor looks."""

import math

import pytest

from rf_tui.beat import IDLE_SECONDS, RELAXED_SECONDS, Beat


def looks(beat, ticks, interval=1.0, *, has_focus=True):
    return sum(beat.is_due(interval, has_focus=has_focus) for _ in range(ticks))


def test_with_somebody_there_every_tick_is_a_look():
    assert looks(Beat(), 60) == 60


def test_in_the_background_one_in_five_is():
    assert looks(Beat(), 60, has_focus=False) == 12


def test_untouched_for_long_it_relaxes_and_a_touch_ends_that_at_once():
    beat = Beat()
    looks(beat, int(IDLE_SECONDS))
    assert looks(beat, 60) == 12
    beat.touched()
    assert looks(beat, 60) == 60


@pytest.mark.parametrize("interval", [0.2, 0.5, 2.0, 10.0, 60.0])
def test_a_longer_interval_is_never_shortened(interval):
    beat = Beat()
    looks(beat, 1, interval, has_focus=False)
    assert beat.seconds(interval) == max(interval, RELAXED_SECONDS)
    each = math.ceil(RELAXED_SECONDS / interval) * interval
    ticks = round(600 / interval)
    number = looks(beat, ticks, interval, has_focus=False)
    assert number == pytest.approx(600 / each, abs=1)


def test_the_other_accounts_are_looked_at_now_and_then():
    beat = Beat()
    others = [beat.is_due(1.0, has_focus=True) and beat.is_for_others() for _ in range(20)]
    assert sum(others) == 4
