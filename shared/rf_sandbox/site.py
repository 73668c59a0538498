"""The site's connections: plain and TLS, kept alive, one request at a time."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import httptools

from rf_sandbox.pages import Asked, Reply, Site

_MOST_BODY: Final = 64 * 1024 * 1024
_IDLE_SECONDS: Final = 120.0


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
        self._body = bytearray()
        self._keep_alive = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who it is: the address is the exit."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows for the type checker
        self._transport = transport
        self._client = str((transport.get_extra_info("peername") or ("",))[0])
        self._wait()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Let go."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Read requests."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._transport is not None:
                self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                self._transport.close()

    def on_message_begin(self) -> None:
        """Start a request."""
        self._url = b""
        self._headers = []
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        """Collect the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Note whether the client wants to stay; let one that asks send its body."""
        self._keep_alive = bool(self._parser.should_keep_alive())
        expects = any(
            name.lower() == "expect" and value.lower() == "100-continue"
            for name, value in self._headers
        )
        if expects and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Collect the body, within reason."""
        if len(self._body) < _MOST_BODY:
            self._body += data

    def on_message_complete(self) -> None:
        """Answer."""
        method = self._parser.get_method().decode("latin-1")
        asked = Asked(
            method,
            self._url.decode("latin-1"),
            self._headers,
            bytes(self._body),
            self._client,
            self._scheme,
        )
        reply = self._site.answer(asked)
        if reply.after:
            if self._transport is not None:
                self._transport.pause_reading()
            self._loop.call_later(reply.after, self._send, reply, method)
        else:
            self._send(reply, method)

    def _send(self, reply: Reply, method: str) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        reason = HTTPStatus(reply.status).phrase if reply.status in _KNOWN else "Status"
        bodiless = reply.status in {204, 304}
        lines = [
            f"HTTP/1.1 {reply.status} {reason}",
            f"Date: {formatdate(usegmt=True)}",
            *(f"{name}: {value}" for name, value in reply.headers),
        ]
        if not bodiless:
            lines += [
                f"Content-Type: {reply.content_type}",
                f"Content-Length: {len(reply.body)}",
            ]
        if not self._keep_alive:
            lines.append("Connection: close")
        head = "\r\n".join((*lines, "", "")).encode("latin-1")
        body = b"" if bodiless or method == "HEAD" else reply.body
        self._transport.write(head + body)
        if not self._keep_alive:
            self._transport.close()
        elif reply.after:
            self._transport.resume_reading()
        self._wait()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_IDLE_SECONDS, self._idle)

    def _idle(self) -> None:
        if self._transport is not None:
            self._transport.close()


_KNOWN: Final = {status.value for status in HTTPStatus}
