"""Slots, the line and the turns in it: what every store does, without a store."""

from __future__ import annotations

import itertools

import pytest

from rf_core.governor import Window, granted
from rf_core.ledger import Ask, Later, Ledger, Report, Taken
from rf_core.protocol import RateHeaders

NOTHING = Report(RateHeaders(), None)


class Callers:
    """Calls of one window, named by letters."""

    def __init__(self, limit=2, **figures):
        # As if every rank had just been served: nobody is owed a turn.
        window = granted(granted(Window(limit, **figures), 1, 100), 2, 100)
        self.ledger = Ledger(window)
        self.asks = {}
        self.numbers = itertools.count(1)

    def ask(self, name, now, *, priority="normal", patience=1e6):
        """Ask, or ask again from one's place in line; True when granted."""
        ask = self.asks.get(name) or Ask(next(self.numbers), name, priority, 30, patience)
        outcome = self.ledger.take(ask, now)
        if isinstance(outcome, Later):
            self.asks[name] = ask.again(asked_at=outcome.asked_at, patience_seconds=patience)
        return outcome

    def fill(self, now, count=None):
        """Fill the window with calls that are answered at once."""
        for number in range(count or self.ledger.window.limit):
            taken = self.ask(f"fill{number}", now)
            assert isinstance(taken, Taken)
            self.ledger.settle(taken, NOTHING, now)


def test_inside_a_priority_who_asked_first_goes_first():
    callers = Callers(1)
    callers.fill(100)
    waits = [callers.ask(name, 101 + number).seconds for number, name in enumerate("abc")]
    assert waits == [60, 59 + 61, 58 + 122], "each is told of its own slot"
    callers.ask("a", 156), callers.ask("c", 160.9), callers.ask("b", 160.9)
    assert isinstance(callers.ask("c", 161.1), Later), "the slot is a's"
    assert isinstance(callers.ask("a", 161.2), Taken)


def test_better_priority_goes_first_whoever_asked_first():
    callers = Callers(1)
    callers.fill(100)
    for name, priority in [("x", "bulk"), ("y", "normal"), ("z", "interactive")]:
        callers.ask(name, 160.5, priority=priority)
    assert isinstance(callers.ask("x", 161.5), Later)
    assert isinstance(callers.ask("y", 161.5), Later)
    assert isinstance(callers.ask("z", 161.5), Taken)


def test_a_newcomer_does_not_pass_those_in_line():
    callers = Callers(1)
    callers.fill(100)
    callers.ask("a", 160.9)
    assert isinstance(callers.ask("new", 161.1), Later)


def test_a_killed_waiter_is_passed_over_when_its_word_has_run_out():
    callers = Callers(1)
    callers.fill(100)
    callers.ask("killed", 156.5)
    callers.ask("b", 157)
    assert isinstance(callers.ask("b", 161.9), Later), "it may still come"
    assert isinstance(callers.ask("b", 162.1), Taken)


def test_whoever_is_only_slow_keeps_its_place():
    callers = Callers(1)
    callers.fill(100)
    callers.ask("slow", 155)
    callers.ask("b", 160.9)
    assert isinstance(callers.ask("slow", 163), Taken)


def test_bulk_gets_through_at_last_however_many_others_wait():
    """No starvation: a tenth of the pace is owed to bulk."""
    callers = Callers(2)
    served = []
    waiting = {"a": "normal", "b": "normal", "bulk": "bulk"}
    now, fresh = 100.0, 0
    while now < 100 + 20 * 61:
        for name, priority in list(waiting.items()):
            outcome = callers.ask(name, now, priority=priority)
            if isinstance(outcome, Taken):
                callers.ledger.settle(outcome, NOTHING, now)
                del waiting[name]
                served.append(name)
                fresh += 1
                waiting[f"n{fresh}"] = "normal"
        now += 1
    assert 6 <= served.index("bulk") <= 12, "in its turn, and not before"


def test_bulk_alone_never_touches_the_reserve():
    callers = Callers(10)
    now, most = 100.0, 0
    for step in range(400):
        outcome = callers.ask(f"bulk{step}", now, priority="bulk", patience=0)
        if isinstance(outcome, Taken):
            callers.ledger.settle(outcome, NOTHING, now)
        most = max(most, callers.ledger.held(now))
        now += 1
    assert most == 8


def test_bulk_that_has_had_its_part_keeps_no_slot_from_others():
    callers = Callers(10)
    for number in range(8):
        callers.ledger.settle(callers.ask(f"bulk{number}", 100, priority="bulk"), NOTHING, 100)
    callers.ask("more", 100, priority="bulk")
    callers.ask("more", 155, priority="bulk")
    assert isinstance(callers.ask("a", 156), Taken)
    assert isinstance(callers.ask("b", 156), Taken)


def test_whoever_has_no_patience_does_not_stand_in_line():
    callers = Callers(1)
    callers.fill(100)
    assert callers.ask("a", 101, patience=10).seconds == 60
    assert callers.ledger.line == []


def test_whoever_leaves_the_line_is_not_waited_for():
    callers = Callers(1)
    callers.fill(100)
    callers.ask("a", 160)
    callers.ledger.withdraw(callers.asks["a"].id)
    assert isinstance(callers.ask("b", 161), Taken)


def test_the_wait_for_an_answer_that_is_still_out_counts_on_its_coming_now():
    callers = Callers(1)
    callers.ask("out", 100)
    assert callers.ask("a", 100).seconds == 61
    assert callers.ask("b", 180, patience=0).seconds == pytest.approx(11)


def test_an_answer_that_comes_after_its_lease_still_counts():
    callers = Callers(1)
    taken = callers.ask("slow", 100)
    callers.fill(300)
    callers.ledger.settle(taken, NOTHING, 301)
    assert callers.ledger.held(301) == 2


def test_holders_are_told_apart_and_their_names_are_forgotten_with_their_slots():
    callers = Callers(5)
    for number, name in enumerate(["crawl a", "crawl a", "monitor", "nul\0l"]):
        callers.ledger.take(Ask(number, name, "normal", 30, 0), 100)
    found = callers.ledger.headroom("reads", 100)
    assert found.holders == (("crawl a", 2), ("monitor", 1), ("null", 1))
    for number in range(1_000):
        callers.ledger.take(Ask(number, f"crawl {number}", "normal", 30, 0), 1_000 + 100 * number)
    assert len(callers.ledger.names) < 10


def test_slow_answers_say_nothing_of_strangers():
    """What was held when the server wrote them is long forgotten."""
    callers = Callers(20)
    taken = callers.ask("slow", 100)
    callers.ledger.settle(taken, Report(RateHeaders(20, 0), None), 110)
    assert callers.ledger.window.strangers(110) == 0


def test_slots_that_came_free_while_a_call_was_out_are_not_taken_for_strangers():
    callers = Callers(3)
    callers.fill(100, 2)
    taken = callers.ask("out", 160.5)
    callers.ledger.settle(taken, Report(RateHeaders(3, 0), None), 161.5)
    assert callers.ledger.window.strangers(161.5) == 0
