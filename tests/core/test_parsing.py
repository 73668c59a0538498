"""Documents of the API as models: tolerant of more, exact about less."""

import contextlib
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core import parsing
from rf_core.errors import ResponseError
from rf_core.harvest import read_batch
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_core.units import GIGABYTE

POOLS = {
    "pools": [
        {"id": "shop", "label": "Shop", "host": "p.example", "proxy_types": ["rotating", "sticky"]}
    ],
    "targeting": {
        "countries": ["us", "gb"],
        "us_states": ["CA"],
        "session_minutes": {"min": 1, "max": 1440},
        "carriers": [],
    },
}


ACCOUNT = {
    "id": 42,
    "username": "jane",
    "scopes": ["proxies:generate", "time:travel"],
    "balances": {"shop": 1},
    "key": {"name": "k", "prefix": "rf_live_", "last4": "x7kQ"},
}


def without(document, *path):
    """The document without one of its fields."""
    changed = copy.deepcopy(document)
    *way, name = path
    inner = changed
    for step in way:
        inner = inner[step]
    del inner[name]
    return changed


def batch_of(proxies, answer_format="list", **changes):
    count = (
        len(proxies) if isinstance(proxies, list) else len(list(filter(None, proxies.split("\n"))))
    )
    return {
        "proxies": proxies,
        "count": count,
        "country": "us",
        "is_demo": False,
        "pool": "shop",
        "format": answer_format,
    } | changes


def read(document):
    return read_batch(json.dumps(document).encode()).batch()


ENTRY = {"host": "p.example", "port": 8000, "username": "u", "password": "p"}


def test_discovery_lists_pools_and_targeting():
    """C-101"""
    found = parsing.discovery(POOLS)
    assert found.pool("shop").proxy_types == ("rotating", "sticky")
    assert found.targeting.countries == ("us", "gb")
    assert found.targeting.session_minutes_max == 1440


def test_what_a_newer_server_adds_is_kept_and_gets_in_nobodys_way():
    """C-147"""
    document = {
        "pools": [POOLS["pools"][0] | {"colour": "red"}],
        "targeting": POOLS["targeting"] | {"cities": ["Oslo"]},
        "version": 2,
    }
    found = parsing.discovery(document)
    assert found.extra == {"version": 2}
    assert found.pools[0].extra == {"colour": "red"}
    assert found.targeting.extra == {"cities": ["Oslo"]}


def test_no_pools_at_all_is_a_list_like_any_other():
    """C-104"""
    assert parsing.discovery(POOLS | {"pools": []}).pools == ()


@pytest.mark.parametrize(
    ("read", "document", "path"),
    [
        (parsing.discovery, {"targeting": {}}, "$.pools"),
        (parsing.discovery, {"pools": [{"label": "x"}], "targeting": {}}, "$.pools[0].id"),
        (parsing.discovery, {"pools": ["x"], "targeting": {}}, "$.pools[0]"),
        (parsing.discovery, without(POOLS, "targeting", "countries"), "$.targeting.countries"),
        (parsing.discovery, without(POOLS, "targeting", "us_states"), "$.targeting.us_states"),
        (parsing.discovery, without(POOLS, "targeting", "carriers"), "$.targeting.carriers"),
        (
            parsing.discovery,
            without(POOLS, "targeting", "session_minutes", "min"),
            "$.targeting.session_minutes.min",
        ),
        (parsing.discovery, without(POOLS, "pools", 0, "host"), "$.pools[0].host"),
        (parsing.discovery, without(POOLS, "pools", 0, "label"), "$.pools[0].label"),
        (parsing.discovery, without(POOLS, "pools", 0, "proxy_types"), "$.pools[0].proxy_types"),
        (parsing.account, without(ACCOUNT, "key", "last4"), "$.key.last4"),
        (parsing.account, without(ACCOUNT, "scopes"), "$.scopes"),
        (parsing.account, ACCOUNT | {"scopes": ["a", 1]}, "$.scopes[1]"),
        (
            parsing.usage,
            {"top_domains": [{"domain": "a", "bytes": 1}]},
            "$.top_domains[0].requests",
        ),
        (parsing.balance, {}, "$.balances"),
        (parsing.balance, {"balances": {"shop": "12"}}, "$.balances.shop"),
        (parsing.balance, {"balances": {"shop": True}}, "$.balances.shop"),
        (parsing.balance, {"balances": {"shop": 1e300}}, "$.balances.shop"),
        (parsing.usage, {"top_domains": [{"domain": "a"}]}, "$.top_domains[0].bytes"),
        (
            parsing.usage,
            {"top_domains": [{"domain": "a", "bytes": 10**30}]},
            "$.top_domains[0].bytes",
        ),
        (parsing.usage, {"top_domains": [{"bytes": 1}]}, "$.top_domains[0].domain"),
        (parsing.account, {"id": 1}, "$.key"),
        (read, batch_of("h:1:u:p") | {"is_demo": None}, "$.is_demo"),
        (read, batch_of("h:1:u:p") | {"proxies": None}, "$.proxies"),
        (read, batch_of([ENTRY | {"port": "0"}], "json"), "$.proxies[0].port"),
        (read, batch_of([ENTRY | {"port": "9" * 5000}], "json"), "$.proxies[0].port"),
        (read, batch_of([{}], "json"), "$.proxies[0].host"),
    ],
)
def test_a_documented_field_that_is_missing_or_wrong_is_named(read, document, path):
    """C-147"""
    with pytest.raises(ResponseError) as caught:
        read(document)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("gigabytes", "count"),
    [(6, 6 * GIGABYTE), (6.0, 6 * GIGABYTE), (12.5342, 13_458_494_770), (-0.0003, -322_123)],
)
def test_balances_come_as_whole_numbers_fractions_and_below_zero(gigabytes, count):
    """C-091 C-092 C-094"""
    assert parsing.balance({"balances": {"shop": gigabytes}}).balances == {"shop": count}


def test_a_balance_of_null_is_no_balance():
    """C-094"""
    assert parsing.balance({"balances": {"shop": None, "b": 1}}).balances == {"b": GIGABYTE}


def test_usage_is_sorted_by_bytes_and_lower_case():
    """C-098 C-100"""
    entries = [("b.example", 5), ("a.example", 5), ("Big.example", 9)]
    document = {"top_domains": [{"domain": name, "bytes": n, "requests": 1} for name, n in entries]}
    names = [entry.domain for entry in parsing.usage(document).top_domains]
    assert names == ["big.example", "a.example", "b.example"]


def test_the_account_keeps_scopes_it_does_not_know():
    """C-014 C-105"""
    account = parsing.account(ACCOUNT)
    assert account.scopes == ("proxies:generate", "time:travel")
    assert account.key_last4 == "x7kQ"


# Batches


def test_a_list_line_is_split_three_times_so_that_a_password_may_hold_colons():
    """C-062 C-063"""
    batch = read(batch_of("p.example:8000:user:pa:ss@w/rd\r\n\np.example:8000:b:x\n"))
    first, second = batch.proxies
    assert (first.host, first.port, first.username) == ("p.example", 8000, "user")
    assert first.password.reveal() == "pa:ss@w/rd"
    assert second.username == "b"


def test_a_userpass_line_is_split_at_its_last_at_sign():
    """C-063"""
    (proxy,) = read(batch_of("user:p@ss:w@p.example:8000", "userpass")).proxies
    assert (proxy.username, proxy.password.reveal()) == ("user", "p@ss:w")
    assert (proxy.host, proxy.port) == ("p.example", 8000)


def test_json_entries_may_have_their_port_as_text():
    """C-065"""
    (proxy,) = read(batch_of([ENTRY | {"port": "8000"}], "json")).proxies
    assert proxy.port == 8000


@pytest.mark.parametrize(
    "line", ["user-s-abc:[email protected]:8000", "u:[email\u00a0protected]:1"]
)
@pytest.mark.parametrize("answer_format", ["userpass", "list"])
def test_a_line_that_a_mail_filter_has_eaten_is_named_and_never_used(line, answer_format):
    """C-064"""
    with pytest.raises(ResponseError, match="e-mail address filter"):
        read(batch_of(line, answer_format))


def test_the_type_of_the_answer_decides_over_its_name():
    """C-061 C-076"""
    assert read(batch_of([ENTRY], "list")).proxies[0].host == "p.example"
    assert read(batch_of("u:p@h:1", "userpass")).format == "userpass"


def test_a_count_that_does_not_agree_is_an_error_with_both_numbers():
    """C-066"""
    with pytest.raises(ResponseError, match="announced 3 proxies and sent 1"):
        read(batch_of("h:1:u:p", count=3))


def test_fewer_than_were_asked_for_is_an_answer_like_any_other():
    """C-067: the order is not compared with"""
    assert read(batch_of("", count=0)).proxies == ()


def test_one_name_repeated_is_one_credential():
    """C-072"""
    batch = read(batch_of("h:1:same:p\nh:1:same:p\nh:1:other:p"))
    assert [proxy.username for proxy in batch.proxies] == ["same", "other"]
    assert batch.count == 3


@pytest.mark.parametrize("changes", [{"country": None}, {"country": ""}])
def test_a_country_nobody_chose_comes_in_three_forms(changes):
    """C-038"""
    assert read(batch_of("h:1:u:p") | changes).country == ""
    without = batch_of("h:1:u:p")
    del without["country"]
    assert read(without).country == ""


def test_demo_credentials_come_back_marked():
    """C-068"""
    assert read(batch_of("h:1:u:p", is_demo=True)).is_demo


def test_no_password_can_be_read_off_an_error_or_a_value():
    batch = read(batch_of("h:1:u:hunter2"))
    assert "hunter2" not in repr(batch)
    with pytest.raises(ResponseError) as caught:
        read(batch_of("h:x:u:hunter2"))
    assert "hunter2" not in str(caught.value)


WORDS = st.text(st.characters(codec="ascii", exclude_characters="\r\n", categories=["L", "N", "P"]))


@given(
    username=WORDS.filter(lambda word: word and ":" not in word),
    password=WORDS,
    port=st.integers(1, 65_535),
)
def test_hostile_passwords_survive_all_three_formats(username, password, port):
    """C-063"""
    expected = Proxy("gw.example", port, username, Secret(password))
    documents = [
        batch_of(f"gw.example:{port}:{username}:{password}"),
        batch_of(f"{username}:{password}@gw.example:{port}", "userpass"),
        batch_of(
            [{"host": "gw.example", "port": port, "username": username, "password": password}],
            "json",
        ),
    ]
    for document in documents:
        assert read(document).proxies == (expected,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
USAGE = {"top_domains": [{"domain": "a.example", "bytes": 1, "requests": 1}]}
DOCUMENTS = [
    (parsing.discovery, POOLS),
    (parsing.balance, {"balances": {"shop": 1.5}}),
    (parsing.usage, USAGE),
    (parsing.account, ACCOUNT),
    (read, batch_of([ENTRY], "json")),
    (read, batch_of("h:1:u:p")),
]


def spoilt(document, path, value):
    """The document with whatever is at that path (a list of choices) replaced."""
    if not path or not document or not isinstance(document, dict | list):
        return value
    first, *rest = path
    if isinstance(document, list):
        at = first % len(document)
        return [spoilt(e, rest, value) if n == at else e for n, e in enumerate(document)]
    name = sorted(document)[first % len(document)]
    return document | {name: spoilt(document[name], rest, value)}


@given(st.sampled_from(DOCUMENTS), st.lists(st.integers(0, 9), min_size=1, max_size=4), JSON)
def test_any_spoilt_document_is_a_model_or_an_error(pair, path, value):
    """C-147"""
    read, document = pair
    with contextlib.suppress(ResponseError):
        assert read(spoilt(document, path, value)) is not None
