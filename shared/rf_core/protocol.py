"""What goes to the API and what its answers mean, without a socket: calls, headers, the envelope.

Requests are camel case, answers snake case (C-033). An object with a top-level `error` is an error
whatever its status (C-007); a code we do not know becomes a class by status and keeps its name
(C-142).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from rf_core.errors import (
    AccountDisabledError,
    ApiError,
    InsufficientScopeError,
    InternalError,
    InvalidRequestError,
    PoolNotAvailableError,
    RateLimitedError,
    ResponseError,
    UnauthorizedError,
)
from rf_core.models import ROTATING_TYPES, Order
from rf_core.redaction import Secret, printable, redact
from rf_core.retry_after import parse_date, parse_retry_after

GENERATE: Final = "generate"
READS: Final = "reads"

DOCUMENTED_LIMITS: Final[Mapping[str, int]] = {GENERATE: 20, READS: 120}
"""Calls per rolling minute and key (C-121): a first guess, the server's headers rule (C-130)."""

WINDOW_SECONDS: Final = 60.0

_MILLISECONDS: Final = 1e11
_UNIX_SECONDS: Final = 1e8
_LONGEST_RESET: Final = 120.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API.

    Attributes:
        group: Rate-limit window it counts in, or None when it is not governed (C-134).
        scope: What the key needs for it, from our own table (C-018), or None.
        answer_bytes: About how much will come back; time-outs are scaled by it (C-077).
        etag: What is known already: 304 means that it still holds (C-103).
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    group: str | None = READS
    scope: str | None = None
    answer_bytes: int = 4_096
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A raw answer: status, headers with lower-case names, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str:
        """What the server or its edge calls this request, or "" (C-151)."""
        return printable(self.headers.get("x-request-id") or self.headers.get("cf-ray") or "", 80)


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """What an answer says of its window (C-122). Each part may be missing or unusable: None."""

    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


def me() -> Call:
    """`GET /me`: any valid key (C-015)."""
    return Call("GET", "me")


def pools(etag: str = "") -> Call:
    """`GET /pools` (C-101)."""
    return Call("GET", "pools", scope="pools:read", etag=etag)


def balance() -> Call:
    """`GET /balance` (C-090)."""
    return Call("GET", "balance", scope="usage:read")


def usage(limit: int) -> Call:
    """`GET /usage?limit=` (C-095).

    Raises:
        ValueError: `limit` is not from 1 to 100.
    """
    if not 1 <= limit <= 100:  # noqa: PLR2004 - C-095
        message = f"limit must be from 1 to 100, not {limit}"
        raise ValueError(message)
    return Call("GET", "usage", params={"limit": str(limit)}, scope="usage:read")


def proxies(order: Order, *, answer_format: str = "json") -> Call:
    """`POST /proxies`: everything that has a surprising default is said (C-032, C-039, C-043)."""
    body: dict[str, Any] = {
        "proxyType": order.proxy_type,
        "quantity": order.quantity,
        "format": answer_format,
    }
    if order.pool:
        body["pool"] = order.pool
    if order.country:
        body["country"] = order.country
    if order.state:
        body["state"] = order.state
    if order.session_minutes is not None and order.proxy_type not in ROTATING_TYPES:
        body["sessionDuration"] = order.session_minutes
    return Call(
        "POST",
        "proxies",
        body=json.dumps(body).encode(),
        group=GENERATE,
        scope="proxies:generate",
        answer_bytes=4_096 + 160 * order.quantity,
    )


def request_headers(key: Secret, *, version: str, body: bool, etag: str = "") -> dict[str, str]:
    """The headers of a request; the key's only way out (C-008, C-153)."""
    headers = {
        "Authorization": f"Bearer {key.reveal()}",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": f"resifactory-toolkit/{version} api=v1",
    }
    if body:
        headers["Content-Type"] = "application/json"
    if etag:
        headers["If-None-Match"] = etag
    return headers


def join_url(base: str, path: str) -> str:
    """Join the base URL and a path, whether or not either has a slash between (C-001)."""
    return f"{base.rstrip('/')}/{path.lstrip('/')}"


def rate_headers(answer: Answer) -> RateHeaders:
    """Read the window headers of any answer; garbage counts as absent (C-122)."""
    return RateHeaders(
        limit=_whole(answer.headers.get("ratelimit-limit")),
        remaining=_whole(answer.headers.get("ratelimit-remaining")),
        reset_seconds=_reset(answer.headers),
    )


def retry_after(answer: Answer, *, now: float) -> float | None:
    """Seconds the server asks to wait, by its own clock where it shows one (C-126).

    Args:
        now: Our wall clock, used only when the answer has no usable `Date`.
    """
    date = parse_date(answer.headers.get("date", ""))
    return parse_retry_after(
        answer.headers.get("retry-after"),
        now=now if date is None else date,
    )


def read(answer: Answer, call: Call, *, now: float) -> dict[str, Any]:
    """Return the JSON object of a success; an empty one when what is known still holds.

    Raises:
        ApiError: the API said no; the class tells which no.
        ResponseError: not JSON, not an object, or a redirect (C-003, C-146).
    """
    if call.etag and answer.status == 304:  # noqa: PLR2004 - not modified
        return {}
    document = _document(answer)
    if isinstance(document, dict) and "error" in document:
        raise _error(answer, call, document["error"], now=now)
    if answer.status == 429 or answer.status >= 500 or answer.status in {401, 403, 404}:  # noqa: PLR2004
        raise _error(answer, call, None, now=now)
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - anything but success
        way_out = ""
        if 300 <= answer.status < 400:  # noqa: PLR2004 - redirects
            way_out = "Check RF_BASE_URL: a redirect is never followed, it would resend the key."
        message = f"The API answered {answer.status} to {call.method} /{call.path}."
        raise ResponseError(message, status=answer.status, way_out=way_out)
    if not isinstance(document, dict):
        shown = printable(redact(answer.body[:60].decode("utf-8", "replace")), 60)
        message = f"The answer to {call.method} /{call.path} is not a JSON object: {shown!r}."
        raise ResponseError(message, status=answer.status, path="$")
    return document


def _document(answer: Answer) -> Any:
    """Decode strictly: no NaN, no lone surrogates, nothing that a later step could trip over."""
    try:
        return msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):
        return None


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


def _error(answer: Answer, call: Call, error: Any, *, now: float) -> ApiError:
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
        "retry_after": retry_after(answer, now=now),
        "way_out": way_out,
    }
    if error_class is InsufficientScopeError:
        facts["scope"] = call.scope or ""
    if error_class is RateLimitedError:
        facts["group"] = call.group or ""
    return error_class(message, **facts)


def _whole(value: str | None) -> int | None:
    try:
        number = int((value or "").strip())
    except ValueError:
        return None
    return number if 0 <= number < 10**9 else None


def _reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the window resets, whatever form the header has (C-124).

    A Unix time is compared with the `Date` of the same answer and never with our own clock.
    """
    try:
        value = float(headers.get("ratelimit-reset", "").strip())
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    if value > _MILLISECONDS:
        value /= 1000
    if value > _UNIX_SECONDS:
        date = parse_date(headers.get("date", ""))
        if date is None:
            return None
        value -= date
    return min(max(value, 0.0), _LONGEST_RESET)
