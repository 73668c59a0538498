"""Which rows are listed, and in what order."""

from dataclasses import replace

import pytest
from support import snapshots

from rf_tui.arranging import arranged, holds
from rf_tui.places import SORTS


def names(snapshot):
    return [domain.domain for domain in snapshot.domains]


@pytest.mark.parametrize(
    ("text", "words", "listed"),
    [
        ("", "anything", True),
        ("Book", "books.example", True),
        ("  book ", "books.example", True),
        ("film", "books.example", False),
        ("!film", "books.example", True),
        ("!BOOK", "books.example", False),
        ("!", "books.example", True),
    ],
)
def test_a_row_is_listed_if_it_holds_the_text_or_not(text, words, listed):
    assert holds(text, words) is listed


def test_a_crawl_is_found_by_what_is_seen_of_it():
    for text in ("books", "shop", "walmart", "running", "auth"):
        assert arranged(snapshots.busy(), text, {}).crawls[0].id == "a", text
    assert [crawl.id for crawl in arranged(snapshots.busy(), "finished", {}).crawls] == ["b"]


def test_each_order_sorts_by_what_it_is_called():
    shown = snapshots.busy()
    shown = replace(shown, domains=shown.domains[::-1])
    assert names(arranged(shown, "", {"domains": "name"})) == ["books.example", "slow.example"]
    assert names(arranged(shown, "", {"domains": "requests"})) == ["books.example", "slow.example"]
    left = arranged(shown, "", {"pools": "left"}).pools
    assert [pool.id for pool in left] == ["walmart_premium", "retail_select"]
    assert arranged(shown, "", {"crawls": "name"}).crawls[0].spider == "books"


@pytest.mark.parametrize(("panel", "order"), [(p, order) for p in SORTS for order in SORTS[p]])
def test_equal_rows_keep_their_places(panel, order):
    shown = snapshots.crowded()
    name = "calls" if panel == "requests" else panel
    same = tuple(replace(row) for row in getattr(shown, name)[:1] * 9)
    again = getattr(arranged(replace(shown, **{name: same}), "", {panel: order}), name)
    assert all(one is other for one, other in zip(again, same, strict=True))


def test_a_pool_that_was_never_read_comes_after_those_with_little_left():
    pools = arranged(snapshots.degraded(), "", {"pools": "left"}).pools
    assert [pool.id for pool in pools] == ["walmart_premium", "unread"]
