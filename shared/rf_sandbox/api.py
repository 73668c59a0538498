"""The REST API as one ASGI application: five endpoints, their errors, scopes, windows, headers."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rf_sandbox import answers, validation
from rf_sandbox.accounts import Key
from rf_sandbox.batches import BatchResponse, RevokedMidwayError, write_batch
from rf_sandbox.edge import Edge, abort
from rf_sandbox.errors import STATUSES, Refusal, envelope, forced
from rf_sandbox.faults import Fault
from rf_sandbox.openapi import specification
from rf_sandbox.validation import InvalidRequestError, NewConditionError, RefusedError
from rf_sandbox.windows import Verdict
from rf_sandbox.world import World

logger = logging.getLogger(__name__)

BASE: Final = "/api/v1"
OPENAPI: Final = f"{BASE}/openapi.json"
_LARGEST_BODY: Final = 1024 * 1024
_UNAUTHORIZED: Final = Refusal("unauthorized")
_NOT_COUNTED: Final = frozenset({400, 403, 404})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: how it is called, what it needs, where it counts, what it does."""

    method: str
    group: str
    scope: str | None
    read: Callable[[World, Request], Awaitable[Any]]
    answer: Callable[[World, Key, Any], Response]


async def _nothing(_world: World, _request: Request) -> None:
    return None


async def _order(world: World, request: Request) -> validation.Request:
    return validation.read_order(await _body(world, request), world.account, world.switches)


async def _limit(world: World, request: Request) -> int:
    query: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        query.setdefault(name, []).append(value)
    return validation.read_limit(query, world.account)


def _batch(world: World, key: Key, order: validation.Request) -> Response:
    return BatchResponse(write_batch(world, order, key))


ENDPOINTS: Final[dict[str, Endpoint]] = {
    "/proxies": Endpoint("POST", "generate", "proxies:generate", _order, _batch),
    "/balance": Endpoint(
        "GET", "reads", "usage:read", _nothing,
        lambda world, _key, _: JSONResponse(answers.balance(world)),
    ),
    "/usage": Endpoint(
        "GET", "reads", "usage:read", _limit,
        lambda world, _key, limit: JSONResponse(answers.usage(world, limit)),
    ),
    "/pools": Endpoint(
        "GET", "reads", "pools:read", _nothing,
        lambda world, _key, _: JSONResponse(answers.pools(world)),
    ),
    "/me": Endpoint(
        "GET", "reads", None, _nothing,
        lambda world, key, _: JSONResponse(answers.me(world, key)),
    ),
}  # fmt: skip
"""The five endpoints, under the base path."""


@dataclass(slots=True)
class _Call:
    """What is known of a call while it is judged: the headers of its answer depend on it."""

    request: Request
    path: str
    endpoint: Endpoint | None
    key: Key | None
    verdict: Verdict | None
    arrived: float
    faults: tuple[Fault, ...]
    wanted: Any = None
    is_counted: bool = False

    @property
    def group(self) -> str:
        """The window it belongs to."""
        return "reads" if self.endpoint is None else self.endpoint.group

    def fault(self, kind: str) -> Fault | None:
        """What goes wrong with it, of that kind."""
        return next((fault for fault in self.faults if fault.kind == kind), None)


class Api:
    """The whole API as one ASGI application."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every answer carries the window's headers (C-122)."""
        call = self._arrive(Request(scope, receive))
        try:
            response = await self._answer(call)
        except Refusal as refusal:
            response = self._refuse(call, refusal)
        except RefusedError as error:
            response = self._refuse(call, Refusal(error.code, str(error)))
        except ClientDisconnect:
            return
        except Exception:
            logger.exception("the sandbox failed to answer")
            response = self._refuse(call, Refusal("internal_error"))
        self._add_headers(call, response)
        last4 = "" if call.key is None else call.key.last4
        self._world.record(scope["method"], scope["path"], response.status_code, last4)
        try:
            await response(scope, receive, send)
        except RevokedMidwayError:
            abort(scope)

    def _arrive(self, request: Request) -> _Call:
        """Find out what is called, by whom; strangers see the group's limit, unused (C-123)."""
        world, now = self._world, self._world.now()
        path = request.scope["path"]
        endpoint = ENDPOINTS.get(path[len(BASE) :]) if path.startswith(BASE + "/") else None
        key = self._authenticate(request)
        call = _Call(request, path, endpoint, key, None, now, request.scope.get("faults", ()))
        if call.fault("revoke_key") and key is not None:
            key.revoked, call.key = True, None
        if call.fault("disable_account"):
            world.account.disabled = True
        if key is not None:
            call.verdict = world.windows.look(key.id, call.group, now)
        elif world.switches.headers_on_401 == "full" and path != OPENAPI:
            call.verdict = world.windows.stranger(call.group, now)
        return call

    def _authenticate(self, request: Request) -> Key | None:
        """Find the key; None without exactly one that is known (C-008 to C-013)."""
        values = request.headers.getlist("authorization")
        scheme, space, secret = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not space:
            return None
        return self._world.account.key(secret)

    async def _answer(self, call: _Call) -> Response:
        """Refuse what is to be refused, in the order of C-021, and answer the rest.

        A call with a known key counts whatever comes of it, but for a 429 (C-128).
        """
        endpoint, key = call.endpoint, call.key
        if call.path == OPENAPI and call.request.method == "GET":
            return self._specify(call)
        if endpoint is None:
            raise Refusal("not_found")
        if call.request.method != endpoint.method:
            raise Refusal("method_not_allowed", headers=(("Allow", endpoint.method),))
        if key is None:
            raise _UNAUTHORIZED
        self._count(call, key)
        if fault := call.fault("status"):
            return forced(fault)
        for check in self._checks():
            await check(call, endpoint, key)
        if key.revoked:  # while the body was on its way (C-013)
            raise _UNAUTHORIZED
        return self._tagged(call, endpoint.answer(self._world, key, call.wanted))

    def _specify(self, call: _Call) -> Response:
        """The specification needs no key and counts nowhere (C-005, C-134)."""
        if self._world.switches.openapi_auth == "yes" and call.key is None:
            raise _UNAUTHORIZED
        return JSONResponse(specification(self._world.account, self._world.switches))

    def _count(self, call: _Call, key: Key) -> None:
        call.verdict = self._world.windows.arrive(
            key.id,
            call.group,
            call.arrived,
            counts_refused=self._world.switches.count_rejected == "yes",
        )
        call.is_counted = call.verdict.allowed

    # What may be wrong with a call, in the order in which it is told

    def _checks(self) -> list[Callable[[_Call, Endpoint, Key], Awaitable[None]]]:
        checks: list[Callable[[_Call, Endpoint, Key], Awaitable[None]]] = [
            self._check_account,
            self._check_window,
            self._check_scope,
            self._check_request,
        ]
        if self._world.switches.precedence == "shuffled":
            number = len(self._world.journal)
            random.Random(f"{self._world.seed} {number}").shuffle(checks)  # noqa: S311 - no secret
        return checks

    async def _check_account(self, _call: _Call, endpoint: Endpoint, _key: Key) -> None:
        only_orders = self._world.switches.disabled_only_proxies == "yes"
        if self._world.account.disabled and (endpoint.group == "generate" or not only_orders):
            raise Refusal("account_disabled")

    async def _check_window(self, call: _Call, _endpoint: Endpoint, _key: Key) -> None:
        if call.verdict is not None and not call.verdict.allowed:
            self._world.windows.violations += 1
            raise Refusal("rate_limited")

    async def _check_scope(self, _call: _Call, endpoint: Endpoint, key: Key) -> None:
        if endpoint.scope is not None and endpoint.scope not in key.scopes:
            message = f"This key does not have the {endpoint.scope} scope."
            raise Refusal("insufficient_scope", message)

    async def _check_request(self, call: _Call, endpoint: Endpoint, _key: Key) -> None:
        call.wanted = await endpoint.read(self._world, call.request)

    # Answers

    def _tagged(self, call: _Call, response: Response) -> Response:
        """`/pools` may be known already (C-103)."""
        if self._world.switches.etag != "yes" or not call.path.endswith("/pools"):
            return response
        tag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:16]}"'
        if call.request.headers.get("if-none-match") == tag:
            response = Response(status_code=304)
        response.headers["ETag"] = tag
        response.headers["Cache-Control"] = "private, max-age=60"
        return response

    def _refuse(self, call: _Call, refusal: Refusal) -> Response:
        """An error: it may not have counted (C-128), and may be worded otherwise (C-144)."""
        switches, status = self._world.switches, STATUSES[refusal.code]
        is_free = switches.count_errors == "no" and status in _NOT_COUNTED
        if is_free and call.is_counted and call.key is not None:
            call.verdict = self._world.windows.forgive(
                call.key.id, call.group, call.arrived, self._world.now()
            )
        if refusal.code == "not_found" and switches.not_found_body == "html":
            return HTMLResponse("<html><h1>Not Found</h1></html>", 404)
        return envelope(refusal, answers.added(self._world), switches)

    def _add_headers(self, call: _Call, response: Response) -> None:
        world, now = self._world, self._world.now()
        switches, fault = world.switches, call.fault("clock_skew")
        headers = response.headers
        if call.verdict is not None:
            headers.update(call.verdict.headers(now, switches, fault.seconds if fault else 0.0))
        skew = switches.clock_skew_seconds + (fault.seconds if fault else 0.0)
        headers["Date"] = formatdate(now + skew, usegmt=True)
        if "retry-after" in headers and call.fault("retry_after_date"):
            at = now + skew + float(headers["retry-after"])
            headers["Retry-After"] = formatdate(at, usegmt=True)
        if switches.request_id == "yes":
            headers["x-request-id"] = f"sandbox-{len(world.journal) + 1}"
        if switches.deprecation == "yes":
            headers["Deprecation"] = f"@{int(now)}"
            headers["Sunset"] = formatdate(now + 366 * 86_400, usegmt=True)
        for changed in (fault for fault in call.faults if fault.kind in {"headers", "status"}):
            for name, value in changed.headers.items():
                del headers[name]
                if value is not None:
                    headers[name] = value


def make_api(world: World) -> ASGIApp:
    """Build the API, with compression for those who ask and its faults at the edge."""
    return Edge(world, GZipMiddleware(Api(world), minimum_size=1024, compresslevel=1))


async def _body(world: World, request: Request) -> Any:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST_BODY:
            raise InvalidRequestError("The body is too large.")
    if not raw.strip():
        if world.switches.empty_body == "400":
            raise InvalidRequestError("The body must be a JSON object.")
        return {}
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        message = "Content-Type must be application/json."
        if world.switches.new_codes == "yes":
            raise NewConditionError("unprocessable_body", message)
        raise InvalidRequestError(message)
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidRequestError("The body is not JSON.") from None
