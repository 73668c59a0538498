"""Budgets as they are written, in bytes and in money."""

from datetime import date
from decimal import Decimal

import pytest

from rf_core.caps import Cap, Tariff, read_cap
from rf_core.errors import SettingsError
from rf_core.prices import Price
from rf_core.units import GIGABYTE

DAY = date(2026, 11, 26)
FINEST = 10**12


def test_bytes_and_dollars_are_told_apart():
    assert read_cap("5 GB") == Cap(5 * GIGABYTE)
    assert read_cap("$5") == read_cap(" 5 $ ") == Cap(5 * FINEST, in_money=True)
    assert str(read_cap("$0.50")) == "$0.5000"
    assert str(read_cap("300 MB")) == "300.00 MB"


@pytest.mark.parametrize("text", ["$", "$0", "$-5", "5$5", "$5 GB", "$1e9", "five $"])
def test_what_is_no_budget_is_said_with_an_example(text):
    with pytest.raises(ValueError, match="as 5 GB, or dollars above 0, as"):
        read_cap(text)


def test_a_byte_costs_its_pools_price_of_that_day_rounded_up():
    prices = (
        Price(Decimal("3.5"), date(2026, 1, 1)),
        Price(Decimal(8), date(2026, 1, 1), "mobile"),
        Price(Decimal(99), date(2027, 1, 1)),
    )
    tariff = Tariff(read_cap("$5"), prices, DAY)
    assert tariff.rate("premium") == int(Decimal("3.5") * FINEST / GIGABYTE) + 1
    assert tariff.dearest(["premium", "mobile"]) == tariff.rate("mobile") > tariff.rate("premium")
    assert tariff.rate("premium") * GIGABYTE >= 3.5 * FINEST


def test_a_pool_without_a_price_is_taken_for_the_dearest():
    tariff = Tariff(read_cap("$5"), (Price(Decimal(8), date.min, "mobile"),), DAY)
    assert tariff.rate("premium") == tariff.rate("mobile")


def test_money_without_a_price_is_refused_with_the_way_out_and_bytes_need_none():
    with pytest.raises(SettingsError) as caught:
        Tariff(read_cap("$5"), (Price(Decimal(8), date(2027, 1, 1)),), DAY)
    assert "per_gb = 3.50" in str(caught.value)
    assert Tariff(Cap(5), (), DAY).rate("any") == 1
    assert Tariff(None, (), DAY).dearest([]) == 1
