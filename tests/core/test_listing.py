"""Inventories as text, in the formats people paste."""

import json
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.errors import OrderError
from rf_core.harvest import read_batch
from rf_core.inventory import Inventory
from rf_core.listing import FORMATS, write
from rf_core.models import Proxy
from rf_core.redaction import Secret

WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)
PROXIES = st.lists(
    st.builds(
        Proxy,
        host=st.sampled_from(["gw.example", "127.0.0.1"]),
        port=st.integers(1, 65_535),
        username=WORDS.filter(lambda word: ":" not in word) | st.just("plain-1"),
        password=(WORDS | st.just("plain-2")).map(Secret),
    ),
    max_size=6,
)
SIX = Proxy("2001:db8::1", 8000, "u", Secret("p"))


def lines_of(proxies, name):
    return [line for piece in write(Inventory.of(proxies), name) for line in piece]


@given(PROXIES, st.sampled_from(["list", "userpass", "json"]))
def test_what_is_written_is_read_again(proxies, name):
    """C-062 C-063: whatever the passwords hold."""
    lines = lines_of(proxies, name)
    value = [json.loads(line) for line in lines] if name == "json" else "\n".join(lines)
    facts = {"count": len(lines), "is_demo": False, "pool": "shop", "format": name}
    delivery = read_batch(json.dumps({"proxies": value} | facts).encode())
    assert delivery.proxies == Inventory.of(proxies)


@given(PROXIES)
def test_a_url_is_that_of_the_proxy_and_gives_both_words_back(proxies):
    """C-075"""
    lines = lines_of(proxies, "url")
    assert lines == [proxy.url for proxy in proxies]
    for line, proxy in zip(lines, proxies, strict=True):
        parts = urlsplit(line)
        assert (unquote(parts.username), unquote(parts.password or "")) == (
            proxy.username,
            proxy.password.reveal(),
        )
        assert (parts.hostname, parts.port) == (proxy.host, proxy.port)


def test_an_address_of_six_is_put_into_brackets_where_that_is_known():
    assert lines_of([SIX], "userpass") == ["u:p@[2001:db8::1]:8000"]
    assert lines_of([SIX], "url") == ["http://u:p@[2001:db8::1]:8000"]


@pytest.mark.parametrize(
    ("proxy", "name"),
    [
        (SIX, "list"),
        (Proxy("h", 1, "a:b", Secret("p")), "list"),
        (Proxy("h", 1, "a:b", Secret("p")), "userpass"),
    ],
)
def test_what_would_be_misread_is_refused(proxy, name):
    """C-063"""
    with pytest.raises(OrderError, match="json or url"):
        lines_of([proxy], name)
    assert lines_of([proxy], "json")


def test_a_large_inventory_comes_in_small_pieces():
    inventory = Inventory.of(Proxy("h", 1, f"u{n}", Secret("p")) for n in range(2_000))
    for name in FORMATS:
        pieces = list(write(inventory, name))
        assert sum(map(len, pieces)) == 2_000
        assert max(map(len, pieces)) < 1_000
