"""What the overview says at each size: text frames, to be read in a diff.

Rewrite them with `RF_REWRITE_FRAMES=1 python -m pytest tests/tui/test_frames.py`.
"""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import snapshots

from rf_tui.cells import plain, width_of
from rf_tui.view import Looks, overview

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


def test_at_80_columns_everything_that_matters_is_there_at_once():
    text = frame(snapshots.busy(), 80, 22)
    for words in (
        "walmart_premium", "retail_select", "1.2 MB/s".replace("1.2", "1.20"), "6.0000 GB",
        "generate", "19 of 20", "reads", "105 of 120", "strangers 4",
        "books", "running", "21,004", "auth 2", "429 12",
        "books.example", "+3.00 MB", "all well", "balance 5.0 s", "11 calls/min",
    ):  # fmt: skip
        assert words in text, words


def test_a_frozen_picture_says_so_and_since_when():
    assert "PAUSED 12 s" in frame(snapshots.busy(), 80, 22, paused_for=12.0)


def test_what_is_wrong_comes_with_the_way_out():
    text = frame(snapshots.degraded(), 80, 22)
    assert "The API refused the key rf_live_…x7kQ (401)" in text
    assert "export RF_API_KEY" in text
    assert "in 17 s" in text
    assert "balance 15 min 00 s" in text


@given(width=st.integers(20, 220), height=st.integers(5, 70))
@pytest.mark.parametrize("moment", ["empty", "busy", "degraded", "hostile"])
def test_no_line_is_wider_and_no_frame_higher_than_the_terminal(moment, width, height):
    lines = overview(getattr(snapshots, moment)(), width, height, Looks(now=snapshots.NOW))
    assert len(lines) == height
    assert max(width_of(plain(line)) for line in lines) <= width


def test_strangers_text_carries_no_control_characters():
    text = frame(snapshots.hostile(), 120, 60)
    allowed = {"\n"}
    assert not [char for char in text if ord(char) < 32 and char not in allowed]
    assert "\x1b" not in text
    assert "\u202e" not in text
