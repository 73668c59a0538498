"""What goes to the API and what its answers mean, without a socket: calls, headers, the envelope.

Requests are camel case, answers snake case (C-033). An object with a top-level `error` is an error
whatever its status (C-007); a code we do not know becomes a class by status and keeps its name
(C-142).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from rf_core.answer import Answer
from rf_core.call import GENERATE, READS, Call
from rf_core.envelope import error_of
from rf_core.errors import ResponseError
from rf_core.models import ROTATING_TYPES, Order
from rf_core.redaction import Secret, printable
from rf_core.retry_after import parse_date, parse_retry_after

_MILLISECONDS: Final = 1e11
_UNIX_SECONDS: Final = 1e8
_LONGEST_RESET: Final = 120.0


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


_ELSEWHERE: Final[Mapping[str, str | None]] = {"proxies": GENERATE, "openapi.json": None}
"""Paths that are not governed as reads (C-121, C-134)."""

_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@%-]+(?:/[A-Za-z0-9._~!$&'()*+,;=@%-]+)*")


def other(
    method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
) -> Call:
    """Any call under the base URL, in the window that its path counts in (C-148).

    Raises:
        ValueError: the method or the path would lead elsewhere.
    """
    method, path = method.upper(), path.strip("/")
    if not (method.isascii() and method.isalpha()):
        raise ValueError(f"{method!r} is not a method")
    if not _PLAIN_PATH.fullmatch(path) or ".." in path.split("/"):
        raise ValueError(f"{path!r} is not a path under the API's address; queries go into params")
    group = _ELSEWHERE.get(path, READS)
    repeatable = method in _REPEATABLE or group == GENERATE
    return Call(method, path, params or {}, body, group, repeatable=repeatable)


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
        raise error_of(answer, call, document["error"], retry_after=retry_after(answer, now=now))
    if answer.status == 429 or answer.status >= 500 or answer.status in {401, 403, 404}:  # noqa: PLR2004
        raise error_of(answer, call, None, retry_after=retry_after(answer, now=now))
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - anything but success
        way_out = ""
        if 300 <= answer.status < 400:  # noqa: PLR2004 - redirects
            way_out = "Check RF_BASE_URL: a redirect is never followed, it would resend the key."
        message = f"The API answered {answer.status} to {call.method} /{call.path}."
        raise ResponseError(message, status=answer.status, way_out=way_out)
    if not isinstance(document, dict):
        # An order's answer is not shown: half of it may be a password.
        shown = "" if call.group == GENERATE else answer.excerpt(60)
        message = f"The answer to {call.method} /{call.path} is not a JSON object: {shown!r}."
        raise ResponseError(message, status=answer.status, path="$")
    return document


def end_announced(answer: Answer) -> str:
    """Say what an answer announces of the API's end, or "" (C-149, RFC 9745, RFC 8594)."""
    told = [
        f"{name}: {printable(answer.headers[name.lower()], 80)}"
        for name in ("Deprecation", "Sunset")
        if name.lower() in answer.headers
    ]
    if not told:
        return ""
    return f"The API announces an end ({'; '.join(told)}): look for a newer version of this."


def _document(answer: Answer) -> Any:
    """Decode strictly: no NaN, no lone surrogates, nothing that a later step could trip over."""
    try:
        return msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):
        return None


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
