"""What the generator looks like: text frames, to be read in a diff.

Rewrite them with `RF_REWRITE_FRAMES=1 python -m pytest tests/tui/test_order_page.py`.
"""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import snapshots
from support.generates import made_of, proxies

from rf_tui.cells import plain, width_of
from rf_tui.making import shown
from rf_tui.order_form import FIELDS, Form
from rf_tui.order_page import Stage, order_picture

FRAMES = Path(__file__).with_name("frames")
WRONG = Form().typed("walmart").moved(1).typed("us").moved(1).typed("C")
READY = Form().typed("walmart_premium").moved(1).typed("de").moved(7)
LINES = tuple(shown(made_of(proxies(60)), "list", 60, revealed=False))
STAGES = {
    "writing": (WRONG, Stage()),
    "asking": (READY, Stage("asking")),
    "sending": (READY, Stage("sending", count=104_448, asked=250_000, seconds=2.5)),
    "done": (
        READY,
        Stage(
            "done", count=5_000, asked=5_000, seconds=3.2, lines=LINES,
            about="5,000 credentials of pool walmart_premium, country de, by 1 call.",
            said="Copied the first 812 of 5,000: a terminal takes no more, x writes all, as list.",
        ),
    ),
    "failed": (READY, Stage("failed", about="The API refused the key (401). Make a new one.")),
}  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("moment", ["empty", "busy", "degraded"])
@pytest.mark.parametrize(("width", "height"), [(80, 22), (120, 38)], ids=str)
def test_the_generator_looks_like_this(stage, moment, width, height):
    if moment != "busy" and stage in {"done", "failed"}:
        return  # what came looks the same whatever else is going on
    form, reached = STAGES[stage]
    lines = order_picture(form, getattr(snapshots, moment)(), reached, width, height).lines
    text = "\n".join(plain(line).rstrip() for line in lines) + "\n"
    path = FRAMES / f"generator-{stage}-{moment}-{width}x{height}.txt"
    if os.environ.get("RF_REWRITE_FRAMES"):
        path.write_text(text)
    assert text == path.read_text()


@given(width=st.integers(20, 220), height=st.integers(3, 70), at=st.integers(0, 8))
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("moment", ["empty", "busy", "hostile"])
def test_it_keeps_to_the_terminal_and_the_row_that_is_written_in_is_in_sight(
    stage, moment, width, height, at
):
    form, reached = STAGES[stage]
    form = form.pointed(at)
    shown = order_picture(form, getattr(snapshots, moment)(), reached, width, height)
    assert len(shown.lines) == height
    assert max(width_of(plain(line)) for line in shown.lines) <= width
    (number,) = [number for number, row in shown.rows.items() if row == at]
    assert number >= height or plain(shown.lines[number]).startswith("▸")
    assert height < 4 or number < height


def test_a_line_that_can_be_clicked_is_the_row_it_says():
    shown = order_picture(READY, snapshots.busy(), Stage(), 80, 22)
    for number, row in shown.rows.items():
        assert FIELDS[row][1] in plain(shown.lines[number])


def test_a_full_window_says_how_long_an_order_waits():
    text = "\n".join(
        plain(line)
        for line in order_picture(READY, snapshots.degraded(), Stage("asking"), 80, 22).lines
    )
    assert "0 of 20 free: waits, the next in 17 s" in text
