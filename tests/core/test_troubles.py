"""What is wrong, in words, with the way out."""

import pytest

from rf_core.errors import (
    AccountDisabledError,
    DeadlineError,
    InsufficientScopeError,
    InternalError,
    InvalidRequestError,
    RateLimitedError,
    ResponseError,
    StateError,
    TransportError,
    UnauthorizedError,
)
from rf_core.troubles import FINDINGS, Trouble, cured, findings, merged, trouble_of

NOW = 1_000.0


def say(*troubles, balance_at=None):
    return findings(troubles, now=NOW, key="rf_live_…x7kQ", balance_at=balance_at)


@pytest.mark.parametrize(
    ("error", "code", "about"),
    [
        (UnauthorizedError("", status=401), "key_refused", ""),
        (AccountDisabledError("", status=403), "account_disabled", ""),
        (InsufficientScopeError("", status=403, scope="usage:read"), "scope_missing", "usage:read"),
        (RateLimitedError("", status=429, group="reads"), "rate_limited", ""),
        (DeadlineError(""), "rate_limited", ""),
        (TransportError("no route"), "api_unreachable", ""),
        (InternalError("", status=502), "api_failing", ""),
        (ResponseError("", status=200), "api_unclear", "usage"),
        (InvalidRequestError("", status=400), "api_unclear", "usage"),
        (StateError("full"), "state_unusable", ""),
    ],
)
def test_every_error_of_a_call_has_a_name(error, code, about):
    trouble = trouble_of(error, "usage", now=NOW)
    assert (trouble.code, trouble.about) == (code, about)


@pytest.mark.parametrize("code", FINDINGS)
def test_every_finding_is_a_whole_sentence(code):
    (finding,) = say(Trouble(code, 900, about="thing", detail="It broke."), balance_at=940)
    assert finding.text.endswith(".")
    assert "{" not in finding.text
    assert finding.since == 900


def test_the_key_is_named_by_its_mask():
    assert "rf_live_…x7kQ" in say(Trouble("key_refused", NOW))[0].text


def test_an_outage_says_how_old_the_data_is_by_now():
    unreachable = Trouble("api_unreachable", 900, detail="No route.")
    assert "1 min 00 s old" in say(unreachable, balance_at=940)[0].text
    assert "Nothing has been read yet" in say(unreachable)[0].text


def test_the_most_serious_comes_first():
    said = say(
        Trouble("settings", NOW, detail="x."),
        Trouble("clock_skew", NOW),
        Trouble("key_refused", NOW),
    )
    assert [finding.severity for finding in said] == ["error", "warning", "info"]


def test_a_trouble_that_was_known_keeps_the_time_it_began():
    known = merged((), Trouble("api_unreachable", 100, detail="first"))
    assert merged(known, Trouble("api_unreachable", 200, detail="second")) == (
        Trouble("api_unreachable", 100, detail="second"),
    )


def test_a_good_answer_disproves_an_outage_and_nothing_about_other_parts():
    known = (
        Trouble("api_unreachable", 1),
        Trouble("scope_missing", 1, about="usage:read"),
        Trouble("scope_missing", 1, about="pools:read"),
        Trouble("api_unclear", 1, about="usage"),
        Trouble("api_unclear", 1, about="balance"),
    )
    assert [(t.code, t.about) for t in cured(known, "balance")] == [
        ("scope_missing", "pools:read"),
        ("api_unclear", "usage"),
    ]
    assert [t.about for t in cured(known, "account") if t.code == "scope_missing"] == [
        "usage:read",
        "pools:read",
    ]


def test_a_strangers_text_cannot_write_on_the_terminal_or_show_a_key():
    detail = trouble_of(TransportError("\x1b[2J rf_live_0123456789abcdef"), "", now=NOW).detail
    assert "\x1b" not in detail
    assert "0123456789abcdef" not in detail
