"""Which failures are worth another attempt, and after how long."""

import pytest

from rf_core.errors import (
    AccountDisabledError,
    DeadlineError,
    InsufficientScopeError,
    InternalError,
    InvalidRequestError,
    PoolNotAvailableError,
    RateLimitedError,
    ResponseError,
    TransportError,
    UnauthorizedError,
)
from rf_core.retries import pause_before_retry

LIMITED = RateLimitedError("", status=429, group="generate", retry_after=4)
BROKEN = InternalError("", status=500)


def pauses(error, chance=0.0):
    return [pause_before_retry(error, attempt=attempt, chance=chance) for attempt in (1, 2, 3)]


def test_after_a_429_the_server_is_obeyed_then_doubled():
    """C-127"""
    assert pauses(LIMITED) == [4, 8, 16]
    assert pauses(RateLimitedError("", status=429, group="generate")) == [1, 2, 4]


def test_jitter_only_ever_adds():
    """C-127 C-145"""
    for error in (LIMITED, BROKEN, TransportError("")):
        for least, more in zip(pauses(error), pauses(error, 0.999), strict=True):
            assert least < more


def test_the_servers_own_trouble_and_the_networks_are_tried_again():
    """C-145 C-146"""
    assert pauses(BROKEN) == pauses(TransportError("")) == [0.5, 1, 2]
    assert pauses(InternalError("", status=503, retry_after=9))[0] == 9
    assert pauses(ResponseError("", status=200, path="$"))[0] == 0.5


@pytest.mark.parametrize(
    "error",
    [
        UnauthorizedError("", status=401),
        AccountDisabledError("", status=403),
        InsufficientScopeError("", status=403, scope="usage:read"),
        PoolNotAvailableError("", status=404),
        InvalidRequestError("", status=400),
        ResponseError("", status=200, path="$.count"),
        DeadlineError(""),
    ],
)
def test_what_will_not_change_is_final(error):
    """C-013"""
    assert pauses(error) == [None, None, None]
