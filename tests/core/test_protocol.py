"""What goes out and what an answer means, by the rows of the contract."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core import protocol
from rf_core.errors import (
    AccountDisabledError,
    ApiError,
    InsufficientScopeError,
    InternalError,
    InvalidRequestError,
    PoolNotAvailableError,
    RateLimitedError,
    ResiFactoryError,
    ResponseError,
    UnauthorizedError,
)
from rf_core.models import Order
from rf_core.protocol import Answer, RateHeaders
from rf_core.redaction import Secret

KEY = Secret("rf_live_0123456789abcdefghij")
NOW = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"  # NOW


def answer(status=200, body=b"{}", **headers):
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def refusal(status, code, message="", **headers):
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return answer(status, body, **headers)


def read(given_answer, call=None):
    return protocol.read(given_answer, call or protocol.me(), now=NOW)


def body_of(order, **options):
    return json.loads(protocol.proxies(order, **options).body)


# Requests


def test_a_request_is_camel_case_and_says_everything_that_has_a_surprising_default():
    """C-032 C-033 C-039 C-043"""
    assert body_of(Order()) == {"proxyType": "rotating", "quantity": 1, "format": "json"}
    assert body_of(
        Order("shop", "us", "CA", "sticky", session_minutes=30, quantity=7), answer_format="list"
    ) == {
        "pool": "shop",
        "country": "us",
        "state": "CA",
        "proxyType": "sticky",
        "sessionDuration": 30,
        "quantity": 7,
        "format": "list",
    }


@pytest.mark.parametrize("proxy_type", ["rotating", "mobile_rotating"])
def test_a_session_length_is_not_sent_for_rotating_types(proxy_type):
    """C-045"""
    assert "sessionDuration" not in body_of(Order(proxy_type=proxy_type, session_minutes=99_999))


def test_a_type_nobody_knows_yet_is_sent_as_it_is():
    """C-041: an open enumeration"""
    assert body_of(Order(proxy_type="satellite"))["proxyType"] == "satellite"


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_usage_limit_out_of_range_is_refused_before_it_is_sent(limit):
    """C-095"""
    with pytest.raises(ValueError, match="1 to 100"):
        protocol.usage(limit)


@pytest.mark.parametrize("base", ["https://h/api/v1", "https://h/api/v1/"])
@pytest.mark.parametrize("path", ["me", "/me"])
def test_urls_join_whether_or_not_there_is_a_slash(base, path):
    """C-001"""
    assert protocol.join_url(base, path) == "https://h/api/v1/me"


def test_headers_carry_the_key_once_and_say_who_asks():
    """C-006 C-008 C-078 C-153"""
    headers = protocol.request_headers(KEY, version="1.2.3", body=True)
    assert headers["Authorization"] == f"Bearer {KEY.reveal()}"
    assert headers["User-Agent"] == "resifactory-toolkit/1.2.3 api=v1"
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept-Encoding"] == "gzip"
    assert "Content-Type" not in protocol.request_headers(KEY, version="1.2.3", body=False)


def test_each_call_counts_in_its_own_group():
    """C-121 C-133"""
    reads = [protocol.me(), protocol.pools(), protocol.balance(), protocol.usage(5)]
    assert {call.group for call in reads} == {"reads"}
    assert protocol.proxies(Order()).group == "generate"


# Answers

HOSTILE = [b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b"[" * 100_000]
"""What lenient decoders let through, for a later step to trip over."""


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "unauthorized", UnauthorizedError),
        (403, "account_disabled", AccountDisabledError),
        (403, "insufficient_scope", InsufficientScopeError),
        (404, "pool_not_available", PoolNotAvailableError),
        (400, "invalid_request", InvalidRequestError),
        (429, "rate_limited", RateLimitedError),
        (500, "internal_error", InternalError),
    ],
)
def test_every_documented_code_is_a_class_of_its_own(status, code, kind):
    """C-143 C-131 C-141"""
    with pytest.raises(kind) as caught:
        read(refusal(status, code))
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, UnauthorizedError),
        (403, ApiError),
        (409, ApiError),
        (418, ApiError),
        (429, RateLimitedError),
        (503, InternalError),
    ],
)
def test_an_unknown_code_becomes_a_class_by_status_and_keeps_its_name(status, kind):
    """C-142"""
    with pytest.raises(ApiError) as caught:
        read(refusal(status, "teapot_mode"))
    assert type(caught.value) is kind
    assert caught.value.code == "teapot_mode"


def test_the_scope_comes_from_our_own_table_and_never_from_the_message():
    """C-018 C-144"""
    with pytest.raises(InsufficientScopeError) as caught:
        read(refusal(403, "insufficient_scope", "needs dancing:write"), protocol.balance())
    assert caught.value.scope == "usage:read"


def test_an_object_with_error_is_an_error_whatever_its_status():
    """C-007"""
    with pytest.raises(ApiError):
        read(refusal(200, "internal_error"))


@pytest.mark.parametrize(
    "body", [b"", b"<html>502 Bad Gateway</html>", b'{"error": "text"}', b"[]"]
)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_edge_proxy_in_trouble_is_the_servers_trouble(status, body):
    """C-146 C-150"""
    with pytest.raises(InternalError):
        read(answer(status, body))


@pytest.mark.parametrize(
    "body", [b"", b"<html>hi</html>", b"[1]", b'"x"', b'{"a": ', b"\xff\xfe", *HOSTILE]
)
def test_a_success_that_is_no_json_object_is_named_as_such(body):
    """C-007 C-146"""
    with pytest.raises(ResponseError) as caught:
        read(answer(200, body))
    assert caught.value.path == "$"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_an_error_that_says_why(status):
    """C-003"""
    with pytest.raises(ResponseError, match="never followed"):
        read(answer(status, b"", location="https://evil.example/"))


def test_what_still_holds_is_an_answer_only_to_whoever_asked_that():
    """C-103"""
    headers = protocol.request_headers(KEY, version="1.0", body=False, etag='"v1"')
    assert headers["If-None-Match"] == '"v1"'
    assert read(answer(304, b""), protocol.pools('"v1"')) == {}
    with pytest.raises(ResponseError, match="304"):
        read(answer(304, b""), protocol.pools())


def test_a_bare_404_is_no_claim_about_pools():
    """C-150"""
    with pytest.raises(ApiError) as caught:
        read(answer(404, b"Not Found"))
    assert type(caught.value) is ApiError


def test_what_the_server_calls_the_request_is_kept():
    """C-151"""
    with pytest.raises(ApiError) as caught:
        read(refusal(500, "internal_error", x_request_id="req-7\x1b[31m"))
    assert caught.value.request_id.startswith("req-7")
    assert "\x1b" not in caught.value.request_id


def test_a_key_in_a_servers_message_is_not_repeated():
    with pytest.raises(ApiError) as caught:
        read(refusal(400, "invalid_request", f"bad header Bearer {KEY.reveal()}"))
    assert KEY.reveal() not in str(caught.value)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_any_answer_is_an_object_or_one_of_our_errors(status, body):
    """C-007 C-146"""
    with contextlib.suppress(ResiFactoryError):
        assert isinstance(read(answer(status, body)), dict)


# Rate-limit headers


@pytest.mark.parametrize(
    "reset",
    ["1700000037", "1700000037000", "37", "37.0"],
    ids=["epoch seconds", "epoch milliseconds", "delta", "fraction"],
)
def test_reset_is_understood_in_every_form(reset):
    """C-124"""
    headers = protocol.rate_headers(
        answer(ratelimit_limit="20", ratelimit_remaining="3", ratelimit_reset=reset, date=DATE)
    )
    assert headers == RateHeaders(20, 3, 37.0)


@pytest.mark.parametrize(("reset", "seconds"), [("1700000999", 120.0), ("1699999000", 0.0)])
def test_reset_is_kept_within_reason(reset, seconds):
    """C-124"""
    headers = protocol.rate_headers(answer(ratelimit_reset=reset, date=DATE))
    assert headers.reset_seconds == seconds


def test_a_reset_without_a_date_is_not_compared_with_our_own_clock():
    """C-124"""
    assert protocol.rate_headers(answer(ratelimit_reset="1700000037")).reset_seconds is None


@pytest.mark.parametrize("garbage", ["", "abc", "-1", "1e999", "nan", "20;w=60", "9" * 40])
def test_garbage_in_headers_is_absence(garbage):
    """C-122"""
    headers = protocol.rate_headers(
        answer(ratelimit_limit=garbage, ratelimit_remaining=garbage, ratelimit_reset=garbage)
    )
    assert (headers.limit, headers.remaining) == (None, None)
    assert headers.reset_seconds in {None, 0.0, 120.0}


def test_errors_carry_window_headers_too():
    """C-122"""
    limited = refusal(429, "rate_limited", ratelimit_limit="20", ratelimit_remaining="0")
    assert protocol.rate_headers(limited) == RateHeaders(20, 0, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_a_fraction_or_a_date_by_the_servers_clock(value, seconds):
    """C-126: our clock is an hour off here, and it does not matter."""
    limited = answer(429, retry_after=value, date=DATE)
    assert protocol.retry_after(limited, now=NOW + 3_600) == seconds
