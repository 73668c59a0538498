"""Counts are split to the unit, and whatever happens on a channel, its parts sum to its count."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rf_core.accounts import Statements, cause_totals, causes_of, domain_spends
from rf_core.attribution import Channel, Share, Spend
from rf_core.causes import CAUSES, SpendCause, apportioned
from rf_core.meter import Meter, Tally

COUNTS = st.integers(0, 1 << 40)
SET_OUT = st.sampled_from([SpendCause.PAGE, SpendCause.RETRY, SpendCause.MEDIA])
ENDS = st.sampled_from(list(SpendCause))


@given(COUNTS, st.lists(st.integers(0, 1 << 30), min_size=1, max_size=20))
def test_parts_sum_to_the_total_and_keep_the_proportion(total, weights):
    parts = apportioned(total, weights)
    assert sum(parts) == total
    if whole := sum(weights):
        exact = [total * weight / whole for weight in weights]
        assert all(abs(a - b) < 1 + total * 1e-12 for a, b in zip(parts, exact, strict=True))


def test_without_weights_all_get_the_same_and_nobody_gets_nothing_of_nothing():
    assert apportioned(7, [0, 0, 0]) == [3, 2, 2]
    assert apportioned(7, []) == []


def test_every_cause_is_explained():
    assert list(CAUSES) == list(SpendCause)


class Channels(RuleBasedStateMachine):
    """One channel, on which anything happens in any order."""

    def __init__(self):
        super().__init__()
        self.meter = Meter()
        self.name = ("handle", "shop.example:443")
        self.statements = Statements(self.meter)
        self.kept = []
        self.flying = []
        self.landed = []
        self.tally = None
        self._ensure()

    def _ensure(self):
        self.channel = self.meter.channel(self.name, "p", "shop.example", is_plain=False)
        if self.tally is None:
            self.tally = Tally(self.meter, "p", "shop.example", self.name)
            self.tally.up(150)
            self.tally.tunnel_stands()

    @rule(cause=SET_OUT)
    def sets_out(self, cause):
        self._ensure()
        self.channel.board(cause)
        self.meter.spend("p", "shop.example").requests += 1
        self.flying.append(cause)

    @rule(up=COUNTS, down=COUNTS)
    def moves(self, up, down):
        self.tally.up(up)
        self.tally.down(down)

    @rule()
    def stands(self):
        self.tally.handshake_done()

    @rule(after=ENDS, which=st.integers(0, 9), seen=st.none() | st.builds(Share, COUNTS, COUNTS))
    def lands(self, after, which, seen):
        if self.flying:
            cause = self.flying.pop(which % len(self.flying))
            self.landed.append((self.channel.land(cause, after, seen), after))

    @rule(after=ENDS)
    def is_judged(self, after):
        if self.landed:
            share, before = self.landed.pop()
            self.channel.spend.move(share, before, after)
            self.landed.append((share, after))

    @rule()
    def ends(self):
        self.tally.tunnel_ends()
        self.meter.tidy(self.name)
        self.tally = None
        self._ensure()

    @invariant()
    def parts_sum_to_the_count(self):
        (spend,) = domain_spends(self.meter)
        assert sum(one.up_bytes for one in spend.causes) == self.meter.up_bytes
        assert sum(one.down_bytes for one in spend.causes) == self.meter.down_bytes
        assert sum(one.bytes for one in cause_totals(self.meter)) == self.meter.billed_bytes
        requests = [one.requests for one in spend.causes if one.cause != SpendCause.TUNNEL]
        assert sum(requests) == spend.requests
        assert all(min(one.up_bytes, one.down_bytes) >= 0 for one in spend.causes)

    @invariant()
    def what_has_changed_is_stated_again(self):
        kept = {(one.pool, one.domain): one for one in self.kept}
        self.kept = list(
            (kept | {(o.pool, o.domain): o for o in self.statements.changed()}).values()
        )
        self.statements.kept()
        assert tuple(self.kept) == domain_spends(self.meter)

    @invariant()
    def nothing_waits_for_nobody(self):
        if not self.flying:
            assert (self.channel.up_bytes, self.channel.down_bytes) == (0, 0)
            assert not list(self.channel.under_way())


TestChannels = Channels.TestCase


def causes(spend):
    return {one.cause: one.bytes for one in causes_of(spend)}


def test_alone_on_a_tunnel_a_request_has_all_that_moves_but_the_handshake():
    meter = Meter()
    channel = meter.channel("name", "p", "shop.example", is_plain=False)
    channel.board(SpendCause.PAGE)
    tally = Tally(meter, "p", "shop.example", "name")
    tally.up(200)
    tally.down(100)
    tally.tunnel_stands()
    tally.up(500)
    tally.down(3_000)
    tally.handshake_done()
    tally.down(40_000)
    channel.land(SpendCause.PAGE, SpendCause.PAGE, Share())
    tally.down(24)  # a goodbye
    spend = meter.spend("p", "shop.example")
    spend.requests = 1
    assert causes(spend) == {"page": 40_000, "tunnel": 3_824}


def test_two_at_once_take_what_was_seen_of_the_first_and_the_rest():
    spend = Spend(down_bytes=31_000, requests=2)
    channel = Channel(spend, is_plain=False)
    channel.board(SpendCause.PAGE)
    channel.board(SpendCause.MEDIA)
    channel.down(31_000)
    channel.land(SpendCause.MEDIA, SpendCause.MEDIA, Share(0, 20_000))
    channel.land(SpendCause.PAGE, SpendCause.PAGE, Share(0, 10_800))
    assert causes(spend) == {"page": 31_000 - 20_103, "media": 20_103}


def test_a_transfer_of_which_no_end_was_seen_has_what_the_others_leave():
    spend = Spend(down_bytes=31_000, requests=2)
    channel = Channel(spend, is_plain=False)
    channel.board(SpendCause.PAGE)
    channel.board(SpendCause.PAGE)
    channel.down(31_000)
    channel.land(SpendCause.PAGE, SpendCause.ABORTED, None)
    assert sum(part.down_bytes for _, part in channel.under_way()) == 31_000
    channel.land(SpendCause.PAGE, SpendCause.PAGE, Share(0, 10_000))
    assert causes(spend) == {"page": 10_083, "aborted": 31_000 - 10_083}


def test_what_comes_of_a_cut_transfer_after_its_end_is_its_own():
    spend = Spend(down_bytes=9_000, requests=1)
    channel = Channel(spend, is_plain=False)
    channel.board(SpendCause.PAGE)
    channel.down(5_000)
    channel.land(SpendCause.PAGE, SpendCause.ABORTED, None)
    channel.down(4_000)  # what the kernel had, and nobody read
    assert causes(spend) == {"aborted": 9_000}
