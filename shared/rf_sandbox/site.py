"""The site's connections: plain and TLS, kept alive, answered in the order of the requests."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import struct
from collections import deque
from dataclasses import replace
from typing import Final, cast

import httptools

from rf_sandbox.pages import Site
from rf_sandbox.pages.asked import EMPTY_SHA256, MOST_FORM_BYTES, Asked
from rf_sandbox.pages.reply import PLAIN, STRAIGHT, Reply
from rf_sandbox.pages.wire import SLICE, Manner, is_last, pieces, straight

MOST_HEAD_BYTES: Final = 64 * 1024
_MOST_QUEUED: Final = 64
_LONGEST_HANG: Final = 3_600.0
_METHOD: Final = re.compile(rb"[A-Z][A-Z-]{0,31} \S+ HTTP/1\.[01]\r\n")
_ALLOWED: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_KEPT_ALIVE: Final = Manner()
_RESET: Final = struct.pack("ii", 1, 0)


class SiteConnection(asyncio.Protocol):
    """One client of the site."""

    def __init__(self, site: Site, scheme: str) -> None:
        self._site = site
        self._scheme = scheme
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._client = ""
        self._queue: deque[tuple[Reply, Manner]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._timer: asyncio.TimerHandle | None = None
        self._heard = 0.0
        self._begun = 0.0
        self._unread = 0
        self._is_over = False
        self._has_said_all = False
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who it is: the address is the exit."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport = transport
        self._site.connections.add(self)
        self._client = str((transport.get_extra_info("peername") or ("",))[0])
        self._heard = self._begun = self._loop.time()
        self._watch()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Let go."""
        self._transport = None
        self._site.connections.discard(self)
        del self._parser  # it holds us as we hold it: without this, waste for the collector
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
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

    def eof_received(self) -> bool:
        """The client says no more; what it asked for before is still sent, where TCP allows."""
        self._is_over = self._has_said_all = True
        waits = bool(self._queue) and not self._queue[0][0].delivery.hangs
        return waits and self._scheme == "http"

    def data_received(self, data: bytes) -> None:
        """Read requests."""
        if self._is_over:
            return
        self._heard = self._loop.time()
        self._site.visits.count_bytes(self._client, len(data), 0)
        self._unread += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            known = _METHOD.match(data.lstrip(b"\r\n"))
            self._refuse(405 if known else 400, "not a request", Allow=_ALLOWED)
        except httptools.HttpParserError:
            self._refuse(400, "not a request")
        if self._unread > MOST_HEAD_BYTES:
            self._refuse(431, "the head is larger than 64 kB")

    # httptools

    def on_message_begin(self) -> None:
        """Start a request."""
        self._url = b""
        self._headers: list[tuple[str, str]] = []
        self._named: dict[str, str] = {}
        self._head_bytes = 0
        self._length = 0
        self._body = b""
        self._digest: hashlib._Hash | None = None
        self._is_in_head = True
        self._begun = self._heard

    def on_url(self, url: bytes) -> None:
        """Collect the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; what follows a chunked body is nobody's."""
        if not self._is_in_head:
            return
        self._head_bytes += len(name) + len(value)
        written, content = name.decode("latin-1"), value.decode("latin-1")
        self._headers.append((written, content))
        self._named[written.lower()] = content

    def on_headers_complete(self) -> None:
        """Let a client that asks send its body."""
        self._is_in_head = False
        self._unread = 0
        if self._head_bytes + len(self._url) > MOST_HEAD_BYTES:
            self._unread = MOST_HEAD_BYTES + 1
            return
        asks = self._named.get("expect", "").lower() == "100-continue"
        if asks and self._transport is not None and not self._queue:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Read the body; of a long one its length and hash are all that is kept."""
        self._unread = 0
        self._length += len(data)
        if self._digest is None:
            self._digest = hashlib.sha256()
        self._digest.update(data)
        if len(self._body) < MOST_FORM_BYTES:
            self._body += data[: MOST_FORM_BYTES - len(self._body)]

    def on_message_complete(self) -> None:
        """Find the answer; it is sent when those before it are through."""
        if self._is_over or self._unread > MOST_HEAD_BYTES:
            return
        parser = self._parser
        self._unread = 0
        self._is_in_head = True
        self._head_bytes = 0
        method = parser.get_method().decode("latin-1")
        asked = Asked(
            method,
            self._url.decode("latin-1"),
            self._headers,
            self._length,
            EMPTY_SHA256 if self._digest is None else self._digest.hexdigest(),
            self._client,
            self._scheme,
            self._named,
            self._body,
        )
        keep_alive, is_old = parser.should_keep_alive(), parser.get_http_version() == "1.0"
        if method == "GET" and keep_alive and not is_old:
            manner = _KEPT_ALIVE
        else:
            manner = Manner(method == "HEAD", bool(keep_alive), is_old)
        self._enqueue(self._site.answer(asked), manner)

    def _go_on(self, rest: bytes) -> None:
        """Read on after a request that asked for another protocol and did not get it."""
        if {"content-length", "transfer-encoding"} & self._named.keys():
            # Where its body ends cannot be told any more: what follows must not be taken for a
            # request.
            self._refuse(400, "a body and another protocol at once")
            return
        self._parser = httptools.HttpRequestParser(self)
        if rest:
            self.data_received(rest)

    # Answers

    def _refuse(self, status: int, words: str, **headers: str) -> None:
        if self._is_over:
            return
        body = f"{words}\n".encode()
        refusal = Reply(status, body, PLAIN, tuple(headers.items()))
        self._enqueue(refusal, Manner(keep_alive=False))

    def _enqueue(self, reply: Reply, manner: Manner) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if is_last(reply, manner):
            manner = replace(manner, keep_alive=False)
        if not manner.keep_alive:
            self._is_over = True
        if (
            reply.delivery is STRAIGHT
            and not self._queue
            and reply.length <= SLICE
            and self._may_write.is_set()
        ):
            self._write(straight(reply, manner, self._site.date()))
            if not manner.keep_alive:
                self._transport.close()
            return
        self._queue.append((reply, manner))
        if len(self._queue) > _MOST_QUEUED:
            self._transport.pause_reading()
        if self._task is None:
            self._task = self._loop.create_task(self._send_all(self._transport))

    async def _send_all(self, transport: asyncio.Transport) -> None:
        """Send answers one after the other, no faster than they are read."""
        while self._queue:
            reply, manner = self._queue[0]
            await self._send(transport, reply, manner)
            if transport.is_closing():
                return
            self._queue.popleft()
            self._heard = self._loop.time()
        self._task = None
        if self._is_over:
            transport.close()
        else:
            transport.resume_reading()

    async def _send(self, transport: asyncio.Transport, reply: Reply, manner: Manner) -> None:
        delivery = reply.delivery
        if delivery.after:
            await asyncio.sleep(delivery.after)
        if delivery.hangs:
            # Whoever leaves says no more first: nothing would tell that nobody waits any longer.
            await asyncio.sleep(0 if self._has_said_all else _LONGEST_HANG)
            transport.abort()
            return
        if delivery.reset_bytes is not None:
            # Not 0: uvloop never resumes a TLS transport that has that for its high mark.
            transport.set_write_buffer_limits(high=1)
        for piece in pieces(reply, manner, self._site.date()):
            await self._may_write.wait()
            if transport.is_closing():
                return
            self._write(piece)
            # Pieces take time to make: others have their turn between them.
            await asyncio.sleep(delivery.pause)
        if delivery.reset_bytes is not None:
            await self._may_write.wait()
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._heard = self._loop.time()
            self._site.visits.count_bytes(self._client, 0, len(data))
            self._transport.write(data)

    # Time

    def _watch(self) -> None:
        """Look again when the connection may have been quiet for too long."""
        seconds = min(self._site.head_seconds, self._site.idle_seconds)
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        if self._transport is None:
            return
        now, site = self._loop.time(), self._site
        is_quiet = now - self._heard >= site.idle_seconds
        if self._unread and not self._queue and now - self._begun >= site.head_seconds:
            self._refuse(408, "the request took too long")
        elif is_quiet and self._transport.get_write_buffer_size():
            self._transport.abort()  # it does not read what it asked for
        elif is_quiet and not self._queue:
            self._transport.close()
        else:
            self._watch()
