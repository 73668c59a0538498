"""The control API on HTTP: JSON, a bearer token, and names of this machine only (DNS rebinding)."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from rf_sandbox.control import Control, ControlError
from rf_sandbox.world import is_own_name

_MOST_DIGITS: Final = 18
_Work = Callable[[Control, Request, Any], dict[str, Any]]

CALLS: Final[tuple[tuple[str, str, _Work], ...]] = (
    ("GET", "/state", lambda control, _r, _b: control.state()),
    ("GET", "/traffic", lambda control, r, _b: control.traffic(_since(r))),
    ("GET", "/journal", lambda control, r, _b: control.journal(_since(r))),
    ("POST", "/top-up", lambda control, _r, b: control.top_up(b)),
    ("POST", "/account", lambda control, _r, b: control.patch_account(b)),
    ("POST", "/keys", lambda control, _r, b: control.make_key(b)),
    (
        "POST", "/keys/{id:int}/revoke",
        lambda control, r, _b: control.revoke_key(r.path_params["id"]),
    ),
    ("PATCH", "/pools/{id}", lambda control, r, b: control.patch_pool(r.path_params["id"], b)),
    ("PATCH", "/targeting", lambda control, _r, b: control.patch_targeting(b)),
    ("GET", "/switches", lambda control, _r, _b: control.switches()),
    ("PATCH", "/switches", lambda control, _r, b: control.patch_switches(b)),
    ("PATCH", "/limits", lambda control, _r, b: control.patch_limits(b)),
    ("GET", "/clock", lambda control, _r, _b: control.clock()),
    ("POST", "/clock", lambda control, _r, b: control.advance(b)),
    ("GET", "/faults", lambda control, _r, _b: control.faults()),
    ("PUT", "/faults", lambda control, _r, b: control.put_faults(b)),
    ("POST", "/foreign", lambda control, _r, b: control.foreign(b)),
    ("POST", "/reset", lambda control, _r, _b: control.reset()),
)  # fmt: skip
"""Every call: method, path, what it does."""

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
                return JSONResponse(work(control, request, body))
            except (ValueError, RecursionError) as error:
                return _error(400, str(error))
            except ClientDisconnect:
                return _error(400, "the body never came")

        return endpoint

    return Starlette(
        routes=[Route(path, guarded(path, work), methods=[verb]) for verb, path, work in CALLS]
    )


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
