"""A scripted API on a real socket: answers what the test lays out, keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

REASONS = {200: "OK"}


@dataclass
class Request:
    """One request as it came."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


def answer(status=200, body=None, headers=(), *, raw=None) -> bytes:
    """The bytes of one answer; `body` becomes JSON, `raw` stays as it is."""
    content = raw if raw is not None else json.dumps({} if body is None else body).encode()
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'X')}", *headers]
    lines.append(f"content-length: {len(content)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def refusal(status, code, headers=()) -> bytes:
    """An error in the API's envelope."""
    return answer(status, {"error": {"code": code, "message": "so"}}, headers)


@dataclass
class ScriptedApi:
    """Answers each request with the next of `script`; the last one is repeated for ever.

    An entry may be bytes, or one of `hang` (never answers) and `reset` (closes without a word).

    Attributes:
        connections: How many were made.
        asked: Set when a request has come.
    """

    script: list = field(default_factory=lambda: [answer()])
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._open = set()
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self._open:
            writer.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1"

    async def _serve(self, reader, writer):
        self._open.add(writer)
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
                pairs = [line.split(":", 1) for line in lines]
                headers = [(name.lower(), value.strip()) for name, value in pairs]
                length = int(dict(headers).get("content-length", 0))
                self.requests.append(Request(first, headers, await reader.readexactly(length)))
                self.asked.set()
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if step == "hang":
                    await asyncio.Event().wait()
                if step == "reset":
                    break
                writer.write(step)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()
