"""The head of an answer to CONNECT, whatever somebody writes into it."""

import pytest

from rf_core.io.relay.wire import parse_head


@pytest.mark.parametrize(
    ("length", "known"),
    [(b"12", 12), (b"0", 0), (b"", 0), (b"-5", 0), (b"x", 0), (b"9" * 19, 0), (b"9" * 9_000, 0)],
)
def test_an_absurd_length_is_none(length, known):
    head = parse_head(b"HTTP/1.1 407 no\r\nContent-Length: " + length)
    assert head is not None
    assert head.body_bytes == known


@pytest.mark.parametrize("status", [b"", b"20", b"2000", b"x07", b"4" * 9_000])
def test_a_status_has_three_digits(status):
    assert parse_head(b"HTTP/1.1 " + status + b" no\r\n") is None
