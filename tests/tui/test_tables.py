"""Columns that share a screen, and the words in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.snapshot import CrawlReport, Headroom
from rf_tui.cells import Span, plain, width_of
from rf_tui.tables import Column, table
from rf_tui.words import (
    brief_seconds,
    count,
    crawl_age,
    crawl_state,
    failures,
    growth,
    holders_words,
    left_alone,
    wait_words,
)

COLUMNS = (
    Column("NAME", lambda row, _: Span(row), 4, 6, 10),
    Column("size", lambda row, _: Span(str(len(row))), 4, align="right"),
    Column("why", lambda row, cells: Span("y" * cells), 3, 5, gives_way=1),
    Column("more", lambda row, cells: Span("z" * cells), 4, gives_way=2),
)


def drawn(width, *rows):
    return [plain(line) for line in table(COLUMNS, rows, width)]


def crawl(**facts):
    basis = {
        "id": "a", "spider": "s", "project": "p", "pid": 1, "host": "h", "pool": "q",
        "started_at": 1000.0, "updated_at": 1100.0,
    }  # fmt: skip
    return CrawlReport(**(basis | facts))


def test_what_gives_way_is_left_out_in_its_order():
    assert drawn(30, "abc")[0].split() == ["NAME", "size", "why", "more"]
    assert drawn(20, "abc")[0].split() == ["NAME", "size", "why"]
    assert drawn(14, "abc")[0].split() == ["NAME", "size"]
    assert drawn(11, "abc")[0].split() == ["NAME", "size"]


def test_what_is_to_spare_goes_first_to_those_in_need():
    assert drawn(17, "abc")[1] == " abc       3 yyyy"
    assert drawn(19, "abc")[1] == " abc        3 yyyyy"
    assert drawn(60, "abc")[1] == " abc           3 yyyyy zzzz"


@given(
    rows=st.lists(st.text(max_size=30), max_size=5),
    width=st.integers(11, 80),
)
def test_every_row_is_as_wide_as_its_heading(rows, width):
    widths = {width_of(line) for line in drawn(width, *rows)}
    assert len(widths) == 1
    assert widths.pop() <= width


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0s"),
        (0.4, "0s"),
        (59.6, "1m00s"),
        (245, "4m05s"),
        (7_620, "2h07m"),
        (273_600, "3d04h"),
    ],
)
def test_a_duration_is_brief(seconds, text):
    assert brief_seconds(seconds) == text


def test_a_count_keeps_its_thousands_apart_while_it_can():
    assert count(999_999, 7) == "999,999"
    assert count(1_234_567, 7) == "1.23M"
    assert count(1_234_567, 9) == "1,234,567"


def test_failures_shrink_to_their_number():
    report = crawl(failures={"gateway_auth": 2, "target_429": 12})
    assert failures(report, 20) == "429:12 auth:2"
    assert failures(report, 9) == "429:12 +2"
    assert failures(report, 4) == "14"
    assert failures(crawl(), 4) == "none"


def test_whom_a_crawl_leaves_alone_shrinks_to_how_many():
    report = crawl(backoffs={"slow.example": 7.0, "press.example": 70.0})
    assert left_alone(report, 40) == "press.example 1m10s, slow.example 7s"
    assert left_alone(report, 24) == "press.example 1m10s +1"
    assert left_alone(report, 12) == "2, 1m10s"
    assert left_alone(crawl(), 12) == "nobody"


def test_a_crawl_that_says_nothing_is_not_called_running():
    assert crawl_state(crawl(), 1_103.0).text == "running"
    assert crawl_state(crawl(), 1_112.0).text == "silent 12s"
    assert crawl_state(crawl(finished_at=1_100.0), 1_112.0).text == "finished"
    ended = crawl(finished_at=1_100.0, finish_reason="rf_balance_exhausted")
    assert crawl_state(ended, 1_112.0) == Span("balance_exhausted", "warn")
    assert crawl_age(ended, 5_000.0) == "1m40s"


def test_words_for_windows_say_what_is_not_known():
    assert wait_words(None) == "unknown"
    assert wait_words(0.0) == "now"
    assert wait_words(17.2) == "in 17 s"
    assert holders_words(Headroom("reads", 120, 0)) == "nobody"
    assert holders_words(Headroom("reads", 120, 2, 3, holders=(("rf", 2),))) == "rf 2, strangers 3"


def test_growth_is_only_said_when_it_is_known():
    assert growth(None).text == ""
    assert growth(0).text == "·"
    assert growth(2048).text == "+2.0 kB"
