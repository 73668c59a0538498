"""The ledger against servers that count in each of four ways (C-120, C-129).

Calls are sent, arrive, are answered, get lost and overtake each other in any order; the server's
clock is anywhere. Whatever happens, no server that counts a rolling or a fixed window refuses one.
"""

from __future__ import annotations

import heapq
import itertools
import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from rf_core.governor import Window
from rf_core.ledger import Ask, Later, Ledger, Report, Taken
from rf_core.packing import pack, unpack
from rf_core.protocol import RateHeaders
from rf_sandbox.algorithms import standing

TIMEOUT = 30.0
WINDOW = 60.0

# Ticks at the boundaries, where bugs hide, and anything in between.
GAPS = st.one_of(
    st.sampled_from([0.001, 0.499, 0.5, 0.999, 1.0, 1.001, 29.0, 59.999, 60.0, 60.001, 61.0]),
    st.floats(0, 70),
)
SKEWS = st.one_of(st.sampled_from([-3_600.0, -0.001, 0.0, 0.999, 3_600.5]), st.floats(-1e4, 1e4))


class Server:
    """Counts as a provider may, by a clock of its own."""

    def __init__(self, algorithm, limit, *, skew=0.0, window=WINDOW):
        self.algorithm, self.limit, self.skew, self.window = algorithm, limit, skew, window
        self.times = []
        self.refusals = 0

    def arrive(self, now):
        """Count a call, or refuse it; return what its answer reports."""
        at = 1_800_000_000 + now + self.skew
        before = self._standing(at)
        if before.left < 1:
            self.refusals += 1
            wait = max(1.0, math.ceil(before.free_at - at))
            return Report(RateHeaders(self.limit, 0, wait), wait)
        self.times.append(at)
        after = self._standing(at)
        reset = max(0.0, math.ceil(after.oldest_leaves_at) - math.floor(at))
        return Report(RateHeaders(self.limit, after.left, reset), None)

    def _standing(self, at):
        return standing(self.algorithm, self.times, at, self.limit, self.window)


class Traffic(RuleBasedStateMachine):
    """Any number of processes on one key, and the server they call."""

    outbound = Bundle("outbound")
    answered = Bundle("answered")

    def __init__(self):
        super().__init__()
        self.now = 10_000.0
        self.numbers = itertools.count(1)

    @initialize(
        algorithm=st.sampled_from(["log", "log_1s", "fixed"]),
        limit=st.sampled_from([1, 2, 3, 20]),
        skew=SKEWS,
    )
    def begin(self, algorithm, limit, skew):
        self.ledger = Ledger(Window(limit))
        self.server = Server(algorithm, limit, skew=skew)

    @rule(gap=GAPS)
    def time_passes(self, gap):
        self.now += gap

    @rule(target=outbound, priority=st.sampled_from(["interactive", "normal", "bulk"]))
    def somebody_sends(self, priority):
        ask = Ask(next(self.numbers), "any", priority, TIMEOUT)
        return self.ledger.take(ask, self.now)

    @rule(count=st.integers(2, 25))
    def many_send_and_are_answered_at_once(self, count):
        for _ in range(count):
            taken = self.somebody_sends("interactive")
            if isinstance(taken, Taken):
                self.ledger.settle(taken, self._arrives(), self.now)

    @rule(target=answered, call=consumes(outbound))
    def a_call_arrives(self, call):
        if isinstance(call, Later) or self.now > call.taken_at + TIMEOUT:
            return None
        return call, self._arrives()

    @rule(pair=consumes(answered))
    def its_answer_comes(self, pair):
        if pair is not None:
            call, report = pair
            self.ledger.settle(call, report, self.now)

    @rule(call=consumes(outbound))
    def a_call_or_its_process_dies(self, call):
        """Nothing is heard of it again; the slot is its lease's."""

    @rule(call=consumes(outbound))
    def a_call_never_leaves(self, call):
        if isinstance(call, Taken):
            self.ledger.withdraw(call.id)

    @rule()
    def another_process_reads_what_this_one_wrote(self):
        self.ledger = unpack(pack(self.ledger), self.now)

    def _arrives(self):
        report = self.server.arrive(self.now)
        assert report.refused_after is None, f"{self.server.algorithm} refused a call"
        return report


Traffic.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestNoServerEverRefuses = Traffic.TestCase


def hammer(server, *, callers, windows, travel=0.02, margin_window=WINDOW):
    """Callers that ask again at once, for so many windows; return what the server counted."""
    ledger = Ledger(Window(server.limit, margin_window))
    numbers = itertools.count(1)
    events = [(1_000.0 + 0.001 * number, next(numbers), None, None) for number in range(callers)]
    end = 1_000.0 + windows * margin_window
    while events:
        now, _, kind, what = heapq.heappop(events)
        if now > end:
            break
        order = next(numbers)
        if isinstance(kind, Taken) and what is None:
            heapq.heappush(events, (now + travel, order, kind, server.arrive(now)))
            continue
        if isinstance(kind, Taken):
            ledger.settle(kind, what, now)
        ask = kind if isinstance(kind, Ask) else Ask(order, "any", "normal", TIMEOUT, 1e9)
        outcome = ledger.take(ask, now)
        if isinstance(outcome, Taken):
            heapq.heappush(events, (now + travel, order, outcome, None))
        else:
            again = ask.again(asked_at=outcome.asked_at, patience_seconds=1e9)
            heapq.heappush(events, (now + max(outcome.nap_seconds, 1e-3), order, again, None))
    return [at - 1_800_000_000 - server.skew for at in server.times]


def share_used(arrivals, limit, window=WINDOW):
    """Of what a rolling window permits for ever: the first burst is no merit."""
    return (len(arrivals) - limit) / (limit * (arrivals[-1] - arrivals[0]) / window)


@pytest.mark.parametrize("window", [3.0, 60.0])
@pytest.mark.parametrize("limit", [1, 2, 3, 20])
@pytest.mark.parametrize("algorithm", ["log", "log_1s", "fixed"])
def test_hammering_uses_nearly_the_whole_window_and_is_never_refused(algorithm, limit, window):
    """C-120 C-129: a window, a sixtieth of it, and the way there and back."""
    server = Server(algorithm, limit, skew=3_599.6, window=window)
    arrivals = hammer(server, callers=16, windows=12, travel=0.0003 * window, margin_window=window)
    assert server.refusals == 0
    assert share_used(arrivals, limit, window) > 0.97


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
@pytest.mark.parametrize("skew", [0.0, 17.3, 59.5])
def test_a_server_that_estimates_refuses_few_and_is_then_met_at_an_even_pace(limit, skew):
    """C-129: two fixed windows weighed against each other are no rolling window."""
    server = Server("counter", limit, skew=skew)
    arrivals = hammer(server, callers=16, windows=40)
    assert server.refusals <= 12, "in forty windows"
    assert share_used(arrivals, limit) > {1: 0.2, 2: 0.4, 3: 0.6, 20: 0.85}[limit]
