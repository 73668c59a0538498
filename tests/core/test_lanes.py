"""The live set: bounded, fair, and never a refused credential twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.lanes import Credential, Lanes
from rf_core.models import Proxy
from rf_core.redaction import Secret


def credentials(count, pool="premium"):
    return [
        Credential(Proxy("127.0.0.1", 8000, f"user-{number}", Secret("pw")), pool)
        for number in range(count)
    ]


def test_requests_spread_over_the_lanes_in_turn():
    lanes = Lanes(3)
    lanes.add(credentials(3))
    assert [lanes.take("a:80").number for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_the_least_busy_lane_is_next():
    lanes = Lanes(2)
    lanes.add(credentials(2))
    first, _second = lanes.take("a:80"), lanes.take("a:80")
    lanes.release(first, "a:80")
    assert lanes.take("a:80") is first


def test_without_credentials_there_is_no_lane():
    assert Lanes(4).take("a:80") is None


def test_one_credential_serves_every_lane():
    """C-072: a list that names one user again and again is legal and must work."""
    lanes = Lanes(4)
    assert lanes.add(credentials(1) * 5) == 1
    assert lanes.live == 4
    assert {lane.handle for lane in lanes} == {credentials(1)[0].handle}


def test_a_refused_credential_leaves_its_lane_when_nothing_is_in_flight():
    lanes = Lanes(1)
    lanes.add(credentials(2))
    lane = lanes.take("a:80")
    refused = lane.handle
    assert lanes.refuse(refused) == ()
    assert lanes.take("a:80") is None
    assert lanes.release(lane, "a:80") is True
    assert lanes.renew(lane) is True
    assert lane.handle != refused
    assert repr(lanes) == "<Lanes 1/1 live, 0 spare, 1 refused>"


def test_a_refused_credential_ordered_again_is_not_taken_in():
    lanes = Lanes(1)
    lanes.add(credentials(1))
    (free,) = lanes.refuse(credentials(1)[0].handle)
    assert lanes.renew(free) is False
    assert lanes.add(credentials(1)) == 0
    assert lanes.take("a:80") is None


class Looked(list):
    """Proxies that know how many of them have been looked at."""

    def __getitem__(self, index):
        self.seen = max(getattr(self, "seen", 0), index + 1)
        return super().__getitem__(index)


def test_of_a_large_order_only_what_is_used_becomes_objects():
    proxies = Looked(one.proxy for one in credentials(1_000))
    lanes = Lanes(4)
    lanes.stock(proxies, "shop")
    assert proxies.seen == 8, "one for each lane, and one to spare for each"
    assert lanes.spare == 996
    for lane in lanes.refuse(next(iter(lanes)).handle):
        lanes.renew(lane)
    assert proxies.seen == 9
    assert len({lane.handle for lane in lanes}) == 4


def test_stocks_are_used_up_one_after_the_other_and_repeats_passed_over():
    """C-072"""
    lanes = Lanes(1, requests_each=1)
    for _ in range(2):
        lanes.stock([one.proxy for one in credentials(3)], "shop")
    used = []
    for _ in range(6):
        lane = lanes.take("a:80")
        used.append(lane.handle)
        assert lanes.release(lane, "a:80")
        lanes.renew(lane)
    assert used[:3] == used[3:] == [one.handle for one in credentials(3)]
    assert lanes.spare == 0


def test_a_credential_is_known_by_its_name_until_it_is_refused():
    lanes = Lanes(1)
    (one,) = credentials(1)
    lanes.add([one])
    assert lanes.credential(one.handle) == one
    lanes.refuse(one.handle)
    assert lanes.credential(one.handle) is None


def test_a_lane_in_use_is_never_renewed():
    lanes = Lanes(1)
    lanes.add(credentials(2))
    lane = lanes.take("a:80")
    with pytest.raises(ValueError, match="still carries requests"):
        lanes.renew(lane)


def test_nothing_is_released_twice():
    lanes = Lanes(1)
    lanes.add(credentials(1))
    lane = lanes.take("a:80")
    lanes.release(lane, "a:80")
    with pytest.raises(ValueError, match="carries nothing"):
        lanes.release(lane, "a:80")


def test_a_lane_knows_which_targets_it_is_busy_with():
    lanes = Lanes(1)
    lanes.add(credentials(1))
    lane = lanes.take("a:80")
    lanes.take("b:443")
    lanes.release(lane, "a:80")
    assert dict(lane.targets) == {"b:443": 1}


def test_a_handle_is_no_secret_and_tells_credentials_apart():
    one, two = credentials(2)
    assert one.handle != two.handle
    assert "user" not in one.handle
    assert "pw" not in repr(one)


@given(
    size=st.integers(1, 5),
    stock=st.integers(0, 8),
    added=st.integers(0, 8),
    steps=st.lists(st.tuples(st.sampled_from("trx"), st.integers(0, 9)), max_size=60),
)
def test_whatever_happens_no_refused_credential_gets_a_new_request(size, stock, added, steps):
    lanes = Lanes(size)
    lanes.add(credentials(added))
    lanes.stock([one.proxy for one in credentials(stock)], "shop")
    flying, refused = [], set()
    for action, pick in steps:
        if action == "t":
            lane = lanes.take("a:80")
            if lane is not None:
                assert lane.handle not in refused
                flying.append(lane)
        elif action == "r" and flying:
            lane = flying.pop(pick % len(flying))
            if lanes.release(lane, "a:80"):
                lanes.renew(lane)
        elif action == "x":
            handle = list(lanes)[pick % size].handle
            if handle:
                refused.add(handle)
                for lane in lanes.refuse(handle):
                    lanes.renew(lane)
    assert lanes.refused == len(refused)
    assert sum(lane.in_flight for lane in lanes) == len(flying)


def test_a_lane_turns_after_its_share_of_requests_and_no_sooner_than_it_is_empty():
    lanes = Lanes(1, requests_each=2)
    lanes.add(credentials(2))
    first, second = lanes.take("a:80"), lanes.take("a:80")
    assert first is second
    assert lanes.take("a:80") is None
    assert lanes.can_serve("a:80")
    before = first.handle
    assert lanes.release(first, "a:80") is False
    assert lanes.release(first, "a:80") is True
    assert lanes.renew(first)
    assert first.handle != before
    assert lanes.take("a:80") is first


def test_credentials_come_round_in_turn_when_all_have_been_used():
    lanes = Lanes(2, requests_each=1)
    lanes.add(credentials(5))
    seen = []
    for _ in range(20):
        lane = lanes.take("a:80")
        seen.append(lane.handle)
        assert lanes.release(lane, "a:80")
        lanes.renew(lane)
    assert all(seen.count(handle) == 4 for handle in set(seen))
    assert len(set(seen)) == 5
    assert lanes.used == 5


def test_a_refused_credential_never_comes_round_again():
    lanes = Lanes(1, requests_each=1)
    lanes.add(credentials(3))
    refused = lanes.take("a:80")
    handle = refused.handle
    lanes.refuse(handle)
    lanes.release(refused, "a:80")
    lanes.renew(refused)
    seen = set()
    for _ in range(6):
        lane = lanes.take("a:80")
        seen.add(lane.handle)
        lanes.release(lane, "a:80")
        lanes.renew(lane)
    assert len(seen) == 2
    assert handle not in seen


def test_a_quarter_of_a_million_credentials_turn_as_quickly_as_sixteen():
    """The search for the next one ends after as many as there are lanes."""
    lanes = Lanes(16, requests_each=1)
    lanes.add(credentials(1_000))
    looked_at = 0

    class Counted(dict):
        def __iter__(self):
            nonlocal looked_at
            for one in super().__iter__():
                looked_at += 1
                yield one

    stock = lanes.own.stock
    stock._good = Counted(stock._good)
    for _ in range(2_000):
        lane = lanes.take("a:80")
        lanes.release(lane, "a:80")
        lanes.renew(lane)
    assert looked_at <= 2_000 * 17


@pytest.mark.parametrize("each", [0, -1])
def test_no_lane_turns_before_it_has_carried_anything(each):
    with pytest.raises(ValueError, match="one request each"):
        Lanes(1, requests_each=each)


def test_a_banned_credential_goes_elsewhere_but_not_there():
    lanes = Lanes(2)
    lanes.add(credentials(2))
    banned = lanes.take("a:80")
    lanes.ban(banned.handle, "a:80")
    lanes.release(banned, "a:80")
    assert {lanes.take("a:80").handle for _ in range(4)} == {lanes.lane(1).handle}
    assert lanes.take("b:80").handle == banned.handle


def test_an_empty_lane_makes_room_for_a_credential_that_is_not_banned():
    lanes = Lanes(1)
    lanes.add(credentials(3))
    lane = lanes.lane(0)
    handles = []
    for _ in range(2):
        handles.append(lane.handle)
        lanes.ban(lane.handle, "a:80")
        assert lanes.take("a:80") is None
        assert lanes.make_room("a:80") is lane
        assert lanes.make_room("a:80") is None, "it turns already"
        assert lanes.renew(lane, "a:80")
        taken = lanes.take("a:80")
        assert taken.handle not in handles
        lanes.release(taken, "a:80")


def test_when_a_target_has_banned_everybody_it_begins_anew():
    lanes = Lanes(2)
    lanes.add(credentials(2))
    for lane in lanes:
        lanes.ban(lane.handle, "a:80")
    assert lanes.can_serve("a:80")
    assert lanes.take("a:80") is not None


def test_a_lane_turns_when_asked_but_only_on_the_credential_that_was_meant():
    lanes = Lanes(1)
    lanes.add(credentials(2))
    lane = lanes.take("a:80")
    assert lanes.turn(0, "another") is None
    assert lanes.turn(7, lane.handle) is None
    assert lanes.turn(0, lane.handle) is None, "something is in flight"
    assert lane.retired
    assert lanes.release(lane, "a:80")
    lanes.renew(lane)
    assert lanes.turn(0, lane.handle) is lane
