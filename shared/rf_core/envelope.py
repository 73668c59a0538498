"""What the API's refusals mean: one table from its codes to our errors.

Codes decide, and where there is none we know, the status does; messages are for people and never
read (C-144).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rf_core.answer import Answer
from rf_core.call import Call
from rf_core.errors import (
    AccountDisabledError,
    ApiError,
    InsufficientScopeError,
    InternalError,
    InvalidRequestError,
    PoolNotAvailableError,
    RateLimitedError,
    UnauthorizedError,
)
from rf_core.redaction import printable, redact

_CODE_BY_STATUS: Final[Mapping[int, str]] = {
    400: "invalid_request",
    401: "unauthorized",
    429: "rate_limited",
}
"""What an unknown or missing code is taken for. A bare 403 or 404 says too little (C-150)."""

_ERRORS: Final[Mapping[str, tuple[type[ApiError], str, str]]] = {
    "unauthorized": (
        UnauthorizedError,
        "The API refused the key (401).",
        "It is unknown, malformed or revoked: make a new one and export RF_API_KEY.",
    ),
    "account_disabled": (
        AccountDisabledError,
        "The account is suspended (403).",
        "Contact the provider's support.",
    ),
    "insufficient_scope": (
        InsufficientScopeError,
        "The key lacks the scope {scope} (403).",
        "Scopes are fixed when a key is made: make a new one that has it.",
    ),
    "pool_not_available": (
        PoolNotAvailableError,
        "The pool is not available to this key (404): {said}",
        "`rf pools` lists what is.",
    ),
    "invalid_request": (InvalidRequestError, "The API refused {where} (400): {said}", ""),
    "rate_limited": (
        RateLimitedError,
        "The rate-limit window {group} is full (429).",
        "`rf limits` shows who uses it.",
    ),
    "internal_error": (InternalError, "The API failed on {where} ({status}). {said}", ""),
    "": (ApiError, "The API refused {where} ({status} {code}): {said}", ""),
}
"""Code → class, sentence, way out (C-141)."""


def error_of(answer: Answer, call: Call, error: object, *, retry_after: float | None) -> ApiError:
    """Return the error that a refusal is.

    Args:
        error: What the envelope holds, if there was one.
        retry_after: Seconds the answer asks to wait.
    """
    envelope = error if isinstance(error, dict) else {}
    code = printable(str(envelope.get("code") or ""), 60)
    kind = code if code in _ERRORS else _CODE_BY_STATUS.get(answer.status, "")
    if not kind and answer.status >= 500:  # noqa: PLR2004 - server errors
        kind = "internal_error"
    error_class, sentence, way_out = _ERRORS[kind]
    message = sentence.format(
        where=f"{call.method} /{call.path}",
        status=answer.status,
        said=printable(redact(str(envelope.get("message") or "")), 300),
        scope=call.scope or "",
        group=call.group or "",
        code=code,
    ).strip()
    facts: dict[str, Any] = {
        "status": answer.status,
        "code": code,
        "request_id": answer.request_id,
        "retry_after": retry_after,
        "way_out": way_out,
    }
    if error_class is InsufficientScopeError:
        facts["scope"] = call.scope or ""
    if error_class is RateLimitedError:
        facts["group"] = call.group or ""
    return error_class(message, **facts)
