"""What may be spent, as a crawl asks for it."""

from rf_core.budget import Leave
from rf_core.io.guard import Guard
from rf_core.meter import Meter
from rf_core.verdicts import What

KB = 1 << 10


def guard(meter, told, **caps):
    caps = {"cap": None, "floor_bytes": None} | caps
    return Guard(meter, reached=told.append, **caps)


def test_without_a_cap_everything_goes():
    meter = Meter()
    free = guard(meter, [])
    assert free.ask("a") is Leave.GO
    assert free.reserve("a") == 0
    free.settle(0)
    free.learn("a", 5)
    assert (free.limit_bytes, free.budget, meter.limit_bytes) == (None, None, None)


def test_a_crawl_without_a_budget_can_be_given_one_while_it_runs():
    meter, told = Meter(), []
    running = guard(meter, told)
    meter.at_limit = lambda: told.append(meter.billed_bytes)
    meter.bill(700 * KB)
    running.lower(800 * KB)
    assert running.limit_bytes == meter.limit_bytes == 800 * KB
    assert running.ask("a") is Leave.GO
    running.lower(900 * KB)
    assert running.limit_bytes == 800 * KB, "it is never raised by that"
    running.lower(600 * KB)
    assert running.ask("a") is Leave.SPENT
    assert running.bound_by is What.SPENT
    meter.bill(1)
    assert told == [700 * KB + 1]


def test_a_request_that_dares_is_cut_before_the_cap():
    meter = Meter()
    running = guard(meter, [])
    running.lower(1_000 * KB)
    running.learn("a", 500 * KB)
    meter.bill(800 * KB)
    assert running.ask("a") is Leave.GO
    held = running.reserve("a")
    assert meter.limit_bytes == 990 * KB
    assert running.ask("a") is Leave.WAIT
    running.settle(held)
    assert meter.limit_bytes == 1_000 * KB
