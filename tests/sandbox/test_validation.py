import pytest

from rf_sandbox.accounts import Account, Pool, default_pools
from rf_sandbox.switches import Switches
from rf_sandbox.validation import (
    InvalidRequestError,
    PoolNotAvailableError,
    default_pool,
    read_limit,
    read_order,
)


@pytest.fixture
def account():
    pools = default_pools()
    pools["phones"] = Pool("phones", "Phones", ["mobile_rotating", "mobile_sticky"], 1)
    return Account(1, "somebody", pools)


ACCEPTED = {
    "C-031 nothing at all": ({}, {"quantity": 5_000, "format": "list", "country": None}),
    "C-034 unknown fields": ({"flavour": "mint"}, {"quantity": 5_000}),
    "C-037 a country": ({"country": "gb"}, {"country": "gb"}),
    "C-039 one": ({"quantity": 1}, {"quantity": 1}),
    "C-039 the most": ({"quantity": 250_000}, {"quantity": 250_000}),
    "C-040 an integral float": ({"quantity": 10.0}, {"quantity": 10}),
    "C-047 a state": ({"country": "us", "state": "CA"}, {"country": "us"}),
    "C-076 a format": ({"format": "userpass"}, {"format": "userpass"}),
}

REFUSED = {
    "C-032 a list": [],
    "C-032 null": None,
    "C-032 a text": "us",
    "C-037 upper case": {"country": "US"},
    "C-037 no such country": {"country": "zz"},
    "C-037 not a text": {"country": 1},
    "C-037 null": {"country": None},
    "C-039 zero": {"quantity": 0},
    "C-039 too many": {"quantity": 250_001},
    "C-039 a fraction": {"quantity": 1.5},
    "C-039 a text": {"quantity": "10"},
    "C-039 true": {"quantity": True},
    "C-039 infinite": {"quantity": float("inf")},
    "C-041 no such type": {"proxyType": "datacenter"},
    "C-042 not in this pool": {"pool": "premium", "proxyType": "mobile_rotating"},
    "C-043 the default type in a pool of phones": {"pool": "phones"},
    "C-044 zero minutes": {"proxyType": "sticky", "sessionDuration": 0},
    "C-044 too long": {"proxyType": "sticky", "sessionDuration": 1_441},
    "C-044 a text": {"proxyType": "sticky", "sessionDuration": "10"},
    "C-047 a state elsewhere": {"country": "de", "state": "CA"},
    "C-047 a state without a country": {"state": "CA"},
    "C-048 a lower-case state": {"country": "us", "state": "ca"},
    "C-076 no such format": {"format": "xml"},
    "a pool that is a number": {"pool": 5},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(case, account):
    body, expected = ACCEPTED[case]
    order = read_order(body, account, Switches())
    assert {name: getattr(order, name) for name in expected} == expected


@pytest.mark.parametrize("case", REFUSED)
def test_refused_as_invalid(case, account):
    with pytest.raises(InvalidRequestError):
        read_order(REFUSED[case], account, Switches())


def test_without_a_pool_the_default_one_serves(account):
    """C-035, C-036"""
    assert read_order({}, account, Switches()).pool is default_pool(account, Switches())


def test_an_unknown_pool_is_not_available_but_a_bad_field_is_said_first(account):
    """C-021"""
    with pytest.raises(PoolNotAvailableError):
        read_order({"pool": "nowhere"}, account, Switches())
    with pytest.raises(InvalidRequestError):
        read_order({"pool": "nowhere", "quantity": 0}, account, Switches())


@pytest.mark.parametrize("minutes", [99_999, "soon", None, 0])
def test_rotating_types_ignore_the_session_whatever_it_says(account, minutes):
    """C-045"""
    order = read_order({"proxyType": "rotating", "sessionDuration": minutes}, account, Switches())
    assert order.ordered.minutes == 0


def test_sticky_without_minutes_takes_the_pools_own(account):
    """C-046"""
    account.pools["premium"].session_minutes_default = 25
    assert read_order({"proxyType": "sticky"}, account, Switches()).ordered.minutes == 25
    asked = read_order({"proxyType": "sticky", "sessionDuration": 1_440}, account, Switches())
    assert asked.ordered.minutes == 1_440


def test_targeting_is_that_of_the_moment(account):
    """C-049"""
    account.targeting.countries.append("fr")
    assert read_order({"country": "fr"}, account, Switches()).country == "fr"


@pytest.mark.parametrize(
    ("values", "limit"), [(None, 25), (["1"], 1), (["100"], 100), (["7.0"], 7)]
)
def test_a_usage_limit_from_one_to_a_hundred(account, values, limit):
    """C-095"""
    assert read_limit({} if values is None else {"limit": values}, account) == limit


@pytest.mark.parametrize(
    "values", [["0"], ["101"], ["abc"], [""], ["5", "5"], ["-1"], ["1.5"], ["9" * 5_000], ["٣"]]
)
def test_any_other_usage_limit_is_invalid(account, values):
    """C-095, C-096"""
    with pytest.raises(InvalidRequestError):
        read_limit({"limit": values}, account)
