"""A plain http request on the gateway: to its target and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httptools

from rf_sandbox.heads import HOP_BY_HOP, Head, changed, write_head

if TYPE_CHECKING:
    from rf_sandbox.client import Client
    from rf_sandbox.mishaps import Plight
    from rf_sandbox.traffic import Row
    from rf_sandbox.upstream import Upstream

_MOST_HELD: Final = 256 * 1024
_ANEW: Final = HOP_BY_HOP | {b"host", b"content-length"}


class Forward:
    """One request and its answer. Both are framed anew: what one end says to us stays with us.

    Args:
        keeps: Whether the connection to the target may carry the next request from its exit.
    """

    def __init__(
        self,
        client: Client,
        row: Row,
        head: Head,
        path: bytes,
        authority: bytes,
        *,
        keeps: bool = False,
    ) -> None:
        self._client: Client | None = client
        self._world = client.world
        self.row = row
        self._head = head
        self._keeps = keeps
        self._chunked_request = bool(head.codings)
        self._first = _request_head(
            head, path, authority, chunked=self._chunked_request, keeps=keeps
        )
        self._outgoing: list[bytes] = []
        self._held = 0
        self._upstream: Upstream | None = None
        self._reused = False
        self._any_answer = False
        self._overrun = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer = Head()
        self._to_client: list[bytes] = []
        self._payload = 0
        self._chunked_answer = False
        self._close_ends_it = False
        self._close_after = not head.keep_alive
        self._headers_sent = False
        self._complete = False
        self._request_complete = False

    # The request

    def request_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked_request else data)

    def request_done(self) -> None:
        """The body is all there."""
        self._request_complete = True
        if self._chunked_request:
            self._send(b"0\r\n\r\n")

    def attach(self, upstream: Upstream, *, reused: bool = False) -> None:
        """There is a connection to the target: send what there is."""
        if self._client is None:
            upstream.release(keep=False)
            return
        self._upstream = upstream
        self._reused = reused
        upstream.exchange = self
        if self._held > _MOST_HELD:
            self._client.resume_reading()
        waiting, self._outgoing = self._outgoing, []
        if upstream.transport is not None:
            upstream.transport.write(b"".join((self._first, *waiting)))

    def _send(self, data: bytes) -> None:
        upstream = self._upstream
        if upstream is not None:
            if upstream.is_open and upstream.transport is not None:
                upstream.transport.write(data)
            return
        self._outgoing.append(data)
        self._held += len(data)
        if self._held > _MOST_HELD and self._client is not None:
            self._client.pause_reading()

    def pause_client(self) -> None:
        """The target is slow."""
        if self._client is not None:
            self._client.pause_reading()

    def resume_client(self) -> None:
        """The target has caught up."""
        if self._client is not None:
            self._client.resume_reading()

    # The answer

    def answer(self, data: bytes) -> None:
        """Read the target's answer; what came in one piece goes on in one piece."""
        self._any_answer = True
        trouble: tuple[str, str] | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            trouble = "http_upgrade_failed", "the target changed the protocol"
        except httptools.HttpParserError:
            self._overrun = True
            if not self._complete:
                trouble = "http_protocol_error", "the answer of the target is not HTTP"
        pieces, self._to_client = self._to_client, []
        payload, self._payload = self._payload, 0
        if pieces and self._client is not None:
            data = b"".join(pieces)
            self._client.send(self.row, data, framing=len(data) - payload)
        if trouble is not None:
            self.give_up(502, *trouble)
        if self._complete:
            self._finish()

    def on_message_begin(self) -> None:
        """Another answer than the one that was asked for makes the connection useless."""
        self._overrun |= self._complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; the trailers of an answer are not passed on."""
        self._answer.add(name, value)

    def on_headers_complete(self) -> None:
        """Pass the head on, framed for this hop."""
        status = self._parser.get_status_code()
        if status < 200:  # noqa: PLR2004 - an interim answer
            self._pass_on_interim(status)
        elif not self._complete:
            self._pass_on_head(status)

    def _pass_on_interim(self, status: int) -> None:
        head, self._answer = self._answer, Head()
        if self._head.version != "1.0":
            start = b"HTTP/1.1 %d Interim" % status
            self._to_client.append(write_head(start, head.end_to_end()))

    def _pass_on_head(self, status: int) -> None:
        head = self._answer
        headers = head.end_to_end()
        # The parser forgets this once the answer is complete.
        self._keeps &= bool(self._parser.should_keep_alive())
        bodiless = self._head.method == b"HEAD" or status in {204, 304}
        if not bodiless and head.get(b"content-length") is None:
            chunked = head.codings == [b"chunked"]
            self._chunked_answer = chunked and self._head.version != "1.0"
            self._close_ends_it = not chunked
            self._close_after |= not self._chunked_answer
            if self._chunked_answer:
                headers.append((b"Transfer-Encoding", b"chunked"))
        if self._client is not None and self._client.plight is not None:
            headers = self._as_fate_has_it(self._client.plight, headers)
        if self._close_after:
            headers.append((b"Connection", b"close"))
        self.row.status = status
        self._headers_sent = True
        reason = b"OK" if status == 200 else b"Answer"  # noqa: PLR2004 - for people only
        self._to_client.append(write_head(b"HTTP/1.1 %d %b" % (status, reason), headers))
        self._complete = self._head.method == b"HEAD"

    def _as_fate_has_it(
        self, plight: Plight, headers: list[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        """Headers that a fault has changed; after a wrong length nothing can follow."""
        length = self._answer.get(b"content-length")
        if plight.length_delta and length is not None:
            self._close_after = True
            wrong = str(max(0, int(length) + plight.length_delta))
            headers = changed(headers, {"Content-Length": wrong})
        return changed(headers, plight.header_changes)

    def on_body(self, data: bytes) -> None:
        """A piece of the answer's body."""
        if not self._complete:
            self._payload += len(data)
            framed = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked_answer else data
            self._to_client.append(framed)

    def on_message_complete(self) -> None:
        """The answer is all there, unless it was an interim one."""
        if self._headers_sent and not self._complete:
            self._complete = True
            if self._chunked_answer:
                self._to_client.append(b"0\r\n\r\n")

    def target_lost(self, exc: Exception | None) -> None:
        """The target is gone: the end of an answer without a length, a stale connection, trouble.

        A connection that had been kept may die the moment it is used again. A request without a
        body, of which nothing came back, is then sent once more on a new one.
        """
        self._upstream = None
        if self._close_ends_it and exc is None:
            self._finish()
        elif self._reused and not self._any_answer and not self._head.has_body:
            if self._client is not None:
                self._reused = False
                self._client.reach(self)
        else:
            self.give_up(502, "connection_terminated", "the target closed without an answer")

    # Endings

    def give_up(self, status: int, error: str, details: str) -> None:
        """Say so while nothing has been said; break off when something has."""
        client, self._client = self._client, None
        self._let_go(keep=False)
        if client is None:
            return
        if self._headers_sent:
            self._world.traffic.end(self.row, "truncated", self._world.now())
            client.answered(keep_alive=False)
        else:
            client.fail(self.row, status, error, details)

    def gone_quiet(self) -> None:
        """Nothing has moved for too long."""
        self.give_up(504, "connection_read_timeout", "the target did not answer in time")

    def client_lost(self) -> None:
        """The client is gone."""
        self._client = None
        self._world.traffic.end(self.row, "aborted", self._world.now())
        self._let_go(keep=False)

    def pause_reading(self) -> None:
        """The client is slow."""
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.pause_reading()

    def resume_reading(self) -> None:
        """The client has caught up."""
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.resume_reading()

    def _let_go(self, *, keep: bool) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.release(keep=keep)

    def _finish(self) -> None:
        client, self._client = self._client, None
        del self._parser  # it holds us as we hold it: without this, waste for the collector
        framed = self._keeps and not self._close_ends_it and not self._overrun
        self._let_go(keep=framed and self._request_complete)
        if client is not None:
            self._world.traffic.end(self.row, "completed", self._world.now())
            client.answered(keep_alive=self._request_complete and not self._close_after)


def _request_head(
    head: Head, path: bytes, authority: bytes, *, chunked: bool, keeps: bool
) -> bytes:
    """The head for the target: its Host is where we connect, whatever the client's said."""
    headers = [(b"Host", authority), *head.end_to_end(_ANEW)]
    length = head.get(b"content-length")
    if chunked:
        headers.append((b"Transfer-Encoding", b"chunked"))
    elif length is not None:
        headers.append((b"Content-Length", length))
    if not keeps:
        headers.append((b"Connection", b"close"))
    return write_head(head.method + b" " + path + b" HTTP/1.1", headers)
