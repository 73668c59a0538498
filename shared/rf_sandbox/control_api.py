"""The control API on HTTP: JSON, a bearer token, and names of this machine only (DNS rebinding)."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from rf_sandbox.batches import BatchResponse
from rf_sandbox.control import Control, ControlError
from rf_sandbox.reach import is_own_name

_MOST_DIGITS: Final = 18
_Work = Callable[[Control, Request, Any], dict[str, Any] | Response]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the control API; `about` is a body that it takes, or what it answers."""

    method: str
    path: str
    about: str
    work: _Work


CALLS: Final = (
    Call(
        "GET", "/state",
        "the account, `balances_bytes` exact, keys without secrets, limits, windows, `violations`: "
        "429s served so far",
        lambda control, _r, _b: control.state(),
    ),
    Call(
        "GET", "/traffic",
        '`?since=N`: `{"traffic": [...]}`, a row for each request or tunnel, live ones included; '
        "`archived` sums up those that are no longer kept",
        lambda control, r, _b: BatchResponse(_write_traffic(control, _since(r))),
    ),
    Call(
        "GET", "/journal", '`?since=N`: `{"calls": [...]}`, a row for each API call',
        lambda control, r, _b: control.journal(_since(r)),
    ),
    Call(
        "GET", "/site-log", '`?since=N`: `{"requests": [...]}`, the last 10,000 of the site',
        lambda control, r, _b: control.site_log(_since(r)),
    ),
    Call(
        "POST", "/top-up", '`{"pool": "premium", "bytes": 1073741824}`',
        lambda control, _r, b: control.top_up(b),
    ),
    Call(
        "POST", "/account", '`{"disabled": true}`', lambda control, _r, b: control.patch_account(b)
    ),
    Call(
        "POST", "/keys", '`{"name": "mine", "scopes": ["usage:read"]}`; the answer has the secret',
        lambda control, _r, b: control.make_key(b),
    ),
    Call(
        "POST", "/keys/{id:int}/revoke", "nothing",
        lambda control, r, _b: control.revoke_key(r.path_params["id"]),
    ),
    Call(
        "PATCH", "/pools/{id}",
        "any of `balance_bytes`, `proxy_types`, `label`, `accessible`, `excluded_countries`, "
        "`session_minutes_default`",
        lambda control, r, b: control.patch_pool(r.path_params["id"], b),
    ),
    Call(
        "PATCH", "/targeting",
        "any of `countries`, `us_states`, `carriers`, `session_minutes` (`min`, `max`)",
        lambda control, _r, b: control.patch_targeting(b),
    ),
    Call(
        "GET", "/switches", "every switch with its question and its readings",
        lambda control, _r, _b: control.switches(),
    ),
    Call(
        "PATCH", "/switches", '`{"exhausted_status": 407, "etag": true}`',
        lambda control, _r, b: control.patch_switches(b),
    ),
    Call(
        "PATCH", "/limits",
        '`{"generate": 5, "reads": 10, "window_seconds": 3, "algorithm": "log_1s"}`',
        lambda control, _r, b: control.patch_limits(b),
    ),
    Call("GET", "/clock", "the time, Unix seconds", lambda control, _r, _b: control.clock()),
    Call(
        "POST", "/clock", '`{"advance": 3600}`: in seconds; windows, sessions, meters',
        lambda control, _r, b: control.advance(b),
    ),
    Call(
        "GET", "/faults", "the rules with how often each fitted and fired, and every kind",
        lambda control, _r, _b: control.faults(),
    ),
    Call(
        "PUT", "/faults", "a list of rules, instead of those there are",
        lambda control, _r, b: control.put_faults(b),
    ),
    Call(
        "POST", "/foreign",
        '`{"group": "reads", "per_minute": 60, "seconds": 300}`: somebody else on the same key',
        lambda control, _r, b: control.foreign(b),
    ),
    Call(
        "POST", "/reset", "everything as at the start, but for the clock",
        lambda control, _r, _b: control.reset(),
    ),
)  # fmt: skip
"""Every call, in the order of the reference."""

_TAKE_LISTS: Final = {"/faults"}


def make_control(control: Control, token: str) -> ASGIApp:
    """Build the HTTP face of a control."""

    def guarded(path: str, work: _Work) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not _names_loopback(request.headers.get("host", "")):
                return _error(403, "the Host header names no address of this machine")
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), token.encode()):
                return _error(401, "the control token is missing or wrong")
            try:
                raw = await request.body()
                body = json.loads(raw) if raw.strip() else {}
                if not isinstance(body, dict) and path not in _TAKE_LISTS:
                    raise ControlError("the body must be a JSON object")
                answer = work(control, request, body)
                control.changed()
                return answer if isinstance(answer, Response) else JSONResponse(answer)
            except (ValueError, RecursionError) as error:
                return _error(400, str(error))
            except ClientDisconnect:
                return _error(400, "the body never came")

        return endpoint

    return Starlette(
        routes=[
            Route(call.path, guarded(call.path, call.work), methods=[call.method]) for call in CALLS
        ]
    )


async def _write_traffic(control: Control, since: int) -> AsyncIterator[bytes]:
    """Write rows in pieces: a hundred thousand keep nobody waiting."""
    page, meter = control.traffic_page(since)
    with page:
        separator = b'{"traffic":['
        for rows in page:
            yield separator + json.dumps(rows)[1:-1].encode()
            separator = b","
            await asyncio.sleep(0)
        start = b"" if separator == b"," else separator
        yield start + b"]," + json.dumps(meter)[1:].encode()


def _since(request: Request) -> int:
    text = request.query_params.get("since", "0")
    if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise ControlError("since must be a whole number")
    return int(text)


def _names_loopback(host: str) -> bool:
    """Read a Host header: a page elsewhere that resolves to us is told apart by its name."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return is_own_name(name.strip("[]").lower())


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message}}, status_code=status)
