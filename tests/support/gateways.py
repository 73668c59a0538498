"""A gateway that does exactly what a test tells it to, and counts what crosses its sockets.

It is written with streams and by hand, apart from both the relay and the sandbox: a third count.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Scripted:
    """Answers each request head with what `script` returns for it; None hangs up.

    `script(head: bytes) -> bytes | None | "tunnel" | "silence"`: bytes are sent as they are;
    "tunnel" answers 200 and pipes to `target`; "silence" keeps the client waiting.
    """

    script: object
    target: tuple[str, int] | None = None
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    read_bytes: int = 0
    sent_bytes: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set = field(default_factory=set)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, reader, count=65536):
        data = await reader.read(count)
        self.read_bytes += len(data)
        return data

    async def _send(self, writer, data):
        self.sent_bytes += len(data)
        writer.write(data)
        await writer.drain()

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._requests(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            await closed(writer)
            self._tasks.discard(task)

    async def _requests(self, reader, writer):
        pending = b""
        while True:
            while b"\r\n\r\n" not in pending:
                data = await self._read(reader)
                if not data:
                    return
                pending += data
            head, _, pending = pending.partition(b"\r\n\r\n")
            self.heads.append(head)
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            while len(pending) < length:
                pending += await self._read(reader)
            pending = pending[length:]
            answer = self.script(head)
            if answer is None:
                return
            if answer == "silence":
                await asyncio.sleep(3600)
            if answer == "tunnel":
                await self._tunnel(reader, writer)
                return
            await self._send(writer, answer)

    async def _tunnel(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(*self.target)
        await self._send(writer, b"HTTP/1.1 200 OK\r\n\r\n")

        async def upwards():
            while data := await self._read(reader):
                far_writer.write(data)
                await far_writer.drain()
            far_writer.write_eof()

        async def downwards():
            while data := await far_reader.read(65536):
                await self._send(writer, data)
            writer.write_eof()

        try:
            await asyncio.gather(upwards(), downwards())
        finally:
            await closed(far_writer)


@asynccontextmanager
async def target(handler):
    """A server for a test's tunnels; yields its address, and leaves no connection behind."""
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            await closed(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def closed(writer):
    """Close a stream and wait until its socket is gone, too."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def ok(body: bytes = b"hello", *extra: bytes) -> bytes:
    """A plain answer with a length."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *extra]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def refusal(status: int, *extra: bytes) -> bytes:
    """A gateway's own answer, as RFC 9209 lets it say so."""
    lines = [b"HTTP/1.1 %d No" % status, b"Proxy-Status: gw; error=x", b"Content-Length: 3", *extra]
    return b"\r\n".join(lines) + b"\r\n\r\nno\n"
