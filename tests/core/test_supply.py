"""Who gets which credentials of an order that several demands share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.models import MAX_QUANTITY, Order
from rf_core.supply import (
    HIGHEST_WATER,
    fitting,
    is_kept,
    is_low,
    shares,
    spec_of,
    with_spare,
)

DEMANDS = st.lists(st.integers(1, 50), min_size=1, max_size=20)


@given(DEMANDS, st.integers(0, 500))
def test_when_enough_came_everybody_gets_credentials_of_their_own(demands, more):
    """C-052"""
    total = sum(demands) + more
    taken = [n for start, stop in shares(total, demands) for n in range(start, stop)]
    assert len(taken) == len(set(taken)) == sum(demands)
    assert [stop - start for start, stop in shares(total, demands)] == demands


@given(DEMANDS, st.integers(1, 500))
def test_when_fewer_came_nobody_goes_without_and_nobody_gets_more_than_asked(demands, count):
    """C-067 C-072"""
    for (start, stop), quantity in zip(shares(count, demands), demands, strict=True):
        assert 0 <= start < stop <= count
        assert stop - start <= quantity


def test_of_nothing_there_is_nothing_to_share():
    assert shares(0, [3, 4]) == [(0, 0), (0, 0)]


@given(st.lists(st.integers(1, MAX_QUANTITY), max_size=6))
def test_one_order_is_for_what_the_api_allows(demands):
    """C-039"""
    count = fitting(demands)
    assert sum(demands[:count]) <= MAX_QUANTITY
    assert count == len(demands) or sum(demands[: count + 1]) > MAX_QUANTITY
    assert count or not demands


@pytest.mark.parametrize("kind", ["rotating", "mobile_rotating"])
def test_rotating_ones_are_ordered_with_some_to_spare(kind):
    order = Order(proxy_type=kind)
    assert is_kept(order)
    assert with_spare(order, 32).quantity == 512
    assert with_spare(order, 100_000).quantity == 100_000 + HIGHEST_WATER
    assert with_spare(order, MAX_QUANTITY).quantity == MAX_QUANTITY


@pytest.mark.parametrize("kind", ["sticky", "mobile_sticky", "of_tomorrow"])
def test_what_may_have_a_clock_running_is_ordered_to_the_piece(kind):
    """C-164"""
    order = Order(proxy_type=kind)
    assert not is_kept(order)
    assert with_spare(order, 32).quantity == 32


def test_the_water_is_low_when_the_next_demand_would_run_dry():
    assert is_low(31, 32)
    assert not is_low(32, 32)


def test_only_the_quantity_may_differ():
    one = spec_of(Order(pool="a", country="us", quantity=1), "https://x/api/v1")
    assert spec_of(Order(pool="a", country="us", quantity=9), "https://x/api/v1") == one
    others = [
        spec_of(Order(pool="b", country="us"), "https://x/api/v1"),
        spec_of(Order(country="us"), "https://x/api/v1"),
        spec_of(Order(pool="a", country="de"), "https://x/api/v1"),
        spec_of(Order(pool="a", country="us", state="CA"), "https://x/api/v1"),
        spec_of(Order(pool="a", country="us", proxy_type="sticky"), "https://x/api/v1"),
        spec_of(Order(pool="a", country="us", session_minutes=5), "https://x/api/v1"),
        spec_of(Order(pool="a", country="us"), "https://y/api/v1"),
    ]
    assert len({one.name, *(other.name for other in others)}) == len(others) + 1
