"""The REST API, on Starlette: five endpoints, their errors, scopes, windows and headers."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from rf_sandbox import validation
from rf_sandbox.accounts import GIGABYTE, KEY_PREFIX, Key
from rf_sandbox.validation import InvalidRequestError, PoolNotAvailableError
from rf_sandbox.windows import Verdict
from rf_sandbox.world import World

logger = logging.getLogger(__name__)

BASE: Final = "/api/v1"
_CHUNK: Final = 100
_LARGEST_BODY: Final = 1024 * 1024

STATUSES: Final = {
    "unauthorized": 401,
    "account_disabled": 403,
    "insufficient_scope": 403,
    "pool_not_available": 404,
    "not_found": 404,
    "method_not_allowed": 405,
    "invalid_request": 400,
    "rate_limited": 429,
    "internal_error": 500,
}
"""Code → status (C-141, C-143)."""


@dataclass(frozen=True, slots=True)
class Refusal(Exception):  # noqa: N818 - it is an answer, not an error of ours
    """An error envelope on its way out."""

    code: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


_UNAUTHORIZED: Final = Refusal("unauthorized", "Missing, malformed, or revoked API key.")


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: how it is called, what it needs, where it counts."""

    method: str
    group: str
    scope: str | None
    handler: Callable[[World, Request, Key], Awaitable[Response]]


def balances(world: World) -> dict[str, float]:
    """Balances as the API shows them: GB, four decimals, half to even (C-091)."""
    return {
        pool.id: round(pool.balance_bytes / GIGABYTE, 4) for pool in world.account.pools.values()
    }


async def _generate(world: World, request: Request, key: Key) -> Response:
    body = await _body(request)
    if key.revoked:  # while the body was on its way (C-013)
        raise _UNAUTHORIZED
    order = validation.read_order(body, world.account)
    is_demo = not world.traffic.has_balance(order.pool.id)
    facts = {
        "count": order.quantity,
        "country": order.country,
        "is_demo": is_demo,
        "pool": order.pool.id,
        "format": order.format,
    }
    return StreamingResponse(
        _stream(world, order, facts, is_demo=is_demo), media_type="application/json"
    )


async def _stream(
    world: World, order: validation.Request, facts: dict[str, Any], *, is_demo: bool
) -> AsyncIterator[bytes]:
    """Write the answer in pieces and let other calls in between: 250,000 entries take a while."""
    as_json = order.format == "json"
    yield b'{"proxies":' + (b"[" if as_json else b'"')
    for first in range(0, order.quantity, _CHUNK):
        entries = []
        for number in range(first, min(first + _CHUNK, order.quantity)):
            user, password = (
                world.credentials.demo(number) if is_demo else world.credentials.mint(order.ordered)
            )
            entries.append(_entry(order.format, world.gateway_port, user, password))
        separator = "," if as_json else "\\n"
        text = separator.join(entries)
        yield (separator + text if first else text).encode()
        await asyncio.sleep(0)
    yield (b"]," if as_json else b'",') + json.dumps(facts)[1:].encode()


def _entry(answer_format: str, port: int, user: str, password: str) -> str:
    match answer_format:
        case "json":
            return json.dumps(
                {"host": "127.0.0.1", "port": port, "username": user, "password": password}
            )
        case "userpass":
            return f"{user}:{password}@127.0.0.1:{port}"
        case _:
            return f"127.0.0.1:{port}:{user}:{password}"


async def _balance(world: World, _request: Request, _key: Key) -> Response:
    return JSONResponse({"balances": balances(world)})


async def _usage(world: World, request: Request, _key: Key) -> Response:
    query: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        query.setdefault(name, []).append(value)
    limit = validation.read_limit(query)
    return JSONResponse(
        {
            "top_domains": [
                {"domain": domain, "bytes": usage.bytes, "requests": usage.requests}
                for domain, usage in world.traffic.top_domains(limit)
            ]
        }
    )


async def _pools(world: World, _request: Request, _key: Key) -> Response:
    targeting = world.account.targeting
    return JSONResponse(
        {
            "pools": [
                {
                    "id": pool.id,
                    "label": pool.label,
                    "host": "127.0.0.1",
                    "proxy_types": pool.proxy_types,
                }
                for pool in world.account.pools.values()
            ],
            "targeting": {
                "countries": targeting.countries,
                "us_states": targeting.us_states,
                "session_minutes": {
                    "min": targeting.session_minutes_min,
                    "max": targeting.session_minutes_max,
                },
                "carriers": targeting.carriers,
            },
        }
    )


async def _me(world: World, _request: Request, key: Key) -> Response:
    account = world.account
    return JSONResponse(
        {
            "id": account.id,
            "username": account.username,
            "scopes": list(key.scopes),
            "balances": balances(world),
            "key": {"name": key.name, "prefix": KEY_PREFIX, "last4": key.last4},
        }
    )


ROUTES: Final[dict[str, Route]] = {
    "/proxies": Route("POST", "generate", "proxies:generate", _generate),
    "/balance": Route("GET", "reads", "usage:read", _balance),
    "/usage": Route("GET", "reads", "usage:read", _usage),
    "/pools": Route("GET", "reads", "pools:read", _pools),
    "/me": Route("GET", "reads", None, _me),
}
"""The five endpoints, under the base path."""


@dataclass(slots=True)
class _Arrived:
    """What is known of a call while it is judged: the headers of its answer depend on it."""

    request: Request
    route: Route | None
    key: Key | None
    verdict: Verdict


class Api:
    """The whole API as one ASGI application."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every answer carries the window's headers (C-122)."""
        arrived = self._arrive(Request(scope, receive))
        try:
            response = await self._answer(arrived)
        except Refusal as refusal:
            response = _envelope(refusal)
        except InvalidRequestError as error:
            response = _envelope(Refusal("invalid_request", str(error)))
        except PoolNotAvailableError as error:
            response = _envelope(Refusal("pool_not_available", str(error)))
        except ClientDisconnect:
            return
        except Exception:
            logger.exception("the sandbox failed to answer")
            response = _envelope(Refusal("internal_error", "An unexpected error occurred."))
        response.headers.update(arrived.verdict.headers)
        response.headers["x-request-id"] = f"sandbox-{len(self._world.journal) + 1}"
        last4 = "" if arrived.key is None else arrived.key.last4
        self._world.record(scope["method"], scope["path"], response.status_code, last4)
        await response(scope, receive, send)

    def _arrive(self, request: Request) -> _Arrived:
        """Find out what is called, by whom; strangers see the group's limit, unused (C-123)."""
        path = request.scope["path"]
        route = ROUTES.get(path[len(BASE) :]) if path.startswith(BASE + "/") else None
        group = route.group if route else "reads"
        key = self._authenticate(request)
        windows, now = self._world.windows, self._world.now()
        verdict = windows.stranger(group, now) if key is None else windows.look(key.id, group, now)
        return _Arrived(request, route, key, verdict)

    def _authenticate(self, request: Request) -> Key | None:
        """Find the key; None without exactly one that is known (C-008 to C-013)."""
        values = request.headers.getlist("authorization")
        scheme, space, secret = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not space:
            return None
        return self._world.account.key(secret)

    async def _answer(self, arrived: _Arrived) -> Response:
        """Refuse in the order of C-021: route, 401, suspension, 429, scope; then answer.

        A call with a known key counts whatever comes of it, but for a 429 (C-128).
        """
        route, key = arrived.route, arrived.key
        if route is None:
            raise Refusal("not_found", "There is no such endpoint.")
        if arrived.request.method != route.method:
            allow = (("Allow", route.method),)
            raise Refusal("method_not_allowed", f"Use {route.method}.", headers=allow)
        if key is None:
            raise _UNAUTHORIZED
        disabled = self._world.account.disabled
        arrived.verdict = self._world.windows.arrive(
            key.id, route.group, self._world.now(), refuses=not disabled
        )
        if disabled:
            raise Refusal("account_disabled", "Your account has been suspended.")
        if not arrived.verdict.allowed:
            raise Refusal(
                "rate_limited", "You have exceeded the rate limit for this endpoint group."
            )
        if route.scope is not None and route.scope not in key.scopes:
            raise Refusal("insufficient_scope", f"This key does not have the {route.scope} scope.")
        return await route.handler(self._world, arrived.request, key)


def make_api(world: World) -> ASGIApp:
    """Build the API with compression for those who ask."""
    app = Starlette(middleware=[Middleware(GZipMiddleware, minimum_size=1024, compresslevel=1)])
    app.mount("/", Api(world))
    return app


async def _body(request: Request) -> Any:
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST_BODY:
            raise InvalidRequestError("The body is too large.")
    if not raw.strip():
        return None
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise InvalidRequestError("Content-Type must be application/json.")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidRequestError("The body is not JSON.") from None


def _envelope(refusal: Refusal) -> JSONResponse:
    return JSONResponse(
        {"error": {"code": refusal.code, "message": refusal.message}},
        status_code=STATUSES[refusal.code],
        headers=dict(refusal.headers),
    )
