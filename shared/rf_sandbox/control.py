"""The control API: what a test or a rehearsal asks of the sandbox, and changes in it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import fields
from typing import Any, Final, TypeVar

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from rf_sandbox.accounts import PROXY_TYPES, SCOPES, Account
from rf_sandbox.pages import Site
from rf_sandbox.windows import RateWindows
from rf_sandbox.world import World, is_own_name

_MOST_DIGITS: Final = 18
_Owner = TypeVar("_Owner", Account, RateWindows)


class ControlError(ValueError):
    """What was asked cannot be done; the message says why."""


class Control:
    """Everything the control API does, as plain methods on the world. Loop thread only."""

    def __init__(self, world: World, site: Site) -> None:
        self._world = world
        self._site = site
        self._first_account = deepcopy(world.account)
        self._first_windows = deepcopy(world.windows)

    def state(self) -> dict[str, Any]:
        """The account, exact balances, keys without their secrets, windows, refusals so far."""
        account = self._world.account
        windows = self._world.windows
        return {
            "account": {
                "id": account.id,
                "username": account.username,
                "disabled": account.disabled,
                "default_pool": account.default_pool.id,
            },
            **self._meter(),
            "keys": [
                {
                    "id": key.id,
                    "name": key.name,
                    "last4": key.last4,
                    "scopes": list(key.scopes),
                    "revoked": key.revoked,
                }
                for key in account.keys
            ],
            "limits": windows.limits | {"window_seconds": windows.window_seconds},
            "windows": windows.standing(self._world.now()),
            "violations": windows.violations,
            "site": {"requests": self._site.requests, "clients": len(self._site.clients)},
        }

    def traffic(self, since: int = 0) -> dict[str, Any]:
        """Rows after that number, live ones included, with the meter at that very moment."""
        return {"traffic": self._world.traffic.since(since), **self._meter()}

    def _meter(self) -> dict[str, Any]:
        """The balances with what was billed so far: their sum changes by top-ups only."""
        pools = self._world.account.pools.values()
        billed = self._world.traffic.billed_bytes
        return {
            "balances_bytes": {pool.id: pool.balance_bytes for pool in pools},
            "billed_bytes": {pool.id: billed.get(pool.id, 0) for pool in pools},
        }

    def journal(self, since: int = 0) -> dict[str, Any]:
        """API calls after that number."""
        return {"calls": [call.document() for call in self._world.journal[max(0, since) :]]}

    def top_up(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add bytes to a pool."""
        _only(body, "pool", "bytes")
        pool = self._world.account.pools.get(str(body.get("pool")))
        count = _whole(body, "bytes", 0)
        if pool is None:
            raise ControlError("no such pool")
        if count <= 0:
            raise ControlError("bytes must be above 0")
        pool.balance_bytes += count
        return self.state()

    def patch_account(self, body: dict[str, Any]) -> dict[str, Any]:
        """Suspend the account, or lift it."""
        _only(body, "disabled")
        if not isinstance(body.get("disabled"), bool):
            raise ControlError("disabled must be true or false")
        self._world.account.disabled = body["disabled"]
        return self.state()

    def make_key(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a key; its secret is in this answer and nowhere else (C-012)."""
        _only(body, "name", "scopes")
        scopes = _texts(body, "scopes", list(SCOPES))
        name = str(body.get("name", "key"))
        key = self._world.account.mint(self._world.seed, name, tuple(scopes))
        return {"id": key.id, "key": key.secret, "scopes": list(key.scopes)}

    def revoke_key(self, number: int) -> dict[str, Any]:
        """Revoke a key: the very next call with it is refused (C-013)."""
        for key in self._world.account.keys:
            if key.id == number:
                key.revoked = True
                return self.state()
        raise ControlError("no such key")

    def patch_pool(self, pool_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Set a pool's balance or types."""
        _only(body, "balance_bytes", "proxy_types", "label")
        pool = self._world.account.pools.get(pool_id)
        if pool is None:
            raise ControlError("no such pool")
        balance = _whole(body, "balance_bytes", pool.balance_bytes)
        types = _texts(body, "proxy_types", pool.proxy_types)
        if strange := set(types) - set(PROXY_TYPES):
            message = f"proxy_types: {', '.join(sorted(strange))}; known: {', '.join(PROXY_TYPES)}"
            raise ControlError(message)
        pool.balance_bytes, pool.proxy_types = balance, types
        pool.label = str(body.get("label", pool.label))
        return self.state()

    def patch_targeting(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change what `/pools` lists (C-049)."""
        targeting = self._world.account.targeting
        _only(body, "countries", "us_states", "carriers")
        read = {name: _texts(body, name, []) for name in body}
        for name, values in read.items():
            setattr(targeting, name, values)
        return self.state()

    def patch_limits(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change the windows (C-130)."""
        _only(body, "generate", "reads", "window_seconds", "algorithm")
        windows = self._world.windows
        if body.get("algorithm", "log") != "log":
            raise ControlError("only the algorithm log is in this version")
        limits = {group: _whole(body, group, limit) for group, limit in windows.limits.items()}
        seconds = body.get("window_seconds", windows.window_seconds)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
            raise ControlError("window_seconds must be a number above 0")
        if min(limits.values()) < 1:
            raise ControlError("a limit is at least 1")
        windows.limits.update(limits)
        windows.window_seconds = float(seconds)
        return self.state()

    def reset(self) -> dict[str, Any]:
        """Make everything as it was at first: account, keys, balances, limits, no traffic."""
        world = self._world
        world.traffic.forget()
        world.journal.clear()
        self._site.forget()
        world.exits.forget()
        _restore(world.account, deepcopy(self._first_account))
        _restore(world.windows, deepcopy(self._first_windows))
        return self.state()


def make_control(control: Control, token: str) -> ASGIApp:
    """Build the HTTP face of a control: bearer token, loopback names only (DNS rebinding)."""

    def guarded(
        work: Callable[[Request, dict[str, Any]], dict[str, Any]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if not _names_loopback(request.headers.get("host", "")):
                return _error(403, "the Host header names no address of this machine")
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), token.encode()):
                return _error(401, "the control token is missing or wrong")
            try:
                raw = await request.body()
                body = json.loads(raw) if raw.strip() else {}
                if not isinstance(body, dict):
                    raise ControlError("the body must be a JSON object")
                return JSONResponse(work(request, body))
            except (ValueError, RecursionError) as error:
                return _error(400, str(error))
            except ClientDisconnect:
                return _error(400, "the body never came")

        return endpoint

    def since(request: Request) -> int:
        text = request.query_params.get("since", "0")
        if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS:
            raise ControlError("since must be a whole number")
        return int(text)

    routes = [
        ("GET", "/state", lambda _r, _b: control.state()),
        ("GET", "/traffic", lambda r, _b: control.traffic(since(r))),
        ("GET", "/journal", lambda r, _b: control.journal(since(r))),
        ("POST", "/top-up", lambda _r, b: control.top_up(b)),
        ("POST", "/account", lambda _r, b: control.patch_account(b)),
        ("POST", "/keys", lambda _r, b: control.make_key(b)),
        ("POST", "/keys/{id:int}/revoke", lambda r, _b: control.revoke_key(r.path_params["id"])),
        ("PATCH", "/pools/{id}", lambda r, b: control.patch_pool(r.path_params["id"], b)),
        ("PATCH", "/targeting", lambda _r, b: control.patch_targeting(b)),
        ("PATCH", "/limits", lambda _r, b: control.patch_limits(b)),
        ("POST", "/reset", lambda _r, _b: control.reset()),
    ]
    return Starlette(
        routes=[Route(path, guarded(work), methods=[method]) for method, path, work in routes]
    )


def _restore(owner: _Owner, first: _Owner) -> None:
    """Give an object the values of another: others hold on to the object itself."""
    for field in fields(owner):
        setattr(owner, field.name, getattr(first, field.name))


def _names_loopback(host: str) -> bool:
    """Read a Host header: a page elsewhere that resolves to us is told apart by its name."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return is_own_name(name.strip("[]").lower())


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{name} must be a whole number"
        raise ControlError(message)
    return value


def _texts(body: dict[str, Any], name: str, default: list[str]) -> list[str]:
    values = body.get(name, default)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        message = f"{name} must be a list of texts"
        raise ControlError(message)
    return list(values)


def _only(body: dict[str, Any], *known: str) -> None:
    if unknown := set(body) - set(known):
        message = f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}"
        raise ControlError(message)


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message}}, status_code=status)
