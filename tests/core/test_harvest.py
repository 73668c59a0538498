"""An answer to an order, read while it comes: cut anywhere, in any format."""

import json
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.errors import ResponseError
from rf_core.harvest import Harvest, read_batch
from rf_core.inventory import Inventory
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_core.scanning import LONGEST_PART

WORDS = st.text(
    st.characters(
        codec="utf-8", categories=["L", "N", "P", "S"], include_characters='":@\\/%#{}[],'
    ),
    max_size=10,
)
PROXIES = st.lists(
    st.builds(
        Proxy,
        host=st.just("gw.example"),
        port=st.integers(1, 65_535),
        username=WORDS.map(lambda word: word.replace(":", "")),
        password=WORDS.map(Secret),
    ),
    max_size=6,
)
ADDED = st.dictionaries(
    st.text(max_size=6).map(lambda name: f"new {name}"),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


def fields_of(proxy):
    return proxy.host, proxy.port, proxy.username, proxy.password.reveal()


def entry(proxy):
    host, port, username, password = fields_of(proxy)
    return {"host": host, "port": port, "username": username, "password": password}


def facts_of(count, answer_format, **changes):
    facts = {"count": count, "country": "us", "is_demo": False, "pool": "shop"}
    return facts | {"format": answer_format} | changes


def value_of(proxies, answer_format, end="\n"):
    match answer_format:
        case "json":
            return [entry(proxy) for proxy in proxies]
        case "list":
            return end.join("{}:{}:{}:{}".format(*fields_of(proxy)) for proxy in proxies)
        case _:
            return end.join("{2}:{3}@{0}:{1}".format(*fields_of(proxy)) for proxy in proxies)


def fed(answer, cuts=()):
    """Feed it in pieces that end at these places."""
    harvest = Harvest()
    edges = [0, *sorted({cut % (len(answer) + 1) for cut in cuts}), len(answer)]
    for start, stop in pairwise(edges):
        harvest.feed(answer[start:stop])
    document = msgspec.json.decode(harvest.close())
    for _ in harvest.settle(document):
        pass
    return harvest.delivery(document)


FORMATS = st.sampled_from(["list", "userpass", "json"])
WRITTEN = st.tuples(st.booleans(), st.sampled_from(["\n", "\r\n"]))
CUTS = st.lists(st.integers(0, 5_000), max_size=12)


@given(PROXIES, FORMATS, st.tuples(ADDED, ADDED), CUTS, WRITTEN)
def test_wherever_it_is_cut_it_is_read_the_same(proxies, answer_format, added, cuts, written):
    """C-061 C-062 C-063 C-147: with fields that a newer server adds, on either side."""
    (before, after), (ascii_only, end) = added, written
    value = value_of(proxies, answer_format, end)
    document = before | {"proxies": value} | facts_of(len(proxies), answer_format) | after
    delivery = fed(json.dumps(document, ensure_ascii=ascii_only).encode(), cuts)
    assert delivery.proxies == Inventory.of(proxies)
    assert delivery.facts.count == len(proxies)
    assert delivery.facts.extra == before | after


@given(PROXIES.filter(bool), ADDED, CUTS)
def test_entries_may_hold_more_than_is_documented(proxies, added, cuts):
    """C-147"""
    value = [entry(proxy) | added for proxy in proxies]
    answer = json.dumps({"proxies": value} | facts_of(len(value), "json"), indent=1).encode()
    assert fed(answer, cuts).proxies == Inventory.of(proxies)


def test_a_byte_at_a_time_is_enough():
    proxies = [Proxy("h", 1, "u\u00e9\U0001f600", Secret('p"\\:@,{}[]')) for _ in range(3)]
    for answer_format in ("list", "userpass", "json"):
        document = {"proxies": value_of(proxies, answer_format)} | facts_of(3, answer_format)
        answer = json.dumps(document).encode()
        assert fed(answer, range(len(answer))).proxies == Inventory.of(proxies)


def test_line_ends_may_be_written_as_code_points():
    answer = json.dumps({"proxies": "X"} | facts_of(2, "list"))
    answer = answer.replace("X", "h:1:u:p\\u000Ah:1:v:p\\u000d\\u000a").encode()
    for cut in range(len(answer)):
        assert [one.username for one in fed(answer, [cut]).proxies] == ["u", "v"]


def test_an_address_of_six_is_an_address():
    (one,) = read_batch(
        json.dumps({"proxies": "u:p@[2001:db8::1]:8000"} | facts_of(1, "userpass")).encode()
    ).proxies
    assert (one.host, one.port) == ("2001:db8::1", 8000)


@pytest.mark.parametrize(
    ("value", "answer_format", "path"),
    [
        (["x"], "json", "$.proxies[0]"),
        ([{"host": "h"}], "json", "$.proxies[0].username"),
        ([{"host": "h", "port": 1, "username": "u", "password": "\x00"}], "json", ".password"),
        ([{"host": "a/b", "port": 1, "username": "u", "password": "p"}], "json", ".host"),
        ([{"host": "h", "port": True, "username": "u", "password": "p"}], "json", ".port"),
        (
            [{"host": "h", "port": 1, "username": "u", "password": "[email protected]"}],
            "json",
            "[0]",
        ),
        ("h:1:u:p\nh:1:u", "list", "$.proxies line 2"),
        ("h:1:u:p\nh:0:u:p", "list", "line 2.port"),
        ("h:1:u:p\n\nh h:1:u:p", "list", "line 3.host"),
        ("h:1:u\tx:p", "list", "line 1.username"),
        ("u:p@h:1\nu:p-h:1", "userpass", "line 2"),
        ("u:p@h:1\nuser:[email protected]:8000", "userpass", "line 2"),
        (None, "json", "$.proxies"),
        ({}, "json", "$.proxies"),
        (7, "json", "$.proxies"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_place(value, answer_format, path):
    """C-064 C-066: and never by its password."""
    count = len(value) if isinstance(value, list) else 2
    with pytest.raises(ResponseError) as caught:
        read_batch(json.dumps({"proxies": value} | facts_of(count, answer_format)).encode())
    assert path in caught.value.path
    assert "secret" not in str(caught.value)


def test_an_oddity_far_into_a_large_answer_has_its_own_number():
    proxies = [Proxy("h", 1, f"u{number}", Secret("p")) for number in range(5_000)]
    for answer_format, path in (
        ("list", "$.proxies line 4001.port"),
        ("json", "$.proxies[4000].port"),
    ):
        value = value_of([*proxies[:4_000], Proxy("h", 0, "u", Secret("p"))], answer_format)
        answer = json.dumps({"proxies": value} | facts_of(4_001, answer_format)).encode()
        with pytest.raises(ResponseError) as caught:
            read_batch(answer)
        assert caught.value.path == path


BATCH = json.dumps({"proxies": [entry(Proxy("h", 1, "u", Secret("p")))] * 3} | facts_of(3, "json"))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[1]",
        b'"proxies"',
        b"<html>",
        BATCH[:-1].encode(),
        BATCH[:90].encode(),
        BATCH.replace("}, {", "} {").encode(),
        BATCH.replace("[{", "[,{").encode(),
        BATCH.replace("}]", "},]").encode(),
        BATCH.replace('"u"', '"\\ud800"').encode(),
        b'{"proxies": "h:1:u:p\nh:1:u:p"}',
        b'{"proxies": "h:1:u:\\x"}',
        b'{"proxies": "h:1:u:p',
        b'{"proxies": "h:1:u:\xff"}',
        BATCH.replace('"u"', '"\xff"').encode("latin-1"),
    ],
)
def test_what_is_no_json_object_is_said_to_be_none(answer):
    """C-007 C-146"""
    with pytest.raises(ResponseError) as caught:
        read_batch(answer)
    assert caught.value.path == "$"


def test_a_second_list_of_proxies_is_not_passed_over():
    answer = BATCH.replace('"count"', '"proxies": [], "count"').encode()
    with pytest.raises(ResponseError, match="proxies"):
        read_batch(answer)


def test_memory_stays_bounded_by_what_no_honest_answer_holds():
    """C-077"""
    for start in (b'{"proxies":"', b'{"proxies":[{"host":"', b'{"x":"'):
        harvest = Harvest()
        harvest.feed(start)
        for _ in range(3 * LONGEST_PART // 65_536):
            harvest.feed(b"x" * 65_536)
        assert harvest.close() == b""


def test_a_second_attempt_begins_anew():
    harvest = Harvest()
    harvest.feed(BATCH[:90].encode())
    harvest.begin()
    harvest.feed(BATCH.encode())
    assert harvest.count == 3
    assert repr(harvest) == "<Harvest 3 proxies>"
    document = msgspec.json.decode(harvest.close())
    assert len(harvest.delivery(document).proxies) == 3
