"""What the doctor says of facts."""

import pytest

from rf_core import checkup
from rf_core.models import Account, Discovery, Pool, Targeting
from rf_core.redaction import Secret
from rf_core.snapshot import Headroom

KEY = Secret("rf_live_0123456789abcdefx7kQ")
SCOPES = ("proxies:generate", "usage:read", "pools:read")


def jane(**changes):
    values = {
        "id": 1,
        "username": "jane",
        "scopes": SCOPES,
        "balances": {"premium": 5},
        "key_name": "laptop",
        "key_prefix": "rf_live_",
        "key_last4": "x7kQ",
    }
    return Account(**values | changes)


def levels(checks):
    return [check.level for check in checks]


def test_a_misspelt_variable_gets_the_nearest():
    found = checkup.environment(["RF_API_KYE", "RF_XYZZY", "RF_PROFILE", "PATH"])
    assert [(check.level, check.way_out) for check in found] == [
        ("warning", "Did you mean RF_API_KEY?"),
        ("warning", "Unset it."),
    ]
    assert checkup.environment(["RF_PROFILE"])[0].text == "1 variable of ours, none misspelt."


def test_a_key_is_shown_masked_with_where_it_came_from():
    (good,) = checkup.key(KEY, "RF_API_KEY", ())
    assert good.text == "rf_live_…x7kQ, from RF_API_KEY."
    assert levels(checkup.key(KEY, "RF_API_KEY", ("White space was removed.",))) == [
        "ok",
        "warning",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"key_last4": "zzzz"}, "ends in zzzz"), ({"key_prefix": "rf_test_"}, "begins with rf_test_")],
)
def test_a_key_that_the_api_takes_for_another_is_said(changes, said):
    """C-023"""
    checks = checkup.account(jane(**changes), KEY)
    assert levels(checks) == ["ok", "warning"]
    assert said in checks[1].text


def test_an_api_that_tells_nothing_of_the_key_is_no_trouble():
    assert levels(checkup.account(jane(key_prefix="", key_last4="", key_name=""), KEY)) == ["ok"]


def test_each_missing_scope_says_what_is_missed():
    """C-014"""
    (check,) = checkup.scopes(jane(scopes=("proxies:generate", "pools:read", "dance")))
    assert (check.level, check.text.split(":")[0:2]) == ("warning", ["usage", "read is missing"])
    assert "make a new one" in check.way_out
    assert levels(checkup.scopes(jane(scopes=()))) == ["warning"] * 3
    assert levels(checkup.scopes(jane(scopes=(*SCOPES, "dance")))) == ["ok"]


@pytest.mark.parametrize(
    ("skew", "level", "said"),
    [
        (None, "ok", "no usable Date"),
        (-0.4, "ok", "Within 1.0 s"),
        (59, "ok", "Within 59 s"),
        (3_600, "warning", "1 h 00 min behind"),
        (-3_600, "warning", "1 h 00 min ahead of"),
    ],
)
def test_clocks_that_are_apart_are_said(skew, level, said):
    check = checkup.clock(skew)
    assert check.level == level
    assert said in check.text


def test_what_can_be_ordered_is_listed_and_what_is_empty_warned_of():
    """C-068"""
    listed = Discovery((Pool("premium", "P", "gw", ("rotating",)),), Targeting(countries=("us",)))
    found = checkup.pools(listed, {"premium": 0, "other": 5})
    assert [(check.level, check.text) for check in found] == [
        ("ok", "premium; 1 country."),
        ("warning", "Pool premium is empty: orders from it get demo credentials."),
        ("ok", "other has 5 B."),
    ]


def test_a_key_without_pools_can_order_nothing():
    """C-104"""
    assert levels(checkup.pools(Discovery((), Targeting()), {})) == ["failed"]


def test_strangers_with_the_same_key_are_warned_of():
    """C-132"""
    ours, theirs = checkup.windows(
        [Headroom("generate", 20, 3), Headroom("reads", 120, 1, foreign=7)]
    )
    assert ours.text == "generate: 17 of 20 calls are free."
    assert theirs.level == "warning"
    assert "7 were made by strangers" in theirs.text


def test_an_api_that_has_lost_something_is_warned_of():
    gone = checkup.api({"openapi": "3.1.0", "info": {"version": "2"}, "paths": {}})
    assert levels(gone) == ["warning"]
    assert "the endpoint POST /proxies" in gone[0].text
    assert levels(checkup.api({})) == ["warning"]
    assert levels(checkup.api({"openapi": "3.1.0", "info": [], "paths": {}})) == ["warning"]


def test_a_strangers_text_steers_nothing():
    hostile = "\x1b]0;owned\x07\u202e"
    paths = {hostile: {"get": {}}}
    texts = [
        *checkup.account(jane(username=hostile, key_name=hostile, key_last4=hostile), KEY),
        *checkup.scopes(jane(scopes=(*SCOPES, hostile))),
        *checkup.pools(Discovery((Pool(hostile, "", "", ()),), Targeting()), {hostile: 0}),
        *checkup.api({"openapi": "3", "info": {"version": hostile}, "paths": paths}),
        checkup.gateway(hostile, 1, hostile),
        checkup.gateway_name(hostile, None, hostile),
        *checkup.environment([f"RF_{hostile}"]),
    ]
    assert not [check for check in texts if "\x1b" in check.text or "\u202e" in check.text]
