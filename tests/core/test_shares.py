"""One live set for many targetings: whoever asks gets a fair part, and nobody a lane more."""

from hypothesis import given
from hypothesis import strategies as st

from rf_core.lanes import Credential, Lanes
from rf_core.models import Proxy
from rf_core.redaction import Secret

SITE = "a:80"


def credentials(name, count=8):
    return [
        Credential(Proxy("127.0.0.1", 8000, f"{name}-{number}", Secret("pw")), name)
        for number in range(count)
    ]


class Turning:
    """Lanes of several targetings, as a crawl uses them: what is to be hung up is, at once."""

    def __init__(self, size, *names, each=None):
        self.lanes = Lanes(size)
        self.lanes.add(credentials("own"))
        self.shares = {"own": self.lanes.own}
        for name in names:
            self.shares[name] = self.lanes.open(self.lanes.new_stock(), each)
            self.lanes.add(credentials(name), self.shares[name])

    def take(self, name):
        share = self.shares[name]
        lane = self.lanes.take(SITE, share)
        if lane is None or share.is_busy:
            free = self.lanes.claim(share)
            if free is not None:
                self.lanes.renew(free)
        return lane

    def get(self, name):
        """Ask until there is a lane, as a request that waits does."""
        return self.take(name) or self.take(name)

    def land(self, lane):
        if self.lanes.release(lane, SITE):
            self.lanes.renew(lane)

    def sizes(self):
        return {name: len(share.lanes) for name, share in self.shares.items()}


def test_a_crawl_that_asks_for_nothing_has_every_lane():
    assert Turning(4, "de").sizes() == {"own": 4, "de": 0}


def test_the_first_request_of_a_targeting_gets_a_lane_that_rests():
    turning = Turning(4, "de")
    assert turning.take("de") is None, "it has none yet"
    lane = turning.take("de")
    assert lane.credential.pool == "de"
    assert turning.sizes() == {"own": 2, "de": 2}, "and one more for the next: it was busy"


def test_whoever_is_busy_grows_up_to_a_fair_part():
    turning = Turning(8, "de", "jp")
    flying = []
    for _ in range(20):
        flying += filter(None, (turning.take("own"), turning.take("de")))
    assert turning.lanes.take(SITE, turning.shares["de"]).share is turning.shares["de"]
    for lane in flying:
        turning.land(lane)
    assert turning.sizes() == {"own": 4, "de": 4, "jp": 0}


def test_a_lane_that_is_busy_turns_when_it_is_empty():
    turning = Turning(1, "de")
    own = turning.take("own")
    assert turning.get("de") is None
    assert own.goes_to is turning.shares["de"]
    assert turning.take("own") is None, "it takes no more requests"
    turning.land(own)
    assert turning.take("de").credential.pool == "de"


def test_more_targetings_than_lanes_take_turns():
    names = [f"c{number}" for number in range(6)]
    turning = Turning(2, *names)
    served = dict.fromkeys(names, 0)
    flying = []
    for step in range(120):
        lane = turning.take(names[step % 6])
        if lane is not None:
            served[lane.credential.pool] += 1
            flying.append(lane)
        if len(flying) == 2 or (flying and step % 3 == 0):
            turning.land(flying.pop(0))
    assert min(served.values()) >= 3


def test_what_nobody_asks_for_any_more_gives_its_lanes_up():
    turning = Turning(4, "de", "jp")
    for name in ("de", "de", "jp", "jp"):
        lane = turning.get(name)
        if lane is not None:
            turning.land(lane)
    for _ in range(80):
        lanes = [turning.take("de") for _ in range(4)]
        for lane in filter(None, lanes):
            turning.land(lane)
    assert turning.sizes() == {"own": 0, "de": 4, "jp": 0}


def test_two_ways_to_rotate_share_what_is_ordered():
    lanes = Lanes(2)
    lanes.add(credentials("own", 6))
    by_request = lanes.open(lanes.own.stock, 1)
    lanes.take(SITE, by_request)
    lanes.renew(lanes.claim(by_request))
    handles = set()
    for _ in range(8):
        lane = lanes.take(SITE, by_request)
        handles.add(lane.handle)
        assert lane.retired, "one request each"
        assert lanes.release(lane, SITE)
        lanes.renew(lane)
    assert len(handles) == 5, "all but the one that is in the other lane"
    assert lanes.take(SITE).handle not in handles


@given(
    size=st.integers(1, 6),
    each=st.sampled_from([None, 1, 3]),
    steps=st.lists(st.tuples(st.sampled_from("tttrx"), st.integers(0, 11)), max_size=120),
)
def test_whatever_is_asked_every_request_flies_on_its_own_targeting(size, each, steps):
    names = ["own", "de", "jp", "us"]
    turning = Turning(size, *names[1:], each=each)
    flying, refused = [], set()
    for action, pick in steps:
        if action == "t":
            name = names[pick % 4]
            lane = turning.take(name)
            if lane is not None:
                assert lane.credential.pool == name
                assert lane.handle not in refused
                flying.append(lane)
        elif action == "r" and flying:
            turning.land(flying.pop(pick % len(flying)))
        elif action == "x":
            handle = list(turning.lanes)[pick % size].handle
            if handle:
                refused.add(handle)
                for lane in turning.lanes.refuse(handle):
                    turning.lanes.renew(lane)
        owned = [lane for share in turning.shares.values() for lane in share.lanes]
        assert sorted(lane.number for lane in owned) == list(range(size))
        assert all(lane in lane.share.lanes for lane in owned)
        assert all(not lane.in_flight or lane.credential for lane in owned)
    assert sum(lane.in_flight for lane in turning.lanes) == len(flying)
