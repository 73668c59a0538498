"""What a spreadsheet gets."""

import csv
import io
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from rf_tui.sheets import sheet


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
@example(["\r", "a\rb", "\n", "\r\n"])
def test_every_cell_is_read_back_as_it_was_or_with_an_apostrophe(cells):
    """RFC 4180: commas, quotes and line breaks in cells included."""
    _headings, row = csv.reader(io.StringIO(sheet(["h"] * len(cells), [cells]), newline=""))
    assert [one.removeprefix("'") for one in row] == [one.removeprefix("'") for one in cells]


def test_money_keeps_its_digits_and_what_is_not_known_is_empty():
    rows = [("-5", -5, None, Decimal("0.5"))]
    assert sheet(("a", "b", "c", "d"), rows) == "a,b,c,d\n'-5,-5,,0.500000\n"


def test_without_rows_there_are_headings():
    assert sheet(("a", "b"), []) == "a,b\n"
