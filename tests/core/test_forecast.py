"""How long a pool lasts: as an interval, never for ever, and not before it can be told."""

import math
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drains import FAMILIES, case

from rf_core.consumption import cadence_seconds, curve, unseen_bytes
from rf_core.drain import Reading
from rf_core.forecast import finish_chance, forecast, widening
from rf_core.units import BALANCE_QUANTUM, GIGABYTE

MB = 1 << 20


def falling(rate, seconds, *, start=GIGABYTE, step=8.0, begin=0.0, own=0):
    """Readings of a pool that loses `rate` bytes a second, rounded as the provider does."""
    return [
        Reading(
            begin + n * step,
            round((start - rate * n * step) / BALANCE_QUANTUM) * BALANCE_QUANTUM,
            round(own * n * step),
        )
        for n in range(int(seconds / step) + 1)
    ]


def look(readings, *, now=None, changes=()):
    now = readings[-1].at if now is None else now
    return forecast(readings, now=now, changes=changes, chance=Random(1))


def test_a_steady_drain_is_told_to_a_few_per_cent_within_two_minutes():
    for rate in (8_000, 24_000, 1_000_000):
        readings = falling(rate, 160)
        found = look(readings)
        true = (GIGABYTE - rate * readings[-1].at) / rate
        assert found.runway.seconds == pytest.approx(true, rel=0.05), rate
        assert found.runway.low_seconds <= found.runway.seconds <= found.runway.high_seconds


def test_little_is_said_before_there_is_enough_to_say():
    assert look([Reading(0, GIGABYTE)]) is None
    assert look(falling(0, 600)) is None
    assert look(falling(8_000, 24)) is None


@pytest.mark.parametrize("name", FAMILIES)
def test_the_interval_holds_about_as_often_as_it_says(name):
    """The quick form: the whole of it is a journey, with bounds of its own."""
    held = 0
    for seed in range(20):
        seen = case(name, seed)
        runway = forecast(seen.readings, now=seen.now, changes=(), chance=Random(name)).runway
        held += runway.low_seconds <= seen.lasted <= runway.high_seconds
    assert held >= 11, "of 20, where 16 are expected: less than one in a hundred is fewer"


def test_a_change_that_the_curve_shows_starts_the_window_anew():
    before = falling(50_000, 800)
    after = falling(400_000, 400, start=before[-1].balance_bytes, begin=800)
    found = look([*before, *after[1:]])
    assert found.bytes_per_second == pytest.approx(400_000, rel=0.05)
    assert found.since == pytest.approx(800, abs=60)


def test_a_start_of_ours_is_a_change_that_is_known():
    before = falling(300_000, 400)
    after = falling(390_000, 80, start=before[-1].balance_bytes, begin=400)
    readings = [*before, *after[1:]]
    assert look(readings, changes=[400.0]).bytes_per_second == pytest.approx(390_000, rel=0.05)
    assert look(readings[: len(before) + 1], changes=[400.0]) is None


def test_a_top_up_neither_slows_a_drain_nor_makes_it_infinite():
    before = falling(200_000, 240)
    after = falling(200_000, 240, start=before[-1].balance_bytes + 5 * GIGABYTE, begin=248)
    found = look([*before, *after])
    assert found.bytes_per_second == pytest.approx(200_000, rel=0.05)


def test_our_own_count_is_exact_and_not_late():
    """The provider shows what was used five minutes ago; our crawls are all there is."""
    readings = [
        Reading(
            at, round((GIGABYTE - max(0, at - 300) * 500_000) / 107_374) * 107_374, at * 500_000
        )
        for at in range(0, 608, 8)
    ]
    assert curve(readings).source == "crawls"
    assert unseen_bytes(readings) == pytest.approx(300 * 500_000, abs=3 * BALANCE_QUANTUM)
    found = look(readings)
    assert found.runway.seconds == pytest.approx(GIGABYTE / 500_000 - 600, rel=0.02)


def test_strangers_who_spend_more_than_we_do_are_seen():
    readings = falling(400_000, 400, own=100_000)
    assert curve(readings).source == "provider"
    assert look(readings).bytes_per_second == pytest.approx(400_000, rel=0.03)


def test_the_provider_s_rhythm_is_seen():
    readings = [Reading(at, GIGABYTE - at // 60 * 60 * 100_000) for at in range(0, 900, 10)]
    assert cadence_seconds(readings) == 60


def test_the_interval_stands_still_while_nothing_new_is_read():
    readings = falling(90_000, 400)
    first, later = look(readings), look(readings, now=readings[-1].at + 5)
    assert first.runway.seconds - later.runway.seconds == pytest.approx(5)


def test_the_runway_moves_little_while_nothing_changes():
    seen = case("steady", 7)
    shown = [
        look(seen.readings[:count]).runway.seconds + seen.readings[count - 1].at
        for count in range(20, len(seen.readings))
    ]
    assert all(abs(b / a - 1) < 0.2 for a, b in pairwise(shown))


def test_intervals_that_missed_grow_and_steady_ones_do_not():
    assert widening([1.0] * 48) < 1.0
    waves = [1.0 + math.sin(n / 48 * 2 * math.pi) for n in range(48)]
    assert widening(waves) > 1.0


def test_a_crawl_finishes_when_what_it_needs_is_there():
    assert finish_chance(100 * MB, 50 * MB) > 0.99
    assert finish_chance(100 * MB, 200 * MB) < 0.01
    assert finish_chance(100 * MB, 100 * MB) == pytest.approx(0.5)
    assert finish_chance(100 * MB, 60 * MB, others_bytes=60 * MB) < 0.05
    assert finish_chance(0, 0) == 1.0


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 3_600), st.integers(-(10**8), 10**10), st.integers(0, 10**8)),
        max_size=80,
    ),
    st.floats(0, 1e6),
    st.lists(st.floats(0, 1e5), max_size=3),
)
def test_whatever_is_read_no_runway_is_infinite_negative_or_upside_down(steps, later, changes):
    at, spent, readings = 1_000.0, 0, []
    for gap, balance, own in steps:
        at, spent = at + gap, spent + own
        readings.append(Reading(at, balance, spent))
    found = forecast(readings, now=at + later, changes=changes, chance=Random(2))
    if found is not None:
        runway = found.runway
        assert 0 <= runway.low_seconds <= runway.seconds <= runway.high_seconds < math.inf
        assert 0 < found.bytes_per_second < math.inf
