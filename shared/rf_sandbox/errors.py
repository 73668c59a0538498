"""The errors of the API: one table of codes, and the envelope around them (C-140 to C-144)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from rf_sandbox.faults import Fault
from rf_sandbox.switches import Switches

STATUSES: Final = {
    "unauthorized": 401,
    "account_disabled": 403,
    "insufficient_scope": 403,
    "pool_not_available": 404,
    "invalid_request": 400,
    "rate_limited": 429,
    "internal_error": 500,
    # Not in the reference: new conditions may have new codes (C-142)
    "not_found": 404,
    "method_not_allowed": 405,
    "https_required": 403,
    "unprocessable_body": 422,
    "country_not_available": 409,
    "teapot_mode": 403,
}
"""Code → status. The documented seven are frozen (C-141, C-143)."""

_MESSAGES: Final = {
    "unauthorized": ("Missing, malformed, or revoked API key.", "Who is calling?"),
    "account_disabled": ("Your account has been suspended.", "Nothing goes out on this account."),
    "insufficient_scope": ("This key does not have the required scope.", "Not with this key."),
    "pool_not_available": ("The pool is not available.", "Never heard of it."),
    "invalid_request": ("The request is invalid.", "That does not make sense."),
    "rate_limited": ("You have exceeded the rate limit for this endpoint group.", "Slowly!"),
    "internal_error": ("An unexpected error occurred.", "Something broke."),
    "not_found": ("There is no such endpoint.", "Nothing is here."),
    "method_not_allowed": ("This endpoint takes another method.", "Not like that."),
    "https_required": ("Plaintext connections are rejected: use https.", "Not in the clear."),
}
"""Code → what is said of it, and the same in other words: messages are for people (C-144)."""


@dataclass(frozen=True, slots=True)
class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """An error envelope on its way out. Without a message of its own, that of its code."""

    code: str
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def envelope(refusal: Refusal, more: dict[str, Any], switches: Switches) -> Response:
    """Write the envelope."""
    documented, reworded = _MESSAGES.get(refusal.code, (refusal.message, refusal.message))
    message = refusal.message or documented
    if switches.messages == "reworded":
        message = reworded
    return JSONResponse(
        {"error": {"code": refusal.code, "message": message, **more}, **more},
        status_code=STATUSES[refusal.code],
        headers=dict(refusal.headers),
    )


def forced(fault: Fault) -> Response:
    """The answer of a `status` fault: a page if it brings one, else an envelope (C-145, C-146)."""
    if fault.body.startswith("<"):
        return HTMLResponse(fault.body, fault.status)
    if fault.body:
        return PlainTextResponse(fault.body, fault.status)
    known = next((code for code, status in STATUSES.items() if status == fault.status), None)
    code = fault.code or known or "internal_error"
    message = fault.message or _MESSAGES.get(code, ("Something went wrong.",))[0]
    return JSONResponse({"error": {"code": code, "message": message}}, fault.status)
