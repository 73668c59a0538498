import pytest

from rf_core.freshness import (
    UNSAID,
    USABLE_SECONDS,
    Freshness,
    Lifetime,
    freshness,
    lifetime_of,
    usable_etag,
)


@pytest.mark.parametrize(
    ("age_seconds", "state"),
    [
        (0, Freshness.FRESH),
        (899, Freshness.FRESH),
        (900, Freshness.STALE),
        (86_399, Freshness.STALE),
        (86_400, Freshness.UNUSABLE),
        (-10, Freshness.STALE),
        (-90_000, Freshness.UNUSABLE),
    ],
)
def test_a_document_is_fresh_then_usable_then_nothing(age_seconds, state):
    """C-103; an age below zero means that somebody set the clock."""
    assert freshness(age_seconds) is state


@pytest.mark.parametrize(
    ("said", "lifetime"),
    [
        ("", UNSAID),
        ("private", UNSAID),
        ("max-age", UNSAID),
        ("max-age=soon", UNSAID),
        ("max-age=-1", UNSAID),
        ("max-age=\u0663", UNSAID),
        ("private, max-age=60", Lifetime(60.0)),
        ('MAX-AGE="60"', Lifetime(60.0)),
        ("max-age=0", Lifetime(0.0)),
        ("max-age=99999999999", Lifetime(USABLE_SECONDS)),
        ("max-age=60, stale-while-revalidate=30", Lifetime(60.0, 90.0)),
        ("max-age=60, must-revalidate", Lifetime(60.0, 60.0)),
        ("no-cache, max-age=60", Lifetime(0.0, 0.0)),
        ("max-age=60, no-store", Lifetime(0.0, 0.0, is_kept=False)),
    ],
)
def test_what_the_server_says_of_caching_counts(said, lifetime):
    """C-103"""
    assert lifetime_of(said) == lifetime


def test_what_may_not_be_used_unasked_is_unusable_at_once():
    """C-103"""
    assert freshness(0, lifetime_of("no-cache")) is Freshness.UNUSABLE
    assert freshness(59, lifetime_of("max-age=60")) is Freshness.FRESH
    assert freshness(61, lifetime_of("max-age=60")) is Freshness.STALE


@pytest.mark.parametrize(
    ("etag", "usable"),
    [
        ('"v1"', True),
        ('W/"v1"', True),
        ('""', True),
        ("", False),
        ("v1", False),
        ('"a\r\nX: 1"', False),
        ('"\u00e9"', False),
        ('"' + "x" * 300 + '"', False),
    ],
)
def test_a_validator_that_is_none_is_not_sent(etag, usable):
    """C-103"""
    assert usable_etag(etag) == (etag if usable else "")
