"""A floor is a cap for all crawls together: no claim, crash or late meter leads below it."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from support.floors import World

from rf_core.drain import Reading
from rf_core.floor import left_bytes
from rf_core.units import BALANCE_QUANTUM

HALF = BALANCE_QUANTUM // 2
STEPS = 120


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens_no_pool_falls_below_its_floor(seed):
    """The quick form: a thousand of them are a journey."""
    world = World(Random(seed))
    for _ in range(STEPS):
        world.step()
        assert world.below <= 0
    world.close()


def test_what_is_left_is_the_least_that_any_reading_since_the_top_up_allows():
    late = [Reading(0, 1_000_000, 0), Reading(60, 1_000_000, 600_000)]
    assert left_bytes(late, 700_000, 90) == 300_000 - HALF
    topped = [*late, Reading(120, 5_000_000, 700_000)]
    left = 1_000_000 + 4_000_000 - BALANCE_QUANTUM - 800_000 - HALF
    assert left_bytes(topped, 800_000, 150) == left, (
        "what was not on a late meter is not given back"
    )
    strangers = [Reading(0, 1_000_000, 0), Reading(60, 400_000, 100_000)]
    assert left_bytes(strangers, 100_000, 90) == 400_000 - HALF


def test_what_no_meter_can_hide_any_more_is_left():
    hidden = [Reading(0, 1_000_000, 0), Reading(20, 1_000_000, 900_000)]
    assert left_bytes(hidden, 900_000, 60) == 100_000 - HALF, "it may be late, or topped up"
    later = [*hidden, Reading(1_900, 1_000_000, 950_000)]
    assert left_bytes(later, 950_000, 1_900) == 950_000 - HALF, "it was topped up"


def test_a_dead_crawl_s_claim_stays_until_its_bytes_are_on_any_meter():
    world = World(Random(3))
    world.lag = 0.0
    world.begin()
    (first,) = world.crawls
    world.spend(first)
    world.kill(first)
    world.begin()
    (second,) = world.crawls
    unseen = first.until
    left = world.paid - world.floor - unseen
    assert 0 < second.until <= left
    world.now += 3_601
    world.read()
    world.renew(second)
    assert world.below <= 0
    claims = world.connection.execute("SELECT crawl FROM claims").fetchall()
    assert claims == [("crawl 2",)]
    world.close()


def test_a_reading_before_the_report_of_bytes_does_not_cut_what_is_under_way():
    """It shows less than there is: those bytes are gone from the balance, and once more from us.

    A cut would cost more than it saves: what the gateway has billed by then is on no count of ours.
    """
    world = World(Random(3))
    world.floor, world.paid, world.used, world.lag = 0, 3 << 20, 0, 0.0
    world.history = [(world.now, 0, world.paid)]
    world.connection.execute("DELETE FROM balances")
    world.read()
    world.begin()
    (crawl,) = world.crawls
    world.renew(crawl, under_way=3 << 20, live=16)
    crawl.spent = world.used = crawl.until - 300_000
    world.history.append((world.now, world.used, world.paid))
    world.now += 1
    world.read()
    before = crawl.until
    world.renew(crawl, under_way=200_000, live=10)
    assert before - 100_000 <= crawl.until <= before, "ten pages may come"
    world.renew(crawl, under_way=0)
    assert crawl.until <= crawl.spent, "nothing more is begun"
    world.report(crawl)
    world.close()


def test_of_large_bodies_under_way_no_more_than_a_read_of_each_stays_claimed():
    world = World(Random(3))
    world.lag = 0.0
    world.begin()
    (crawl,) = world.crawls
    world.renew(crawl, under_way=60 << 20, live=3)
    world.used += world.paid - world.floor - (1 << 20)  # somebody else spends
    world.history.append((world.now, world.used, world.paid))
    world.now += 1
    world.read()
    world.renew(crawl, under_way=60 << 20, live=3)
    assert crawl.until - crawl.spent <= 1 << 20
    world.close()
