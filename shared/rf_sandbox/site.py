"""The site's connections: plain and TLS, kept alive, answered in the order of the requests."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import httptools

from rf_sandbox.pages import Asked, Reply, Site

_IDLE_SECONDS: Final = 120.0
_SLICE: Final = 256 * 1024
_MOST_QUEUED: Final = 64
_KNOWN: Final = {status.value: status.phrase for status in HTTPStatus}


class SiteConnection(asyncio.Protocol):
    """One client of the site."""

    def __init__(self, site: Site, scheme: str) -> None:
        self._site = site
        self._scheme = scheme
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._client = ""
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._length = 0
        self._digest = hashlib.sha256()
        self._queue: deque[tuple[Reply, bytes, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who it is: the address is the exit."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows for the type checker
        self._transport = transport
        self._site.connections.add(self)
        self._client = str((transport.get_extra_info("peername") or ("",))[0])
        self._wait()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Let go."""
        self._transport = None
        self._site.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """The client is slow."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Read requests."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            bad = Reply(400, b"not a request\n", "text/plain")
            self._enqueue(bad, b"GET", keep_alive=False)

    # httptools

    def on_message_begin(self) -> None:
        """Start a request."""
        self._url = b""
        self._headers = []
        self._length = 0
        self._digest = hashlib.sha256()

    def on_url(self, url: bytes) -> None:
        """Collect the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Let a client that asks send its body."""
        expects = any(
            name.lower() == "expect" and value.lower() == "100-continue"
            for name, value in self._headers
        )
        if expects and self._transport is not None and not self._queue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Read the body; what it was is all that is kept."""
        self._length += len(data)
        self._digest.update(data)

    def on_message_complete(self) -> None:
        """Find the answer; it is sent when those before it are through."""
        method = self._parser.get_method()
        asked = Asked(
            method.decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            self._length,
            self._digest.hexdigest(),
            self._client,
            self._scheme,
        )
        self._enqueue(
            self._site.answer(asked), method, keep_alive=bool(self._parser.should_keep_alive())
        )

    # Answers

    def _enqueue(self, reply: Reply, method: bytes, *, keep_alive: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if not self._queue and not reply.after and reply.length <= _SLICE:
            self._transport.write(_head(reply, keep_alive=keep_alive) + _body(reply, method))
            self._settle(keep_alive=keep_alive)
            return
        self._queue.append((reply, method, keep_alive))
        if len(self._queue) > _MOST_QUEUED:
            self._transport.pause_reading()
        if self._task is None:
            self._task = self._loop.create_task(self._send_all())

    async def _send_all(self) -> None:
        """Send answers one after the other, no faster than they are read."""
        while self._queue:
            reply, method, keep_alive = self._queue[0]
            if reply.after:
                await asyncio.sleep(reply.after)
            if self._transport is None or self._transport.is_closing():
                return
            self._transport.write(_head(reply, keep_alive=keep_alive))
            left = reply.length if method != b"HEAD" else 0
            offset = 0
            while offset < left:
                await self._may_write.wait()
                self._transport.write(reply.piece(offset, _SLICE))
                offset += _SLICE
            self._queue.popleft()
            self._settle(keep_alive=keep_alive)
        self._task = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _settle(self, *, keep_alive: bool) -> None:
        if not keep_alive and self._transport is not None:
            self._transport.close()
        self._wait()

    def _wait(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._loop.call_later(_IDLE_SECONDS, self._rest)

    def _rest(self) -> None:
        if self._queue:
            self._wait()
        elif self._transport is not None:
            self._transport.close()


def _body(reply: Reply, method: bytes) -> bytes:
    return b"" if method == b"HEAD" else reply.piece(0, reply.length)


def _head(reply: Reply, *, keep_alive: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {_KNOWN.get(reply.status, 'Status')}",
        f"Date: {formatdate(usegmt=True)}",
        *(f"{name}: {value}" for name, value in reply.headers),
    ]
    if not reply.is_bodiless:
        lines += [f"Content-Type: {reply.content_type}", f"Content-Length: {reply.length}"]
    if not keep_alive:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1")
