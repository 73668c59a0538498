"""Bytes and GB, seconds and what people read."""

import pytest

from rf_core.units import (
    BALANCE_QUANTUM,
    GIGABYTE,
    format_bytes,
    format_rate,
    format_seconds,
    gigabytes_to_bytes,
)


def test_a_gb_is_two_to_the_thirty():
    """C-092"""
    assert gigabytes_to_bytes(1) == GIGABYTE == 2**30
    assert gigabytes_to_bytes(0.0001) == pytest.approx(BALANCE_QUANTUM, abs=1)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.0 kB"),
        (14_541, "14.2 kB"),
        (3_638_558, "3.47 MB"),
        (1_325_457_408, "1.2344 GB"),
        (-322_123, "-314.6 kB"),
    ],
)
def test_bytes_are_printed_for_people(count, text):
    assert format_bytes(count) == text


def test_a_rate_is_bytes_a_second():
    assert format_rate(2_048) == "2.0 kB/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (3.21, "3.2 s"),
        (42, "42 s"),
        (245, "4 min 05 s"),
        (7_620, "2 h 07 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_durations_are_printed_in_their_two_largest_units(seconds, text):
    assert format_seconds(seconds) == text
