"""The interval ledger, against servers that count in every way they may (C-120, C-129)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rf_core.governor import (
    MARGIN_SECONDS,
    Granted,
    Slot,
    Wait,
    Window,
    decide,
    lease_end,
    observe,
    refused,
    settled_end,
)
from rf_core.protocol import RateHeaders

TIMEOUT = 30.0
WINDOW = 60.0

# Ticks at the boundaries, where bugs hide, and anything in between.
GAPS = st.one_of(
    st.sampled_from([0.0, 0.001, 0.499, 0.5, 0.999, 1.0, 1.001, 29.0, 59.999, 60.0, 60.001, 61.0]),
    st.floats(0, 70),
)
DELAYS = st.one_of(st.sampled_from([0.0, 0.001, 0.999, 1.0, 14.999, 15.0]), st.floats(0, 15))


@dataclass
class Attempt:
    gap: float
    travel: float
    answer: float
    lost: bool


ATTEMPTS = st.lists(
    st.builds(Attempt, gap=GAPS, travel=DELAYS, answer=DELAYS, lost=st.booleans()),
    min_size=1,
    max_size=60,
)


@dataclass
class Ledger:
    """The decisions at work: what a store does, without a store."""

    window: Window
    slots: dict[int, Slot] = field(default_factory=dict)
    answers: list[tuple[float, int]] = field(default_factory=list)

    def take(self, now: float) -> tuple[int, float]:
        """Wait as told until a slot is granted; return it with the moment."""
        while True:
            self._hear(now)
            match decide(self.window, list(self.slots.values()), now, "normal"):
                case Granted():
                    number = len(self.slots)
                    until = lease_end(now, timeout_seconds=TIMEOUT, window_seconds=WINDOW)
                    self.slots[number] = Slot(number, now, until)
                    return number, now
                case Wait(seconds):
                    now += max(seconds, 1e-6)

    def _hear(self, now: float) -> None:
        while self.answers and self.answers[0][0] <= now:
            at, number = heapq.heappop(self.answers)
            end = settled_end(at, window_seconds=WINDOW)
            self.slots[number] = replace(self.slots[number], frees_at=end, settled=True)


def arrivals_at_server(limit: int, attempts: list[Attempt]) -> list[float]:
    ledger = Ledger(Window("generate", limit))
    now = 1_000.0
    arrivals = []
    for attempt in attempts:
        number, now = ledger.take(now + attempt.gap)
        arrivals.append(now + attempt.travel)
        if not attempt.lost:
            heapq.heappush(ledger.answers, (now + attempt.travel + attempt.answer, number))
    return sorted(arrivals)


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
@settings(deadline=None, max_examples=60)
@given(attempts=ATTEMPTS)
def test_no_server_ever_counts_more_than_the_limit(limit, attempts):
    """C-120 C-128 C-129: exact log, log of whole seconds, fixed minutes; answers lost."""
    arrivals = arrivals_at_server(limit, attempts)
    for first, later in zip(arrivals, arrivals[limit:], strict=False):
        assert later - first > WINDOW - 1e-6, "an exact rolling log"
        assert int(later) - int(first) > WINDOW - 1, "a log of whole seconds"
        assert int(later) - int(first) >= WINDOW, "a log of whole seconds, counting both ends"
    for phase in (0.0, 17.3, 59.5):
        minutes = [(at + phase) // WINDOW for at in arrivals]
        assert max(minutes.count(minute) for minute in minutes) <= limit, "fixed minutes"


def test_waiting_as_told_uses_nearly_the_whole_window():
    """Prompt answers: 98 % of what the server permits."""
    attempts = [Attempt(0, 0.01, 0.01, lost=False)] * 200
    arrivals = arrivals_at_server(20, attempts)
    permitted = 20 * (arrivals[-1] - arrivals[0]) / WINDOW + 20
    assert len(arrivals) / permitted > 0.95


def held(*frees_at: float) -> list[Slot]:
    return [Slot(number, 0, end, settled=True) for number, end in enumerate(frees_at)]


def test_an_empty_window_grants_and_a_full_one_says_how_long_to_wait():
    window = Window("generate", 2)
    assert decide(window, [], 100, "normal") == Granted()
    assert decide(window, held(130, 140), 100, "normal") == Wait(30)


def test_a_call_without_an_answer_keeps_its_slot_for_as_long_as_it_may_still_arrive():
    until = lease_end(100, timeout_seconds=30, window_seconds=60)
    assert until == 100 + 30 + 60 + MARGIN_SECONDS
    assert isinstance(decide(Window("generate", 1), held(until), until - 0.001, "normal"), Wait)
    assert decide(Window("generate", 1), held(until), until, "normal") == Granted()


def test_the_wait_for_an_answer_that_is_still_out_counts_on_its_coming_now():
    out = [Slot(0, 100, 191)]
    assert decide(Window("generate", 1), out, 100, "normal") == Wait(61)
    assert decide(Window("generate", 1), out, 180, "normal") == Wait(11)


def test_bulk_leaves_a_reserve_and_an_interactive_call_takes_the_last_slot():
    window = Window("reads", 10)
    slots = held(*[160.0] * 8)
    assert isinstance(decide(window, slots, 100, "bulk"), Wait)
    assert decide(window, slots, 100, "interactive") == Granted()


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_tiny_window_still_lets_bulk_calls_through(limit):
    assert decide(Window("reads", limit), [], 100, "bulk") == Granted()


def test_calls_of_strangers_are_kept_free_for_a_window():
    """C-132: limit - remaining - ours is somebody else."""
    window = observe(
        Window("reads", 10), RateHeaders(limit=10, remaining=3), asked_at=100, now=101, ours=2
    )
    assert window.strangers(101) == 5
    assert isinstance(decide(window, held(*[150.0] * 5), 101, "interactive"), Wait)
    assert decide(window, held(*[150.0] * 4), 101, "interactive") == Granted()
    assert window.strangers(101 + 60 + MARGIN_SECONDS) == 0


def test_when_strangers_hold_everything_the_wait_ends_with_their_window():
    window = Window("reads", 3, foreign=3, foreign_until=160)
    assert decide(window, [], 100, "normal") == Wait(60)
    assert decide(window, [], 160, "normal") == Granted()


def test_the_limit_is_what_the_server_says():
    """C-130"""
    window = observe(
        Window("reads", 120), RateHeaders(limit=5, remaining=5), asked_at=1, now=1, ours=0
    )
    assert window.limit == 5
    assert isinstance(decide(window, held(*[60.0] * 5), 2, "normal"), Wait)


@pytest.mark.parametrize(
    "headers", [RateHeaders(), RateHeaders(limit=0), RateHeaders(reset_seconds=9)]
)
def test_headers_that_say_nothing_change_nothing(headers):
    """C-122: absent or garbage"""
    window = observe(Window("reads", 120), headers, asked_at=1, now=1, ours=1)
    assert (window.limit, window.foreign) == (120, 0)


def test_headers_older_than_the_newest_seen_are_ignored():
    """C-132: answers overtake each other."""
    newest = observe(
        Window("reads", 10), RateHeaders(limit=10, remaining=9), asked_at=50, now=51, ours=1
    )
    late = observe(newest, RateHeaders(limit=10, remaining=0), asked_at=40, now=52, ours=1)
    assert late == newest


def test_a_429_nobody_expected_pauses_the_window():
    """C-129"""
    window = refused(Window("generate", 20), now=100, retry_after=7)
    assert decide(window, [], 100, "interactive") == Wait(7 + MARGIN_SECONDS)
    assert decide(window, [], 108, "normal") == Granted()


def test_a_mistaken_retry_after_does_not_silence_the_machine_for_a_day():
    window = refused(Window("generate", 20), now=100, retry_after=86_400)
    assert decide(window, [], 100, "normal") == Wait(120 + MARGIN_SECONDS)


@settings(deadline=None)
@given(
    limit=st.integers(1, 5),
    ends=st.lists(st.floats(90, 200), max_size=12),
    foreign=st.tuples(st.integers(0, 8), st.floats(90, 200)),
    hold_until=st.floats(90, 200),
    priority=st.sampled_from(["interactive", "normal", "bulk"]),
)
def test_whoever_waits_as_told_is_granted_in_the_end(limit, ends, foreign, hold_until, priority):
    window = Window("reads", limit, *foreign, hold_until)
    now = 100.0
    for _ in range(len(ends) + 3):
        outcome = decide(window, held(*ends), now, priority)
        if isinstance(outcome, Granted):
            return
        assert outcome.seconds > 0
        now += outcome.seconds + 1e-9
    pytest.fail("waited as told and was never granted")
