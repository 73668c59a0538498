"""The answer to an order, written in pieces: a quarter of a million keeps nobody waiting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rf_sandbox.accounts import Key, Pool
from rf_sandbox.answers import added
from rf_sandbox.validation import Request
from rf_sandbox.world import World

_PIECE: Final = 100
_GATEWAY_HOST: Final = "127.0.0.1"


class RevokedMidwayError(Exception):
    """The key was revoked while its answer was on the way: the rest of it never comes (C-013)."""


def is_demo(world: World, pool: Pool) -> bool:
    """Whether an order gets lines that do not work (C-068, C-069)."""
    if world.switches.demo_scope == "account":
        return not any(world.traffic.has_balance(pool_id) for pool_id in world.account.pools)
    return not world.traffic.has_balance(pool.id)


class BatchResponse(Response):
    """An answer that is written while it is sent, for as long as somebody reads it."""

    media_type = "application/json"

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it, piece by piece."""
        transport = scope["extensions"]["transport"]
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(head)
        async for piece in self._pieces:
            if transport.is_closing():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def write_batch(world: World, order: Request, key: Key) -> AsyncIterator[bytes]:
    """Write the six documented fields (C-060, C-061).

    Raises:
        RevokedMidwayError: the key was revoked meanwhile.
    """
    demo = is_demo(world, order.pool)
    count = _count(order.quantity, world.switches.short_count)
    batch = (
        None
        if demo
        else world.credentials.order(order.ordered, key_id=key.id, now=world.now(), count=count)
    )
    as_json = order.format == "json"
    separator = "," if as_json else "\\n"
    yield b'{"proxies":' + (b"[" if as_json else b'"')
    for first in range(0, count, _PIECE):
        if key.revoked:
            raise RevokedMidwayError
        last = min(first + _PIECE, count)
        lines = _demo(world, first, last) if batch is None else batch.lines(first, last)
        entries = [_entry(world, order, *line) for line in lines]
        text = separator.join(entries)
        yield (separator + text if first else text).encode()
        await asyncio.sleep(0)
    if not as_json and world.switches.trailing_newline == "yes":
        yield separator.encode()
    facts = _facts(world, order, count, demo=demo)
    yield (b"]," if as_json else b'",') + json.dumps(facts)[1:].encode()


def _demo(world: World, first: int, last: int) -> list[tuple[str, str]]:
    return [world.credentials.demo(number) for number in range(first, last)]


def _count(quantity: int, reading: str) -> int:
    """How many lines come (C-066, C-067)."""
    return max(1, quantity * 9 // 10) if reading == "fewer" else quantity


def _facts(world: World, order: Request, count: int, *, demo: bool) -> dict[str, Any]:
    switches = world.switches
    country: dict[str, Any] = {"country": order.country}
    if order.country is None and switches.country_omitted != "null":
        country = {} if switches.country_omitted == "absent" else {"country": ""}
    return {
        "count": count + 1 if switches.short_count == "wrong" else count,
        **country,
        "is_demo": demo,
        "pool": order.pool.id,
        "format": order.format,
        **added(world),
    }


def _entry(world: World, order: Request, user: str, password: str) -> str:
    port = world.gateway_port
    match order.format:
        case "json":
            entry = {
                "host": _GATEWAY_HOST, "port": port, "username": user, "password": password,
                **added(world),
            }  # fmt: skip
            return json.dumps(entry)
        case "userpass":
            return f"{user}:{password}@{_GATEWAY_HOST}:{port}"
        case _:
            return f"{_GATEWAY_HOST}:{port}:{user}:{password}"
