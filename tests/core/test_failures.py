"""Errors that one process tells another."""

import json

import pytest

from rf_core.answer import Answer
from rf_core.errors import (
    DemoCredentialsError,
    InsufficientScopeError,
    OrderError,
    RateLimitedError,
    ResiFactoryError,
    ResponseError,
    TransportError,
    UnauthorizedError,
)
from rf_core.failures import from_document, to_document

ERRORS = [
    UnauthorizedError("refused", status=401, code="unauthorized", way_out="make another"),
    InsufficientScopeError("no", status=403, scope="proxies:generate"),
    RateLimitedError("full", status=429, group="generate", retry_after=3.5),
    OrderError("no pool", field="pool", valid=("a", "b")),
    DemoCredentialsError("shop"),
    ResponseError("odd", status=200, path="$.count"),
    TransportError("gone", sent=False),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_it_says_the_same_on_the_other_side(error):
    told = from_document(json.loads(json.dumps(to_document(error))))
    assert type(told) is type(error)
    assert str(told) == str(error)
    assert vars(told) == vars(error)


@pytest.mark.parametrize("document", [{}, {"kind": "FutureError", "facts": {"message": "new"}}])
def test_a_kind_that_nobody_knows_here_is_an_error_still(document):
    told = from_document(document)
    assert type(told) is ResiFactoryError
    assert str(told) == document.get("facts", {}).get("message", "")


def test_the_answer_it_came_with_stays_where_it_was_read():
    error = UnauthorizedError("refused", status=401)
    error.answer = Answer(401, {}, b"secret")
    assert "answer" not in to_document(error)["facts"]
    assert from_document(to_document(error)).answer is None
