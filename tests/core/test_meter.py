"""Bytes wait until it is known who pays, and are never counted twice."""

from rf_core.meter import Meter, Tally


def test_bytes_are_billed_once_it_is_known_who_answered():
    meter = Meter()
    tally = Tally(meter, "premium", "shop.example")
    tally.up(100)
    tally.down(30)
    assert meter.wire_bytes == 0
    tally.bill()
    tally.down(7)
    tally.bill()
    assert (meter.up_bytes, meter.down_bytes, meter.unbilled_bytes) == (100, 37, 0)


def test_a_refusal_is_free_and_what_follows_waits_again():
    """C-167"""
    meter = Meter()
    tally = Tally(meter, "premium", "shop.example")
    tally.up(100)
    tally.down(30)
    tally.waive()
    assert (meter.wire_bytes, meter.unbilled_bytes) == (0, 130)
    tally.up(5)
    tally.bill()
    assert (meter.up_bytes, meter.unbilled_bytes) == (5, 130)


def test_pools_and_domains_have_accounts_of_their_own():
    """C-171"""
    meter = Meter()
    for pool, domain in (("a", "x"), ("a", "y"), ("b", "x")):
        tally = Tally(meter, pool, domain)
        tally.bill()
        tally.up(10)
    assert {key: spend.up_bytes for key, spend in meter.spends.items()} == {
        ("a", "x"): 10,
        ("a", "y"): 10,
        ("b", "x"): 10,
    }
