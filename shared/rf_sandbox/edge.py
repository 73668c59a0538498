"""What stands before the API: how plaintext is met (C-003), and faults of the wire (C-146).

A fault of the wire needs the connection itself: the answer is taken down whole, and then written
as no server would.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rf_sandbox.answers import added
from rf_sandbox.errors import Refusal, envelope
from rf_sandbox.faults import Fault
from rf_sandbox.world import World

_OF_THE_WIRE: Final = frozenset({"drip", "reset", "truncate", "wrong_length", "bad_json"})
_DRIP_BYTES: Final = 16
_PIECE: Final = 64 * 1024
_LONGEST_HANG: Final = 3_600.0


class Edge:
    """The API's way in and out."""

    def __init__(self, world: World, app: ASGIApp) -> None:
        self._world = world
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Meet plaintext as it is to be met; let faults strike."""
        if scope["type"] != "http":
            return
        if scope["scheme"] == "http" and self._world.switches.plaintext != "served":
            await self._reject_plaintext(scope, receive, send)
            return
        faults = self._world.faults.strike("api", path=scope["path"], method=scope["method"])
        if not faults:
            await self._app(scope, receive, send)
            return
        scope["faults"] = faults
        await self._play(faults, scope, receive, send)

    async def _reject_plaintext(self, scope: Scope, receive: Receive, send: Send) -> None:
        reading = self._world.switches.plaintext
        if reading == "close":
            abort(scope)
            await _until_left(receive)
        elif reading == "301":
            there = f"{self._world.api_tls}{scope['path']}"
            await RedirectResponse(there, 301)(scope, receive, send)
        else:
            refused = envelope(Refusal("https_required"), added(self._world), self._world.switches)
            refused.headers["Date"] = formatdate(self._world.now(), usegmt=True)
            await refused(scope, receive, send)

    async def _play(
        self, faults: tuple[Fault, ...], scope: Scope, receive: Receive, send: Send
    ) -> None:
        by_kind = {fault.kind: fault for fault in faults}
        if latency := by_kind.get("latency"):
            await asyncio.sleep(latency.milliseconds / 1000)
        hang = by_kind.get("hang")
        if hang is not None and hang.when == "before":
            await _until_left(receive)
            return
        wire = next((fault for fault in faults if fault.kind in _OF_THE_WIRE), None)
        if wire is None and hang is None:
            await self._app(scope, receive, send)
            return
        taken = _Taken()
        await self._app(scope, receive, taken)
        if hang is not None or wire is None:
            await _until_left(receive)
            return
        await _write(scope, taken, wire)
        await _until_left(receive)


class _Taken:
    """An answer, taken down instead of sent."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(bytes(k), bytes(v)) for k, v in message["headers"]]
        else:
            self.body += message.get("body", b"")


async def _write(scope: Scope, taken: _Taken, fault: Fault) -> None:
    """Write an answer as the fault has it, and end the connection."""
    transport = _transport(scope)
    body = taken.body
    if fault.kind == "bad_json":
        body = body[: len(body) // 2]
    length = len(body) + (fault.delta if fault.kind == "wrong_length" else 0)
    if fault.kind == "truncate":
        body = body[: fault.bytes]
    lines = [b"HTTP/1.1 %d %s" % (taken.status, _phrase(taken.status))]
    lines += [
        name + b": " + value
        for name, value in taken.headers
        if name.lower() not in {b"content-length", b"transfer-encoding"}
    ]
    lines += [b"content-length: %d" % max(0, length), b"connection: close"]
    raw = b"\r\n".join([*lines, b"", b""]) + body
    if fault.kind == "reset":
        transport.write(raw[: fault.bytes])
        abort(scope)
        return
    size = (fault.bytes or _DRIP_BYTES) if fault.kind == "drip" else _PIECE
    for piece in _pieces(raw, size):
        if transport.is_closing():
            return
        transport.write(piece)
        await asyncio.sleep(fault.milliseconds / 1000 if fault.kind == "drip" else 0)
    transport.close()


def _pieces(raw: bytes, size: int) -> Iterator[bytes]:
    return (raw[start : start + size] for start in range(0, len(raw), size))


def _phrase(status: int) -> bytes:
    known = {one.value for one in HTTPStatus}
    return (HTTPStatus(status).phrase if status in known else "Status").encode()


def abort(scope: Scope) -> None:
    """Reset the connection of a call: no goodbye, and nothing of what was still to be sent."""
    transport = _transport(scope)
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"]["transport"]
    return transport


async def _until_left(receive: Receive) -> None:
    """Wait until the client has gone: what it still says is nobody's."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_HANG):
            while (await receive())["type"] != "http.disconnect":
                pass
