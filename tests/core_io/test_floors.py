"""A floor is a cap for all crawls together: no claim, crash or late meter leads below it."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from support.floors import World

from rf_core.drain import Reading
from rf_core.floor import Claim, Grant, grant, left_bytes
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


def test_one_crawl_gets_all_there_is_and_two_get_half_each():
    assert grant(1_000, []) == Grant(1_000, may_grow=False)
    assert grant(1_000, [Claim(400, 0)]) == Grant(500, may_grow=True)
    assert grant(1_000, [Claim(900, 0)]) == Grant(100, may_grow=True)
    assert grant(1_000, [Claim(900, 900)]) == Grant(500, may_grow=False)
    assert grant(-5, []) == Grant(0, may_grow=False)


def test_who_waits_for_more_than_its_share_gets_it_or_leaves_it_to_the_others():
    assert grant(1_000, [Claim(100, 100)], need_bytes=800) == Grant(800, may_grow=False)
    assert grant(1_000, [Claim(900, 0)], need_bytes=200) == Grant(0, may_grow=True)
    assert grant(100, [Claim(900, 900)], need_bytes=200) == Grant(50, may_grow=False)


def test_what_is_left_is_the_least_that_any_reading_since_the_top_up_allows():
    late = [Reading(0, 1_000_000, 0), Reading(60, 1_000_000, 600_000)]
    assert left_bytes(late, 700_000) == 300_000 - HALF
    topped = [*late, Reading(120, 5_000_000, 700_000)]
    assert left_bytes(topped, 800_000) == 4_900_000 - HALF
    strangers = [Reading(0, 1_000_000, 0), Reading(60, 400_000, 100_000)]
    assert left_bytes(strangers, 100_000) == 400_000 - HALF


def test_a_dead_crawl_s_claim_is_let_go_after_a_while_and_not_before():
    world = World(Random(3))
    world.lag = 0.0
    world.begin()
    (first,) = world.crawls
    world.spend(first)
    world.report(first)
    world.kill(first)
    world.begin()
    (second,) = world.crawls
    assert (second.until, second.may_grow) == (0, True)
    world.now += 16
    world.renew(second)
    left = world.paid - world.used - world.floor
    assert left - BALANCE_QUANTUM <= second.until - second.spent <= left
    world.close()
