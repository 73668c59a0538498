"""What several processes draw of one budget is never more than there is."""

from hypothesis import given
from hypothesis import strategies as st

from rf_core.purse import Draw, Drawn, block_of, draw

MB = 1 << 20


def drawn(limit, spent, *others, under_way=0, need=0, block=100):
    return draw(limit, spent, others, under_way=under_way, need=need, block=block)


def test_one_alone_draws_a_block_beyond_what_it_needs():
    assert drawn(10_000, 0) == Drawn(100, 10_000, may_grow=True)
    assert drawn(10_000, 500, under_way=300, need=400) == Drawn(500, 9_500, may_grow=True)
    assert drawn(10_000, 9_950) == Drawn(50, 50, may_grow=False)


def test_what_others_have_drawn_is_spent_whether_they_live_or_not():
    dead = Draw(4_000, 1_000, is_open=False)
    assert drawn(10_000, 5_950, dead) == Drawn(50, 50, may_grow=False)
    assert drawn(10_000, 7_000, dead) == Drawn(0, 0, may_grow=False)
    assert drawn(10_000, 5_900, Draw(4_000, 1_000, is_open=True)).may_grow


def test_who_cannot_go_on_leaves_the_rest_to_the_others_when_they_may_give_back():
    busy = Draw(4_000, 3_000, is_open=True)
    waits = Drawn(40, 500, may_grow=True, must_wait=True)
    assert drawn(10_000, 5_500, busy, under_way=40, need=900) == waits
    assert drawn(10_000, 5_500, busy, need=1_600).must_wait, "together it is more than a fiftieth"
    frugal = Draw(4_000, 3_900, is_open=True)
    assert drawn(10_000, 5_950, frugal, need=900) == Drawn(50, 50, may_grow=False)


def test_a_block_is_small_beside_the_budget():
    assert block_of(1 << 30, 1) == 4 * MB
    assert block_of(MB, 1) == 65_536
    assert block_of(80_000, 1) == 10_000
    assert block_of(5 * 10**12, 3_000) == 5 * 10**12 // 256


counts = st.integers(0, 10**9)


@given(
    counts,
    st.lists(st.builds(Draw, counts, counts, st.booleans()), max_size=5),
    st.tuples(counts, counts, counts, counts),
)
def test_no_draw_leads_beyond_the_limit(limit, others, numbers):
    spent, under_way, need, block = numbers
    got = draw(limit, spent, others, under_way=under_way, need=under_way + need, block=block)
    assert got.count >= 0
    assert got.count <= max(0, limit - spent - sum(other.until for other in others))
    assert not got.must_wait or got.may_grow
