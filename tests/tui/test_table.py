"""Rows for people and for programs."""

from hypothesis import given
from hypothesis import strategies as st

from rf_tui.cells import width_of
from rf_tui.cli.table import Column, tabbed, table

COLUMNS = (
    Column("POOL"),
    Column("LEFT", "right"),
    Column("BYTES", only="pipe"),
    Column("TOOK", only="terminal"),
    Column("FROM", spare=1),
    Column("ID", spare=2),
)
ROW = ("premium", "1.5 GB", "1610612736", "3s", "host:7", "abcdef")


def test_numbers_stand_under_each_other():
    rows = [ROW, ("mobile", "12.25 MB", "12845056", "4m05s", "host:8", "ghijkl")]
    assert table(COLUMNS, rows, 80) == [
        "POOL         LEFT  TOOK   FROM    ID",
        "premium    1.5 GB  3s     host:7  abcdef",
        "mobile   12.25 MB  4m05s  host:8  ghijkl",
    ]


def test_a_narrow_terminal_does_without_the_spare_columns_first():
    assert table(COLUMNS, [ROW], 31) == [
        "POOL       LEFT  TOOK  FROM",
        "premium  1.5 GB  3s    host:7",
    ]
    assert table(COLUMNS, [ROW], 24) == ["POOL       LEFT  TOOK", "premium  1.5 GB  3s"]


def test_a_long_text_is_cut_where_nothing_is_spare():
    lines = table((Column("DOMAIN"), Column("USED")), [("a" * 100, "1.5 GB")], 30)
    assert lines[1] == "a" * 21 + "…  1.5 GB"


def test_rows_without_headings_have_no_line_for_them():
    assert table((Column(""), Column("")), [("account", "jane")], 80) == ["account  jane"]


def test_a_program_gets_what_is_exact_and_no_headings():
    assert tabbed(COLUMNS, [ROW]) == ["premium\t1.5 GB\t1610612736\thost:7\tabcdef"]


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), min_size=1, max_size=5),
    st.integers(20, 120),
)
def test_no_line_is_wider_than_the_terminal_or_steers_it(rows, width):
    lines = table((Column("A"), Column("B", "right")), rows, width)
    assert all(width_of(line) <= width for line in lines)
    both = lines + tabbed((Column("A"), Column("B")), rows)
    assert not [line for line in both if any(ord(c) < 32 and c != "\t" for c in line)]
    assert all(line.count("\t") == 1 for line in both[len(lines) :])
