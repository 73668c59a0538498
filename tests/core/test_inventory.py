"""A quarter of a million credentials as one piece of memory."""

import copy
import gc
import pickle
import tracemalloc
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.inventory import SLICE_LINES, Inventory
from rf_core.models import Proxy
from rf_core.redaction import Secret

WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12)
PROXIES = st.builds(
    Proxy,
    host=st.sampled_from(["gw.example", "127.0.0.1", "2001:db8::1"]),
    port=st.integers(1, 65_535),
    username=WORDS,
    password=WORDS.map(Secret),
)


def proxy(number, password="hunter2"):
    return Proxy("gw.example", 8000, f"user-{number}", Secret(password))


def many(count):
    return Inventory.of(proxy(number) for number in range(count))


@given(st.lists(PROXIES, max_size=20))
def test_it_is_a_sequence_of_the_proxies_it_was_made_of(proxies):
    """C-063: whatever their names and passwords hold."""
    inventory = Inventory.of(proxies)
    assert list(inventory) == proxies
    assert len(inventory) == len(proxies)
    assert [inventory[n] for n in range(-len(proxies), len(proxies))] == proxies * 2
    assert list(reversed(inventory)) == proxies[::-1]


@given(st.lists(PROXIES, max_size=20), st.slices(20))
def test_a_slice_is_what_the_slice_of_a_list_would_be(proxies, part):
    inventory = Inventory.of(proxies)[part]
    assert list(inventory) == proxies[part]
    assert inventory == Inventory.of(proxies[part])
    assert b"".join(inventory.pieces()) == b"".join(Inventory.of(proxies[part]).pieces())
    assert list(inventory[::-1][1:]) == proxies[part][::-1][1:]


def test_a_slice_copies_nothing():
    inventory = many(10_000)
    gc.collect()
    tracemalloc.start()
    half = inventory[:5_000]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(half) == 5_000
    assert half.blob_bytes == inventory.blob_bytes
    assert peak < 2_000


def test_an_index_beyond_the_end_is_an_index_error():
    with pytest.raises(IndexError):
        many(3)[3]
    with pytest.raises(IndexError):
        Inventory()[0]


def test_it_equals_another_with_the_same_credentials_and_nothing_else():
    assert many(3) == many(3)
    assert many(3) != many(4)
    assert many(4)[1:] != many(3)
    assert many(1) != [proxy(0)]
    with pytest.raises(TypeError, match="unhashable"):
        hash(many(1))


@given(st.lists(st.integers(0, 5), max_size=30))
def test_repeats_are_left_out_and_the_order_stays(numbers):
    """C-072"""
    inventory = Inventory.of(proxy(number) for number in numbers)
    kept = list(dict.fromkeys(numbers))
    assert inventory.unique_count == len(kept)
    assert [one.username for one in inventory.distinct()] == [f"user-{number}" for number in kept]
    assert inventory.distinct().unique_count == len(kept)


def test_without_repeats_there_is_nothing_to_leave_out():
    inventory = many(5)
    assert inventory.distinct() is inventory


def test_the_same_name_with_another_password_is_another_credential():
    assert Inventory.of([proxy(1, "a"), proxy(1, "b")]).unique_count == 2


def test_pieces_are_raw_lines_some_hundred_at_once():
    inventory = many(SLICE_LINES * 2 + 1)
    pieces = list(inventory.pieces())
    assert len(pieces) == 3
    assert b"".join(pieces).count(b"\n") == len(inventory)
    assert b"".join(pieces).splitlines() == list(inventory.lines())
    assert list(inventory.lines(1, 3)) == list(inventory[1:3].lines())


def test_it_shows_no_secret_and_is_not_pickled_by_accident():
    inventory = many(2)
    assert repr(inventory) == "<Inventory 2 proxies>"
    assert "hunter2" not in f"{inventory} {inventory[0]!r} {inventory[:1]}"
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(inventory)
    assert copy.copy(inventory) is inventory
    assert copy.deepcopy(inventory) is inventory


def test_a_proxy_of_it_is_frozen_like_any_other():
    one = many(1)[0]
    assert one == proxy(0)
    assert hash(one) == hash(proxy(0))
    with pytest.raises(FrozenInstanceError):
        one.port = 1


@pytest.mark.parametrize("field", ["host", "username"])
@pytest.mark.parametrize("bad", ["a\tb", "a\nb", "a\rb", "\x00", "\x7f"])
def test_a_control_character_is_in_no_credential(field, bad):
    fields = {"host": "h", "port": 1, "username": "u", "password": Secret("p")} | {field: bad}
    with pytest.raises(ValueError, match="control character"):
        Inventory.of([Proxy(**fields)])
