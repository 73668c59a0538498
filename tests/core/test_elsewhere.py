"""What other machines spent, laid beside this one's readings."""

from hypothesis import given
from hypothesis import strategies as st

from rf_core.drain import Reading
from rf_core.elsewhere import beside


def spent(*points):
    return [Reading(float(at), 0, count) for at, count in points]


OURS = spent((0, 0), (10, 5), (20, 5), (30, 9))


def test_between_two_of_its_readings_a_machine_spent_evenly():
    found = beside(OURS, [spent((0, 100), (20, 300), (40, 300))])
    assert found.readings == tuple(OURS)
    assert found.spent_bytes == (100, 200, 300, 300)
    assert found.unsure_seconds == 20


def test_what_only_one_machine_knows_is_left_out():
    found = beside(OURS, [spent((5, 0), (60, 0)), spent((0, 7), (20, 7))])
    assert [one.at for one in found.readings] == [10, 20]
    assert found.spent_bytes == (7, 7)


def test_a_machine_that_was_never_in_the_pool_spent_nothing():
    assert beside(OURS, [[]]) == beside(OURS, [])
    assert beside(OURS, []).spent_bytes == (0, 0, 0, 0)


def test_machines_that_never_watched_at_once_have_nothing_to_compare():
    assert beside(OURS, [spent((31, 0), (90, 5))]).readings == ()
    assert beside([], [OURS]).readings == ()


moments = st.lists(st.integers(0, 1_000), min_size=1, max_size=20, unique=True).map(sorted)


@given(moments, moments)
def test_who_only_ever_spends_more_is_never_seen_to_spend_less(ours, theirs):
    found = beside(spent(*((at, 0) for at in ours)), [spent(*((at, 3 * at) for at in theirs))])
    assert list(found.spent_bytes) == sorted(found.spent_bytes)
    assert all(
        count == 3 * one.at for one, count in zip(found.readings, found.spent_bytes, strict=True)
    )
