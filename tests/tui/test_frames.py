"""What the overview says at each size: text frames, to be read in a diff.

Rewrite them with `RF_REWRITE_FRAMES=1 python -m pytest tests/tui/test_frames.py`.
"""

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import snapshots

from rf_tui.cells import plain, width_of
from rf_tui.looks import Looks
from rf_tui.places import Place, Row, Whereabouts
from rf_tui.view import overview, picture

FRAMES = Path(__file__).with_name("frames")
SIZES = ((60, 20), (80, 22), (120, 38), (200, 58))


@pytest.fixture(autouse=True)
def in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def frame(snapshot, width, height, **looks):
    lines = overview(snapshot, width, height, Looks(now=snapshots.NOW, **looks))
    return "\n".join(plain(line).rstrip() for line in lines) + "\n"


@pytest.mark.parametrize("moment", ["empty", "busy", "degraded"])
@pytest.mark.parametrize(("width", "height"), SIZES, ids=str)
def test_the_overview_looks_like_this(moment, width, height):
    text = frame(getattr(snapshots, moment)(), width, height)
    path = FRAMES / f"{moment}-{width}x{height}.txt"
    if os.environ.get("RF_REWRITE_FRAMES"):
        path.write_text(text)
    assert text == path.read_text()


PAGES = {
    "pool": Place("pool", "walmart_premium"),
    "crawl": Place("crawl", "a"),
    "domain": Place("domain", "books.example"),
    "targeting": Place("targeting"),
    "alerts": Place("alerts"),
    "requests": Place("requests"),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("moment", ["empty", "busy", "degraded"])
@pytest.mark.parametrize(("width", "height"), [(80, 22), (120, 38)], ids=str)
def test_every_page_looks_like_this(page, moment, width, height):
    text = frame(
        getattr(snapshots, moment)(), width, height, where=Whereabouts((Place(), PAGES[page]))
    )
    path = FRAMES / f"{page}-{moment}-{width}x{height}.txt"
    if os.environ.get("RF_REWRITE_FRAMES"):
        path.write_text(text)
    assert text == path.read_text()


def at(where, snapshot, width=80, height=22):
    return picture(snapshot, width, height, Looks(now=snapshots.NOW, where=where))


def test_the_chosen_row_has_a_sign_and_is_in_sight_however_far_down():
    snapshot = snapshots.crowded()
    for row in at(Whereabouts(), snapshot).choices[::7]:
        shown = at(Whereabouts((Place(chosen=row),)), snapshot)
        (number,) = [n for n, line in enumerate(shown.lines) if plain(line).startswith("▸")]
        assert shown.rows[number] == row


def test_rows_are_where_the_picture_says_they_are():
    shown = at(Whereabouts(), snapshots.busy())
    texts = {row: plain(shown.lines[number]) for number, row in shown.rows.items()}
    assert "retail_select" in texts[Row("pools", "retail_select")]
    assert "prices" in texts[Row("crawls", "b")]
    assert "slow.example" in texts[Row("domains", "slow.example")]


def test_a_filter_leaves_what_holds_it_and_says_so():
    text = frame(snapshots.busy(), 80, 22, where=Whereabouts(filter="slow"))
    assert "/ slow" in text
    assert "slow.example" in text
    assert "21%" in text  # of everything, not of what is listed
    assert "books.example" not in text
    assert "retail_select" not in text


def test_a_filter_that_nothing_holds_is_no_empty_account():
    text = frame(snapshots.busy(), 80, 22, where=Whereabouts(filter="nobody"))
    assert "nothing here says that" in text
    assert "no balance has been read yet" not in text


def test_a_page_whose_subject_is_gone_says_so_and_the_way_back():
    text = frame(snapshots.empty(), 80, 22, where=Whereabouts((Place(), PAGES["pool"])))
    assert "not there any more" in text
    assert "Esc" in text


@given(width=st.integers(20, 220), height=st.integers(5, 70))
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("moment", ["busy", "hostile", "crowded"])
def test_no_page_is_wider_or_higher_than_the_terminal(page, moment, width, height):
    where = Whereabouts((Place(), PAGES[page]))
    lines = at(where, getattr(snapshots, moment)(), width, height).lines
    assert len(lines) == height
    assert max(width_of(plain(line)) for line in lines) <= width


def test_at_80_columns_everything_that_matters_is_there_at_once():
    text = frame(snapshots.busy(), 80, 22)
    for words in (
        "walmart_premium", "retail_select", "1.20 MB/s", "6.0000 GB",
        "generate", "19 of 20", "reads", "105 of 120", "strangers 4",
        "books", "running", "21,004", "auth:2", "429:12", "9m50s",
        "books.example", "+3.00 MB", "all well", "balance 5s", "11 calls/min",
    ):  # fmt: skip
        assert words in text, words


def test_a_frozen_picture_says_so_and_since_when():
    assert "PAUSED 12 s" in frame(snapshots.busy(), 80, 22, paused_for=12.0)


def test_in_a_frozen_picture_only_the_ages_go_on():
    before = frame(snapshots.busy(), 80, 22, paused_for=0.0).splitlines()
    lines = overview(snapshots.busy(), 80, 22, Looks(now=snapshots.NOW + 60, paused_for=60.0))
    after = [plain(line).rstrip() for line in lines]
    assert before[1:-1] == after[1:-1]
    assert "balance 1m05s" in after[-1]


def test_nothing_is_called_well_before_anything_is_known():
    text = frame(snapshots.empty(), 80, 22)
    assert "all well" not in text
    assert "live" not in text.splitlines()[0].replace("rf_live", "")
    assert "reading" in text


def test_a_picture_that_nobody_replaces_says_how_old_it_is():
    lines = overview(snapshots.busy(), 80, 22, Looks(now=snapshots.NOW + 30))
    assert "frozen 30s" in plain(lines[0])


def test_a_refresh_on_its_way_is_seen():
    assert "asking" in frame(snapshots.busy(), 80, 22, asking=True)


def test_rows_that_do_not_fit_are_counted():
    text = frame(snapshots.crowded(), 80, 22)
    shown = [line for line in text.splitlines() if line.startswith(" pool_")]
    said = [int(number) for number in re.findall(r"… and (\d+) more", text)]
    assert len(shown) + said[0] == 50
    assert len(said) == 3


def test_a_single_look_is_as_long_as_it_needs_to_be():
    lines = overview(snapshots.crowded(), 80, None, Looks(now=snapshots.NOW))
    text = "\n".join(plain(line) for line in lines)
    assert "more" not in text
    assert all(f"pool_{number:02}" in text for number in range(50))


def test_the_longest_pool_name_is_shown_whole_before_anything_else_of_it():
    name = "residential_premium_europe_and_north_america"
    snapshot = replace(snapshots.busy(), pools=(replace(snapshots.busy().pools[0], id=name),))
    for width in (80, 120, 200):
        text = frame(snapshot, width, 24)
        assert name in text
        assert "1.4287 GB" in text


def test_a_wide_screen_has_charts_beside_the_tables():
    first = frame(snapshots.busy(), 200, 58).splitlines()[3]
    assert "POOL" in first
    assert "BALANCE of walmart_premium" in first


def test_what_is_wrong_comes_with_the_way_out():
    text = frame(snapshots.degraded(), 80, 22)
    assert "The API refused the key rf_live_…x7kQ (401)" in text
    assert "export RF_API_KEY" in text
    assert "in 17 s" in text
    assert "balance 15m00s" in text


@given(width=st.integers(20, 220), height=st.integers(5, 70))
@pytest.mark.parametrize("moment", ["empty", "busy", "degraded", "hostile", "crowded"])
def test_no_line_is_wider_and_no_frame_higher_than_the_terminal(moment, width, height):
    lines = overview(getattr(snapshots, moment)(), width, height, Looks(now=snapshots.NOW))
    assert len(lines) == height
    assert max(width_of(plain(line)) for line in lines) <= width


@given(width=st.integers(30, 220))
@pytest.mark.parametrize("moment", ["empty", "busy", "degraded", "hostile", "crowded"])
def test_a_frame_without_a_height_keeps_its_width(moment, width):
    lines = overview(getattr(snapshots, moment)(), width, None, Looks(now=snapshots.NOW))
    assert max(width_of(plain(line)) for line in lines) <= width


def test_strangers_text_carries_no_control_characters():
    text = frame(snapshots.hostile(), 120, 60)
    allowed = {"\n"}
    assert not [char for char in text if ord(char) < 32 and char not in allowed]
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_budget_is_a_bar_and_a_share_and_what_is_spent_is_said_to_be():
    crawl = snapshots.busy().crawls[0]
    for spent, words in ((0.25, "25% spent"), (1.0, "100% spent"), (1.2, "120% spent")):
        one = replace(crawl, budget_bytes=round(crawl.wire_bytes / spent))
        text = frame(
            replace(snapshots.busy(), crawls=(one,)), 80, 22,
            where=Whereabouts((Place(), PAGES["crawl"])),
        )  # fmt: skip
        assert words in text
    text = frame(
        replace(snapshots.busy(), crawls=(replace(crawl, budget_bytes=None),)), 80, 22,
        where=Whereabouts((Place(), PAGES["crawl"])),
    )  # fmt: skip
    assert re.search(r"budget +none", text)
