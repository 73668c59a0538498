"""Credentials taken in turn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.carousel import Carousel
from rf_core.lanes import Credential
from rf_core.models import Proxy
from rf_core.redaction import Secret


def credentials(count):
    return [
        Credential(Proxy("127.0.0.1", 8_000, f"user-{n}", Secret("p")), "premium")
        for n in range(count)
    ]


def names(carousel, count):
    return [carousel.take().proxy.username for _ in range(count)]


def test_a_few_serve_in_turn_and_the_rest_waits():
    carousel = Carousel(2)
    assert carousel.add(credentials(4)) == 4
    assert names(carousel, 5) == ["user-0", "user-1", "user-0", "user-1", "user-0"]
    assert repr(carousel) == "<Carousel 2/2 live, 2 resting>"
    assert carousel.used == 2


def test_with_a_limit_each_comes_round_again_only_after_all_others():
    carousel = Carousel(2, requests_each=1)
    carousel.add(credentials(3))
    assert names(carousel, 7) == [f"user-{n % 3}" for n in range(7)]


def test_a_refused_one_is_never_taken_again_whether_in_turn_or_resting():
    carousel = Carousel(1)
    carousel.add(all_ := credentials(3))
    carousel.refuse(all_[0].handle)
    carousel.refuse(all_[2].handle)
    carousel.refuse(all_[2].handle)
    assert names(carousel, 2) == ["user-1", "user-1"]
    assert carousel.refused == 2
    carousel.refuse(all_[1].handle)
    assert carousel.take() is None
    assert carousel.add(all_) == 0


@pytest.mark.parametrize(("live", "each"), [(0, None), (1, 0)])
def test_nothing_cannot_turn(live, each):
    with pytest.raises(ValueError, match="at least one"):
        Carousel(live, each)


@given(
    live=st.integers(1, 5),
    each=st.one_of(st.none(), st.integers(1, 4)),
    count=st.integers(1, 12),
    refusals=st.lists(st.integers(0, 11), max_size=12),
)
def test_no_more_than_the_live_ones_turn_and_none_serves_too_many_in_a_row(
    live, each, count, refusals
):
    carousel = Carousel(live, each)
    all_ = credentials(count)
    carousel.add(all_)
    dead = set()
    for number in refusals:
        taken = [carousel.take() for _ in range(3 * count)]
        good = count - len(dead)
        assert all((one is None) == (good == 0) for one in taken)
        assert dead.isdisjoint(one.handle for one in taken if one)
        assert carousel.live == min(live, good)
        if each is None:
            assert len({one.handle for one in taken if one}) <= live
        if number < count:
            carousel.refuse(all_[number].handle)
            dead.add(all_[number].handle)
