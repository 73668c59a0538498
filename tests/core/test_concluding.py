"""What is concluded from readings: the same as anew each time, and not at each look."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rf_core import concluding
from rf_core.concluding import Conclusions, foretold
from rf_core.consumption import curve
from rf_core.drain import Reading, topped_up_at
from rf_core.reconcile import reconcile_all
from rf_core.units import BALANCE_QUANTUM

MB = 1 << 20


def falling(number, *, begin=0.0, step=8.0, bytes_each=MB, spent_each=MB):
    return tuple(
        Reading(begin + n * step, 1_000 * MB - n * bytes_each, n * spent_each)
        for n in range(number)
    )


def standing(readings, number, *, step=30.0):
    last = readings[-1]
    return (
        *readings,
        *(
            Reading(last.at + (n + 1) * step, last.balance_bytes, last.spent_bytes)
            for n in range(number)
        ),
    )


@given(
    steps=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2)), min_size=2, max_size=30),
    looks=st.lists(st.integers(1, 5), max_size=12),
)
def test_whatever_is_remembered_is_what_would_be_concluded_anew(steps, looks):
    readings = [Reading(0.0, 1_000 * BALANCE_QUANTUM, 0)]
    for n, (fallen, spent) in enumerate(steps):
        last = readings[-1]
        readings.append(
            Reading(
                8.0 * (n + 1), last.balance_bytes - fallen * BALANCE_QUANTUM,
                last.spent_bytes + spent * BALANCE_QUANTUM,
            )
        )  # fmt: skip
    conclusions, seen = Conclusions(), 2
    for more in [*looks, len(readings)]:
        seen = min(len(readings), seen + more)
        shown = tuple(readings[:seen])
        found = conclusions.of({"p": shown})["p"]
        assert found.curve == curve(shown)
        assert found.topped_up_at == topped_up_at(shown)
        assert found.history == tuple((r.at, r.balance_bytes) for r in shown)


def test_meters_are_compared_again_when_something_moved_and_now_and_then_while_one_may_be_late(
    monkeypatch,
):
    asked = []

    def reconcile(series, *, usual=None):
        asked.append(series[-1].at)
        return reconcile_all(series, usual=usual)

    monkeypatch.setattr(concluding, "reconcile_all", reconcile)
    conclusions = Conclusions()
    readings = falling(20)
    conclusions.of({"p": readings})
    conclusions.of({"p": readings})
    assert len(asked) == 1
    conclusions.of({"p": falling(21)})
    assert len(asked) == 2
    for number in range(1, 200):
        conclusions.of({"p": standing(falling(21), number)})
    assert 6 < len(asked) < 20  # for half an hour, ever more seldom
    before = len(asked)
    for number in range(200, 260):
        conclusions.of({"p": standing(falling(21), number)})
    assert len(asked) == before


def test_for_a_screen_a_few_pools_are_compared_at_a_time_and_all_of_them_soon():
    conclusions = Conclusions(1)
    readings = {name: falling(20) for name in "abc"}
    with_meters = [
        sum(one.meters is not None for one in conclusions.of(readings).values()) for _ in range(4)
    ]
    assert with_meters == [1, 2, 3, 3]
    assert conclusions.of(readings) == Conclusions().of(readings)


def test_a_runway_that_was_foretold_grows_shorter_and_is_told_anew_with_each_reading():
    conclusions, readings = Conclusions(), falling(40)
    now = readings[-1].at
    first = conclusions.runway("p", readings, (), now)
    assert first == foretold("p", readings, (), now)
    later = conclusions.runway("p", readings, (), now + 5.0)
    anew = foretold("p", readings, (), now + 5.0)
    for kept, told in zip(
        (later.seconds, later.low_seconds, later.high_seconds),
        (anew.seconds, anew.low_seconds, anew.high_seconds),
        strict=True,
    ):
        assert abs(kept - told) < 1e-6
    more = falling(41)
    assert conclusions.runway("p", more, (), now + 8) == foretold("p", more, (), now + 8)
    started = [Random(1).random() * now]
    assert conclusions.runway("p", more, started, now + 8) == foretold("p", more, started, now + 8)


def test_of_pools_that_are_gone_nothing_is_remembered():
    conclusions, series = Conclusions(1), falling(40)
    for number in range(100):
        readings = {f"pool-{n}": series for n in range(number, number + 3)}
        conclusions.of(readings)
        for pool in readings:
            conclusions.runway(pool, series, (), series[-1].at)
    assert set(conclusions._foretold) == set(conclusions._kept) == set(readings)
