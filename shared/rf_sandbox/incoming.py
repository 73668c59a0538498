"""Cuts what a client sends into heads and bodies, to the byte, and refuses what is ambiguous.

A head is cut off exactly where it ends before a parser reads it, so that every byte belongs to
one exchange, and what two parsers could read differently is served to nobody (RFC 9112, 11.2).
"""

from __future__ import annotations

from typing import Final, NamedTuple, cast

import httptools

from rf_sandbox.heads import Head, split_target, without_upgrade

HEAD_LIMIT: Final = 64 * 1024
_END: Final = b"\r\n\r\n"
_HTTP_PORT: Final = 80


class Wanted(NamedTuple):
    """The head of a request that can be served, and where it wants to go."""

    head: Head
    size: int
    host: str
    port: int
    authority_port: int | None = None
    path: bytes = b""

    @property
    def is_tunnel(self) -> bool:
        """Whether it is a CONNECT."""
        return self.head.method == b"CONNECT"


class Broken(NamedTuple):
    """What cannot be served, whoever asks. The connection is of no use after it."""

    status: int
    details: str
    size: int


class Piece(NamedTuple):
    """A piece of a body: `size` bytes of the wire hold `data`."""

    data: bytes
    size: int
    is_last: bool = False
    is_broken: bool = False


class Incoming:
    """The bytes of one connection, from the client's side."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._parser: httptools.HttpRequestParser | None = None
        self._head = Head()
        self._body: list[bytes] = []
        self._body_left = 0
        self._complete = True
        self._overrun = False

    def __len__(self) -> int:
        """Bytes that no exchange has claimed yet."""
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Add what was read."""
        self._bytes += data

    @property
    def is_complete(self) -> bool:
        """Whether the last request is all there."""
        return self._complete

    def rest(self) -> bytes:
        """Take everything: a tunnel's bytes, or those of a connection at its end."""
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken

    def next_head(self) -> Wanted | Broken | None:
        """Cut off the next head; None while it is not all there."""
        start = 0
        if self._bytes.startswith((b"\r", b"\n")):
            start = len(self._bytes) - len(self._bytes.lstrip(b"\r\n"))
        end = self._bytes.find(_END, start)
        size = len(self._bytes) if end < 0 else end + len(_END)
        if size > HEAD_LIMIT:
            return Broken(431, "the request head is too large", len(self.rest()))
        if start < size and not b"A" <= self._bytes[start : start + 1] <= b"Z":
            return Broken(400, "not an HTTP request", len(self.rest()))
        if end < 0:
            return None
        raw = bytes(self._bytes[:size])
        del self._bytes[:size]
        return self._read(raw)

    def next_piece(self) -> Piece | None:
        """Take what is there of the body, and no more than the body."""
        if not self._bytes or self._parser is None:
            return None
        size = min(len(self._bytes), self._body_left or len(self._bytes))
        raw = bytes(self._bytes[:size])
        del self._bytes[:size]
        self._body_left -= size if self._body_left else 0
        self._body.clear()
        try:
            self._parser.feed_data(raw)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._overrun = True  # the latter: another request has begun in there, a CONNECT
        self._let_go_of_parser()
        return Piece(b"".join(self._body), size, self._complete, self._overrun)

    # httptools

    def on_message_begin(self) -> None:
        """A second message within a body's bytes is one too many: its start is lost."""
        self._overrun = self._complete

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self._head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; the trailers of a body are not passed on."""
        self._head.add(name, value)

    def on_headers_complete(self) -> None:
        """Note what the parser has forgotten once a request without a body is complete."""
        if self._parser is not None:
            self._head.method = self._parser.get_method()
            self._head.version = self._parser.get_http_version()
            self._head.keep_alive = bool(self._parser.should_keep_alive())

    def on_body(self, data: bytes) -> None:
        """Collect a body without its framing."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """The request is all there."""
        self._complete = True

    def _read(self, raw: bytes) -> Wanted | Broken:
        self._head = head = Head()
        self._complete = False
        self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(without_upgrade(raw))
        except httptools.HttpParserUpgrade:
            self._complete = True  # a CONNECT: what follows the head is the tunnel's
        except httptools.HttpParserError:
            return Broken(400, "not a request that a proxy serves", len(raw))
        self._let_go_of_parser()
        self._body_left = head.content_length
        if head.version not in {"1.0", "1.1"}:
            return Broken(400, "HTTP/1.0 or HTTP/1.1 is spoken here", len(raw))
        codings = head.codings
        if codings and (codings != [b"chunked"] or head.version == "1.0"):
            return Broken(400, "no transfer coding but chunked", len(raw))
        wanted = _tunnel(head, len(raw)) if head.method == b"CONNECT" else _plain(head, len(raw))
        return wanted or Broken(
            400, "an absolute http URL is needed, or CONNECT with host:port", len(raw)
        )

    def _let_go_of_parser(self) -> None:
        """It holds us as we hold it, and would be waste for the collector."""
        if self._complete:
            self._parser = None


def _tunnel(head: Head, size: int) -> Wanted | None:
    target = split_target(head.url.decode("latin-1"))
    return None if target is None or head.has_body else Wanted(head, size, *target)


def _plain(head: Head, size: int) -> Wanted | None:
    try:
        parts = httptools.parse_url(head.url)
    except httptools.HttpParserInvalidURLError:
        return None
    if (parts.schema or b"").lower() != b"http" or not parts.host:
        return None
    path = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
    given = cast("int | None", parts.port)  # the stub does not know of URLs without one
    port = _HTTP_PORT if given is None else given
    return Wanted(head, size, parts.host.decode("latin-1").lower(), port, given, path)
