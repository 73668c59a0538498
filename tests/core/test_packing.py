"""Ledgers as bytes: what is not whole is told from what is."""

import struct
import zlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.governor import Window
from rf_core.ledger import Ledger
from rf_core.packing import DamagedError, pack, unpack
from rf_core.turns import Waiter

NOW = 1_000.0
LEDGER = Ledger(
    Window(20, foreign=1.5, foreign_until=1_010.0, granted_at=999.0),
    array("d", [1_001.0, 1_061.0]),
    array("Q", [7 << 19 | 1, 2**64 - 1]),
    [Waiter(0, 998.5, 2**45 - 1, 1_003.0), Waiter(2, 990.0, 5, 1_001.0)],
    [b"crawl books", "ü".encode()],
)


def test_everything_comes_back():
    assert unpack(pack(LEDGER), NOW) == LEDGER
    assert unpack(pack(Ledger(Window(1))), NOW) == Ledger(Window(1))


@given(packed=st.binary(max_size=400))
def test_any_other_bytes_are_damage(packed):
    with pytest.raises(DamagedError):
        unpack(packed, NOW)


@given(data=st.data())
def test_one_changed_byte_is_damage(data):
    packed = bytearray(pack(LEDGER))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedError):
        unpack(bytes(packed), NOW)


@given(body=st.binary(min_size=120, max_size=400))
def test_bytes_with_a_right_checksum_are_damage_or_a_ledger(body):
    packed = body + struct.pack("<I", zlib.crc32(body))
    try:
        ledger = unpack(packed, NOW)
    except DamagedError:
        return
    assert len(ledger.ends) == len(ledger.tags)


@pytest.mark.parametrize(
    "figures",
    [
        {"granted_at": 1_002.0},
        {"granted_at": float("nan")},
        {"hold_until": 1e9},
        {"foreign_until": float("inf")},
        {"limit": 0},
        {"seconds": 0.0},
    ],
)
def test_figures_of_another_time_are_damage(figures):
    ledger = Ledger(LEDGER.window._replace(**figures))
    with pytest.raises(DamagedError):
        unpack(pack(ledger), NOW)


def test_slots_that_end_in_another_time_are_damage():
    with pytest.raises(DamagedError):
        unpack(pack(Ledger(Window(1), array("d", [1e6]), array("Q", [1]))), NOW)
