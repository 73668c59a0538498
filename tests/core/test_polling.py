"""When the API is asked again, and when it is left alone."""

import pytest

from rf_core.errors import (
    AccountDisabledError,
    DeadlineError,
    InternalError,
    RateLimitedError,
    TransportError,
    UnauthorizedError,
)
from rf_core.parts import ACCOUNT, BALANCE, DISCOVERY, USAGE
from rf_core.polling import Outage, allowance, due, failed

ALL = (ACCOUNT, DISCOVERY, BALANCE, USAGE)


def test_at_first_everything_is_due_who_we_are_first():
    ages = dict.fromkeys(reversed(ALL))
    assert due(ages, busy=False, allowed=12, used=0) == ALL


def test_no_more_is_asked_for_than_the_allowance_has_left():
    assert due(dict.fromkeys(ALL), busy=True, allowed=12, used=10) == ALL[:2]
    assert due(dict.fromkeys(ALL), busy=True, allowed=12, used=13) == ()


@pytest.mark.parametrize(
    ("age", "busy", "parts"),
    [
        (7, True, ()),
        (8, True, (BALANCE,)),
        (20, True, (BALANCE, USAGE)),
        (20, False, ()),
        (30, False, (BALANCE,)),
        (60, False, (BALANCE, USAGE)),
        (900, False, ALL),
    ],
)
def test_what_drains_is_looked_at_more_often(age, busy, parts):
    assert due(dict.fromkeys(ALL, age), busy=busy, allowed=12, used=0) == parts


def test_what_the_key_may_not_have_is_never_due():
    assert due({BALANCE: None}, busy=True, allowed=12, used=0) == (BALANCE,)


def test_an_age_below_zero_is_due_because_somebody_set_the_clock():
    assert due({BALANCE: -3_600.0}, busy=False, allowed=12, used=0) == (BALANCE,)


@pytest.mark.parametrize("limit", [5, 20, 120, 600])
def test_an_hour_of_polling_keeps_to_its_share_and_starves_nobody(limit):
    """C-130: whatever the limit is today."""
    allowed = allowance(limit, 0.10)
    asked = {part: [] for part in ALL}
    calls = []
    for now in range(3_600):
        used = sum(now - at < 61 for at in calls)
        ages = {part: now - times[-1] if times else None for part, times in asked.items()}
        for part in due(ages, busy=True, allowed=allowed, used=used):
            asked[part].append(now)
            calls.append(now)
    assert max(sum(at <= other < at + 60 for other in calls) for at in calls) <= allowed
    assert allowed <= max(1, limit * 0.10)
    assert len(asked[USAGE]) >= 10
    assert len(asked[BALANCE]) > len(asked[USAGE])


def test_the_longer_the_api_is_away_the_less_often_it_is_asked():
    outage, pauses = Outage(), []
    for _ in range(7):
        outage = failed(outage, TransportError(""), 100)
        pauses.append(outage.until - 100)
    assert pauses == [2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (UnauthorizedError("", status=401), float("inf")),
        (AccountDisabledError("", status=403), 60),
        (RateLimitedError("", status=429, group="reads", retry_after=17), 17),
        (RateLimitedError("", status=429, group="reads", retry_after=9_999), 60),
        (DeadlineError(""), 2),
        (InternalError("", status=503, retry_after=10), 10),
    ],
)
def test_each_refusal_has_its_own_pause(error, pause):
    """C-013 C-019 C-126"""
    assert failed(Outage(), error, 100).until - 100 == pause
