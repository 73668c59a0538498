"""Amounts in the unit that a person has chosen."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from support import snapshots
from support.snapshots import GB, MB, NOW

import rf_tui
from rf_core.prices import Price
from rf_tui.amounts import UNITS, Amounts, format_bytes, printing, without_amounts
from rf_tui.cells import plain, width_of
from rf_tui.looks import Looks
from rf_tui.places import Place, Whereabouts
from rf_tui.view import overview

TODAY = date(2026, 11, 26)
CHEAP = Price(Decimal(2), date(2026, 1, 1))
DEAR = Price(Decimal("3.50"), date(2026, 1, 1), "premium")


@pytest.mark.parametrize(
    ("unit", "size", "rate"),
    [
        ("auto", "1.5000 GB", "1.20 MB/s"),
        ("GB", "1.5000 GB", "4.22 GB/h"),
        ("GiB", "1.5000 GiB", "4.22 GiB/h"),
        ("MB", "1,536.00 MB", "1.20 MB/s"),
        ("bytes", "1,610,612,736 B", "1,258,291 B/s"),
    ],
)
def test_each_unit_prints_sizes_and_rates(unit, size, rate):
    amounts = Amounts(unit)
    assert amounts.size(1.5 * GB) == size
    assert amounts.rate(1.2 * MB) == rate


def test_dollars_are_those_of_the_pool_and_a_rate_is_by_the_hour():
    amounts = Amounts("$", (CHEAP, DEAR), TODAY)
    assert amounts.size(2 * GB, "premium") == "$7.00"
    assert amounts.size(2 * GB, "mobile") == "$4.00"
    assert amounts.rate(GB / 3_600, "premium") == "$3.50/h"


def test_without_a_sure_price_dollars_are_bytes():
    assert Amounts("$", (), TODAY).size(GB) == "1.0000 GB"
    assert Amounts("$", (CHEAP, DEAR), TODAY).size(GB) == "1.0000 GB"
    assert Amounts("$", (CHEAP,), TODAY).size(GB) == "$2.00"
    assert Amounts("$", (DEAR,), TODAY).size(GB, "mobile") == "1.0000 GB"
    assert not Amounts("$", (DEAR,), date(2025, 1, 1)).knows_price()


def test_a_choice_holds_for_one_picture_only():
    with printing(Amounts("bytes")):
        assert format_bytes(GB) == "1,073,741,824 B"
    assert format_bytes(GB) == "1.0000 GB"


@pytest.mark.parametrize("page", ["overview", "pool", "crawl", "domain"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("width", [80, 120, 200])
def test_no_amount_is_cut_off_in_any_unit(page, unit, width):
    subject = {"pool": "walmart_premium", "crawl": "a", "domain": "books.example"}.get(page, "")
    where = Whereabouts((Place(), Place(page, subject)))
    looks = Looks(now=NOW, where=where, amounts=Amounts(unit, (CHEAP,), TODAY))
    for line in overview(snapshots.busy(), width, 40, looks):
        assert width_of(plain(line)) <= width
        assert not re.search(r"[.,]\d*…", plain(line)), plain(line)


def test_hidden_amounts_are_nowhere_on_the_screen():
    for unit in UNITS:
        looks = Looks(now=NOW, amounts=Amounts(unit, (CHEAP,), TODAY, hidden=True))
        text = "\n".join(plain(line) for line in overview(snapshots.busy(), 200, 60, looks))
        assert not re.search(r"\d\s?[kMG]?i?B\b|\$\d", text)


def test_amounts_in_a_sentence_are_hidden():
    said = "Pool a has 1.2345 GB left, 3 crawls take 312.4 kB/s, which is $12.30 or 1,024 bytes."
    assert without_amounts(said) == "Pool a has ••• left, 3 crawls take •••, which is ••• or •••."


def test_whatever_draws_prints_amounts_as_they_are_chosen():
    by_itself = re.compile(r"from rf_core\.units import [^\n]*format_(?:bytes|rate)")
    folder = Path(rf_tui.__file__).parent
    drawing = [
        path
        for pattern in ("*.py", "screens/*.py", "widgets/*.py")
        for path in folder.glob(pattern)
        if path.name != "demo.py"  # tells a story in lines
    ]
    assert [path.name for path in drawing if by_itself.search(path.read_text())] == []
