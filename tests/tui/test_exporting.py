"""Tables as records: for a spreadsheet, for a program, for the clipboard."""

import csv
import io
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support import snapshots

from rf_core.snapshot import DomainState
from rf_tui.exporting import as_csv, as_json, as_words, record_of, tables_of
from rf_tui.exports import EXPORTS
from rf_tui.places import Place, Row, Whereabouts

PAGES = {
    "overview": Place(),
    "pool": Place("pool", "walmart_premium"),
    "crawl": Place("crawl", "a"),
    "domain": Place("domain", "books.example"),
    "targeting": Place("targeting"),
}


def rows(text):
    return list(csv.reader(io.StringIO(text)))


def test_every_page_has_its_tables_with_documented_columns():
    for page, place in PAGES.items():
        tables = tables_of(snapshots.busy(), Whereabouts((place,)))
        assert any(tables.values()), page
        for name, records in tables.items():
            for record in records:
                assert list(record) == [field.name for field in EXPORTS[name]]


def test_rows_are_those_that_are_listed_and_in_their_order():
    where = Whereabouts(filter="slow", sorts={"pools": "name"})
    assert [row["domain"] for row in tables_of(snapshots.busy(), where)["domains"]] == [
        "slow.example"
    ]
    by_name = tables_of(snapshots.busy(), replace(where, filter=""))["pools"]
    assert [row["pool"] for row in by_name] == ["retail_select", "walmart_premium"]


def test_bytes_are_integers_to_the_byte():
    (first, _) = tables_of(snapshots.busy(), Whereabouts())["pools"]
    assert first["left_bytes"] == snapshots.busy().pools[0].left_bytes


def test_a_masked_export_has_no_amount():
    tables = tables_of(snapshots.busy(), Whereabouts(), hidden=True)
    assert {row["left_bytes"] for row in tables["pools"]} == {None}
    assert {row["bytes"] for row in tables["domains"]} == {None}
    assert tables["pools"][0]["drain"] == "draining"


def test_the_row_that_is_chosen_is_copied_as_words():
    for page, row, begin in (
        ("overview", Row("pools", "retail_select"), "pool=retail_select "),
        ("overview", Row("crawls", "a"), "spider=books project=shop state=running "),
        ("domain", Row("crawls", "a"), "spider=books state=running pool=walmart_premium "),
        ("crawl", Row("domains", "slow.example"), "domain=slow.example bytes=115343360 "),
    ):
        where = Whereabouts((replace(PAGES[page], chosen=row),))
        assert as_words(record_of(snapshots.busy(), where)).startswith(begin)


def test_a_row_that_is_gone_or_was_never_chosen_is_not_copied():
    assert record_of(snapshots.busy(), Whereabouts()) is None
    gone = Whereabouts((Place(chosen=Row("pools", "sold")),))
    assert record_of(snapshots.busy(), gone) is None


@given(st.text(max_size=40))
def test_no_cell_of_a_spreadsheet_is_a_formula_and_no_line_breaks_out(name):
    shown = replace(snapshots.busy(), domains=(DomainState(name, -5, 1),))
    text = as_csv(tables_of(shown, Whereabouts())["domains"])
    heading, row = rows(text)
    assert heading == [field.name for field in EXPORTS["domains"]]
    assert not row[0].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))
    assert row[1] == "-5"


def test_hostile_texts_steer_nothing_in_any_form():
    tables = tables_of(snapshots.hostile(), Whereabouts())
    for text in (
        as_json(tables, taken_at=1.0, page="overview"),
        *(as_csv(records) for records in tables.values()),
        *(as_words(record) for records in tables.values() for record in records),
    ):
        assert not any(mark in text for mark in ("\x1b", "\u202e", "\x07"))
    assert json.loads(as_json(tables, taken_at=1.0, page="overview"))["pools"]


def test_a_table_without_rows_is_an_empty_file():
    assert as_csv([]) == ""
