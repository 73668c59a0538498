"""A plain http request on the gateway: to its target on a connection of its own, and back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httptools

from rf_sandbox.heads import Head, write_head

if TYPE_CHECKING:
    from rf_sandbox.gateway import Client
    from rf_sandbox.traffic import Row


class Forward(asyncio.Protocol):
    """One request and its answer. Both are framed anew: what one end says to us stays with us."""

    def __init__(
        self, client: Client, row: Row, head: Head, path: bytes, keep_alive: object
    ) -> None:
        self._client: Client | None = client
        self._world = client.world
        self.row = row
        self._method = head.method
        self._client_keeps_alive = bool(keep_alive)
        coding = (head.get(b"transfer-encoding") or b"").lower()
        self._chunked_request = b"chunked" in coding
        headers = [
            (name, value) for name, value in head.end_to_end() if name.lower() != b"content-length"
        ]
        length = head.get(b"content-length")
        if self._chunked_request:
            headers.append((b"Transfer-Encoding", b"chunked"))
        elif length is not None:
            headers.append((b"Content-Length", length))
        headers.append((b"Connection", b"close"))
        self._outgoing = [write_head(head.method + b" " + path + b" HTTP/1.1", headers)]
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer_headers: list[tuple[bytes, bytes]] = []
        self._chunked_answer = False
        self._headers_sent = False
        self._complete = False
        self._request_complete = False
        self._until_close = False

    # The request

    def request_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked_request else data)

    def request_done(self) -> None:
        """The body is all there."""
        self._request_complete = True
        if self._chunked_request:
            self._send(b"0\r\n\r\n")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The target is there."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows for the type checker
        self._transport = transport
        if self._client is None:
            transport.abort()
            return
        transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _send(self, data: bytes) -> None:
        if self._transport is None:
            self._outgoing.append(data)
        elif not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        """The target is slow."""
        if self._client is not None:
            self._client.pause_reading()

    def resume_writing(self) -> None:
        """The target has caught up."""
        if self._client is not None:
            self._client.resume_reading()

    # The answer

    def data_received(self, data: bytes) -> None:
        """Read the target's answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._give_up("the target changed the protocol")
        except httptools.HttpParserError:
            if not self._complete:
                self._give_up("the target's answer is not HTTP")
        if self._complete:
            self._finish("completed")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._answer_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Pass the head on, framed for this hop."""
        if self._client is None or self._complete:
            return
        status = self._parser.get_status_code()
        head = Head(headers=self._answer_headers)
        headers = head.end_to_end()
        interim = status < 200  # noqa: PLR2004 - 1xx
        bodiless = interim or self._method == b"HEAD" or status in {204, 304}
        if not bodiless and head.get(b"content-length") is None:
            if b"chunked" in (head.get(b"transfer-encoding") or b"").lower():
                self._chunked_answer = True
                headers.append((b"Transfer-Encoding", b"chunked"))
            else:
                self._until_close = True
        if not interim:
            self.row.status = status
            self._headers_sent = True
            if self._until_close or not self._client_keeps_alive:
                headers.append((b"Connection", b"close"))
        reason = b"" if interim else b" OK" if status == 200 else b" Answer"  # noqa: PLR2004
        start = b"HTTP/1.1 %d%b" % (status, reason)
        self._client.send(self.row, write_head(start, headers))
        if interim:
            self._answer_headers = []
        elif self._method == b"HEAD":
            self._complete = True

    def on_body(self, data: bytes) -> None:
        """A piece of the answer's body."""
        if self._client is not None:
            framed = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked_answer else data
            self._client.send(self.row, framed)

    def on_message_complete(self) -> None:
        """The answer is all there, unless it was an interim one."""
        if self._headers_sent:
            self._complete = True
            if self._chunked_answer and self._client is not None:
                self._client.send(self.row, b"0\r\n\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """The target is gone: the end of an answer without a length, or trouble."""
        self._transport = None
        if self._client is None:
            return
        if self._until_close and exc is None:
            self._finish("completed")
        elif self._headers_sent:
            self._world.traffic.end(self.row, "truncated", self._world.now())
            client, self._client = self._client, None
            client.answered(keep_alive=False)
        else:
            self._give_up("the target closed without an answer")

    # Endings

    def client_lost(self) -> None:
        """The client is gone."""
        self._client = None
        self._world.traffic.end(self.row, "aborted", self._world.now())
        if self._transport is not None:
            self._transport.abort()

    def unreachable(self, status: int, details: str) -> None:
        """There is no target."""
        client, self._client = self._client, None
        if client is not None:
            client.fail(self.row, status, details)

    def pause_reading(self) -> None:
        """The client is slow."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The client has caught up."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _give_up(self, details: str) -> None:
        client, self._client = self._client, None
        if self._transport is not None:
            self._transport.abort()
        if client is None:
            return
        if self._headers_sent:
            self._world.traffic.end(self.row, "truncated", self._world.now())
            client.answered(keep_alive=False)
        else:
            client.fail(self.row, 502, details)

    def _finish(self, outcome: str) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.claim_rest(self.row)
            self._world.traffic.end(self.row, outcome, self._world.now())
            client.answered(
                keep_alive=self._client_keeps_alive
                and self._request_complete
                and not self._until_close
            )
        if self._transport is not None:
            self._transport.abort()
