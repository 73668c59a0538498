"""Where a person is in the monitor: rows, pages, filter and order, key by key."""

from hypothesis import given
from hypothesis import strategies as st

from rf_tui.places import PAGE_OF, SORTS, Place, Row, Whereabouts

ROWS = [
    Row("pools", "a"), Row("pools", "b"), Row("crawls", "1"), Row("domains", "x"),
    Row("domains", "y"),
]  # fmt: skip


def test_the_first_key_down_chooses_the_first_row_and_up_the_last():
    assert Whereabouts().moved(ROWS, 1).here.chosen == ROWS[0]
    assert Whereabouts().moved(ROWS, -1).here.chosen == ROWS[-1]


@given(steps=st.lists(st.integers(-7, 7)))
def test_a_choice_stays_within_the_rows(steps):
    where = Whereabouts()
    for step in steps:
        where = where.moved(ROWS, step)
        assert where.here.chosen in ROWS


def test_a_row_that_is_gone_is_chosen_no_more():
    where = Whereabouts().moved(ROWS, 1)
    assert where.moved(ROWS[1:], 1).here.chosen == ROWS[1]
    assert where.moved([], 1).here.chosen is None


def test_tab_goes_from_table_to_table_and_around():
    where, seen = Whereabouts(), []
    for _ in range(4):
        where = where.next_panel(ROWS)
        seen.append(where.here.chosen.key)
    assert seen == ["a", "1", "x", "a"]
    assert Whereabouts().next_panel([]) == Whereabouts()


def test_enter_opens_and_back_takes_back_the_filter_then_the_page_then_the_choice():
    where = Whereabouts().moved(ROWS, 1).entered(ROWS[0]).filtered("x")
    assert where.here == Place("pool", "a")
    where = where.back()
    assert where.filter == ""
    where = where.back()
    assert where.here == Place("overview", chosen=ROWS[0])
    assert where.back().here.chosen is None
    assert Whereabouts().back() == Whereabouts()


def test_nothing_opens_where_nothing_is_chosen():
    assert Whereabouts().entered(None) == Whereabouts()


def test_a_call_of_the_api_has_no_page_of_its_own():
    where = Whereabouts().went("requests").pointed(Row("requests", "1"))
    assert where.entered(where.here.chosen) == where


def test_a_page_that_is_on_the_trail_is_gone_back_to():
    where = Whereabouts()
    for _ in range(50):
        where = where.entered(ROWS[0]).entered(ROWS[2])
    assert [place.page for place in where.trail] == ["overview", "pool", "crawl"]


def test_each_table_has_orders_of_its_own_that_come_around():
    assert set(SORTS) == {*PAGE_OF, "requests"}
    for panel, orders in SORTS.items():
        where = Whereabouts()
        seen = []
        for _ in orders:
            seen.append(where.sorted_by(panel))
            where = where.sorted_anew(panel)
        assert seen == ["", *orders[1:]]
        assert where.sorted_by(panel) == ""
