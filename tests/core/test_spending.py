"""What was spent, summed; what it cost, by the price of its day and pool."""

from datetime import date
from decimal import Decimal

import pytest

from rf_core.errors import SettingsError
from rf_core.prices import Price, cost_by_pool, cost_of, format_cost, price_at, read_prices
from rf_core.spending import Entry, day_name, day_of, read_since, summed, total
from rf_core.units import GIGABYTE

NOW = 1_795_651_200.0
TODAY = day_of(NOW)
OLD, NEW = Price(Decimal(4), date(2026, 1, 1)), Price(Decimal(3), date(2026, 6, 1))
MOBILE = Price(Decimal(10), date(2026, 1, 1), "mobile")


def test_the_newest_price_that_has_begun_holds():
    prices = (NEW, OLD, MOBILE)
    assert price_at(prices, "premium", date(2025, 12, 31)) is None
    assert price_at(prices, "premium", date(2026, 5, 31)) == 4
    assert price_at(prices, "premium", date(2026, 6, 1)) == 3
    assert price_at(prices, "mobile", date(2026, 6, 1)) == 10
    assert price_at((), "premium", date(2026, 6, 1)) is None


def test_costs_are_exact_and_printed_short():
    assert cost_of(GIGABYTE // 2, (OLD,), "premium", date(2026, 2, 1)) == Decimal(2)
    assert cost_of(3, (OLD,), "premium", date(2026, 2, 1)) == Decimal(12) / GIGABYTE
    assert format_cost(Decimal("1234.567")) == "$1,234.57"
    assert format_cost(Decimal("0.012345")) == "$0.0123"


def test_several_pools_have_a_cost_together_only_if_each_has_a_price():
    day = date(2026, 2, 1)
    assert cost_by_pool([("a", GIGABYTE), ("mobile", GIGABYTE)], (OLD, MOBILE), day) == 14
    assert cost_by_pool([("a", GIGABYTE), ("mobile", GIGABYTE)], (MOBILE,), day) is None
    assert cost_by_pool([], (OLD,), day) is None


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("4", "written as"),
        ([4], "written as"),
        ([{"per_gb": 0}], "above 0"),
        ([{"per_gb": True}], "a number"),
        ([{"per_gb": "much"}], "a number of dollars"),
        ([{}], "a number of dollars"),
        ([{"per_gb": 4, "from": "2026-01-01"}], "without quotes"),
        ([{"per_gb": 4, "pool": 3}], "the id of one"),
        ([{"per_gb": 4, "currency": "EUR"}], "'currency' is not known"),
    ],
)
def test_a_price_that_is_none_is_refused_with_the_reason(rows, why):
    with pytest.raises(SettingsError, match=why):
        read_prices(rows)


def test_a_price_without_a_day_has_always_held():
    assert read_prices([{"per_gb": 3.5}]) == (Price(Decimal("3.5"), date.min),)


def test_days_are_read_as_people_write_them():
    assert read_since("today", NOW) == TODAY
    assert read_since("1d", NOW) == TODAY
    assert read_since("7d", NOW) == TODAY - 6
    assert read_since(day_name(TODAY - 40), NOW) == TODAY - 40
    with pytest.raises(ValueError, match="as 7d"):
        read_since("yesterday", NOW)


def test_sums_have_the_most_bytes_first_and_days_in_their_order():
    entries = [
        Entry("books", 20_000, "premium", 10, 100, 1),
        Entry("shoes", 20_001, "premium", 50, 500, 5),
        Entry("books", 20_002, "mobile", 20, 200, 2),
    ]
    rows = summed(entries, (), by="spider", items={"books": 3})
    assert [(row.name, row.bytes, row.requests, row.items) for row in rows] == [
        ("shoes", 550, 5, None),
        ("books", 330, 3, 3),
    ]
    assert total(rows).bytes == 880
    assert total(rows).cost is None
    days = summed(entries, (), by="day")
    assert [row.name for row in days] == [day_name(20_000 + n) for n in range(3)]


def test_each_day_has_its_own_price_and_items_share_the_cost():
    before = date(2026, 5, 31).toordinal() - date(1970, 1, 1).toordinal()
    entries = [
        Entry("books", before, "premium", 0, GIGABYTE, 1),
        Entry("books", before + 1, "premium", 0, GIGABYTE, 1),
    ]
    (row,) = summed(entries, (OLD, NEW), by="spider", items={"books": 2_000})
    assert row.cost == 7
    assert row.cost_per_1000_items == Decimal("3.5")
