"""Who refused, why, and what follows."""

import pytest

from rf_core.refusals import (
    Cause,
    Refusals,
    cause_of,
    is_billed,
    is_gateways_own,
    lower_names,
)


@pytest.mark.parametrize(
    ("status", "headers", "cause"),
    [
        (407, {}, Cause.AUTH),
        (407, {"x-error": "traffic limit reached"}, Cause.EXHAUSTED),
        (407, {"proxy-status": 'gw; error=proxy_internal; details="no balance"'}, Cause.EXHAUSTED),
        (402, {}, Cause.EXHAUSTED),
        (452, {}, Cause.EXHAUSTED),
        (509, {}, Cause.EXHAUSTED),
        (403, {}, Cause.BLOCKED),
        (429, {}, Cause.LIMITED),
        (502, {}, Cause.DROPPED),
        (503, {}, Cause.NO_EXIT),
        (504, {}, Cause.TIMEOUT),
        (522, {}, Cause.TIMEOUT),
        (525, {}, Cause.NO_EXIT),
        (418, {}, Cause.OTHER),
        (407, {"proxy-status": 'gw; details="demo credentials do not work"'}, Cause.DEMO),
        (403, {"proxy-status": 'gw; details="demo credentials do not work"'}, Cause.DEMO),
        (403, {"x-error": "balance exhausted"}, Cause.EXHAUSTED),
        (403, {"x-error": "host not allowed"}, Cause.BLOCKED),
        (502, {"proxy-status": "gw; error=dns_error"}, Cause.NO_NAME),
        (504, {"proxy-status": "gw; error=dns_timeout"}, Cause.NO_NAME),
        (502, {"proxy-status": "gw; error=destination_unavailable"}, Cause.DROPPED),
        (407, {"proxy-status": "gw; error=dns_error"}, Cause.AUTH),
    ],
)
def test_statuses_of_many_providers_name_one_cause(status, headers, cause):
    """C-070 C-168, C-169: the same trouble has many statuses."""
    assert cause_of(status, headers) is cause


@pytest.mark.parametrize(
    ("status", "headers", "own"),
    [
        (407, {}, True),
        (429, {}, False),
        (429, {"proxy-status": "gw; error=connection_limit_reached"}, True),
        (402, {"proxy-authenticate": "Basic"}, True),
        (503, {"retry-after": "3"}, False),
        (200, {"proxy-status": "cdn; error=none"}, False),
    ],
)
def test_only_an_answer_that_says_so_is_the_gateways_own(status, headers, own):
    """C-172, RFC 9209: on plain http the site's own 429 must stay the site's."""
    assert is_gateways_own(status, headers) is own


def test_the_gateways_own_4xx_are_free_and_its_5xx_are_not():
    """C-167"""
    assert not is_billed(407)
    assert is_billed(502)


@pytest.mark.parametrize(
    "text", ["Could not open CONNECT tunnel [{'reason': b'relay-failure=1'}]", "1", " 1 "]
)
def test_a_token_in_any_text_finds_the_record_once(text):
    refusals = Refusals()
    refusal = refusals.add(lane=3, handle="ab", target="a:443", status=407, cause=Cause.AUTH)
    assert refusals.take(text, lane=3, target="a:443") == refusal
    assert refusals.take(text, lane=3, target="a:443") is None


@pytest.mark.parametrize("text", ["relay-failure=999", "connection refused", "", "-1", "1e3"])
def test_a_text_without_a_known_token_finds_nothing(text):
    refusals = Refusals()
    refusals.add(lane=3, handle="ab", target="a:443", status=407, cause=Cause.AUTH)
    assert refusals.take(text, lane=3, target="a:443") is None


def test_a_target_cannot_speak_for_the_gateway_with_somebody_elses_token():
    refusals = Refusals()
    refusals.add(lane=3, handle="ab", target="a:443", status=402, cause=Cause.EXHAUSTED)
    assert refusals.take("1", lane=3, target="evil:80") is None
    assert refusals.take("1", lane=4, target="a:443") is None


def test_old_records_make_room():
    refusals = Refusals()
    for _ in range(5_000):
        last = refusals.add(lane=0, handle="", target="a:1", status=502, cause=Cause.DROPPED)
    assert refusals.take("1", lane=0, target="a:1") is None
    assert refusals.take(str(last.token), lane=0, target="a:1") == last


def test_repeated_headers_are_joined():
    assert lower_names([(b"Via", b"1"), (b"VIA", b" 2 ")]) == {"via": "1, 2"}
