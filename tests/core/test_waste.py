"""What would have saved how much: computed from rows, and called what it is."""

from datetime import date
from decimal import Decimal

from rf_core.causes import SpendCause
from rf_core.prices import Price
from rf_core.spending import CauseEntry
from rf_core.units import GIGABYTE
from rf_core.waste import LARGEST_BYTES, REMEDIES, wasted

PRICES = (Price(Decimal(4), date(1970, 1, 1)),)


def entry(cause, count, *, requests=1, surplus=0, day=20_000):
    return CauseEntry(cause, day, "premium", 0, count, requests, surplus)


def only(*entries, prices=(), domains=None):
    (found,) = wasted(entries, prices, domains or {})
    return found


def test_what_media_took_is_saved_exactly_with_its_price():
    domains = {"media": [("a.example", GIGABYTE)], "robots": [("b.example", 1)]}
    found = only(entry("media", GIGABYTE), entry("media", GIGABYTE), prices=PRICES, domains=domains)
    assert (found.remedy.line, found.remedy.certainty) == ('RF_MEDIA = "off"', "exactly")
    assert (found.saves_bytes, found.saves_cost, found.cost) == (2 * GIGABYTE, 8, 8)
    assert found.domains == (("a.example", GIGABYTE),)


def test_pages_are_what_one_came_for():
    found = only(entry("page", 100))
    assert (found.remedy, found.saves_bytes, found.saves_cost) == (None, 0, None)


def test_what_was_not_told_apart_is_no_waste():
    assert only(entry("", 100)).remedy is None


def test_tunnels_beyond_one_a_lane_could_have_been_kept():
    assert only(entry("tunnel", 64_000, requests=16)).remedy is None
    many, few = entry("tunnel", 64_000, requests=64, surplus=48), entry("tunnel", 4_000)
    found = only(many, few)
    assert found.remedy.line == 'RF_ROTATE = "tunnel"'
    assert (found.saves_bytes, found.remedy.certainty) == (48_000, "at most")


def test_a_cap_on_sizes_may_save_what_broke_beyond_it():
    large = entry("aborted", 10 * LARGEST_BYTES, requests=4)
    found = only(large, entry("aborted", 100, requests=50))
    assert found.remedy.line == f"DOWNLOAD_MAXSIZE = {LARGEST_BYTES}"
    assert (found.saves_bytes, found.remedy.certainty) == (10 * LARGEST_BYTES, "at most")


def test_small_transfers_that_broke_might_have_been_waited_for():
    found = only(entry("aborted", 5_000, requests=3))
    assert found.remedy.line == "DOWNLOAD_TIMEOUT = 600"
    assert (found.saves_bytes, found.remedy.certainty) == (5_000, "at most")


def test_each_day_has_its_own_price_and_without_one_there_is_no_cost():
    dear = (*PRICES, Price(Decimal(6), date(2025, 1, 1)))
    early, late = entry("robots", GIGABYTE, day=0), entry("robots", GIGABYTE, day=20_500)
    assert only(early, late, prices=dear).saves_cost == 10
    later = (Price(Decimal(6), date(2025, 1, 1)),)
    assert only(early, late, prices=later).saves_cost is None


def test_the_most_comes_first_and_every_cause_has_its_line():
    found = wasted([entry("robots", 1), entry("page", 9), entry("media", 5)], (), {})
    assert [waste.cause for waste in found] == ["page", "media", "robots"]
    assert set(REMEDIES) == set(SpendCause)
