"""Reading and writing the heads of HTTP/1 messages on the gateway."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    402: "Payment Required",
    403: "Forbidden",
    407: "Proxy Authentication Required",
    431: "Request Header Fields Too Large",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

PROXY_ERRORS: Final = {
    400: "http_request_error",
    402: "proxy_internal_response",
    403: "http_request_denied",
    407: "http_request_denied",
    431: "http_request_error",
    502: "connection_refused",
    503: "connection_limit_reached",
    504: "connection_timeout",
}
"""Status → error type of RFC 9209, so that a client can tell our answers from the target's."""


@dataclass(slots=True)
class Head:
    """The head of a request."""

    method: bytes = b""
    url: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def end_to_end(self) -> list[tuple[bytes, bytes]]:
        """The headers that are for the other end, not for this hop (RFC 9110, 7.6.1)."""
        named = {
            token.strip().lower()
            for name, value in self.headers
            if name.lower() == b"connection"
            for token in value.split(b",")
        }
        return [
            (name, value)
            for name, value in self.headers
            if name.lower() not in HOP_BY_HOP and name.lower() not in named
        ]


def basic_credentials(value: bytes | None) -> tuple[str, str] | None:
    """Read a `Basic` authorization (RFC 7617)."""
    scheme, _, token = (value or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
    except ValueError:
        return None
    return (user, password) if colon else None


def split_target(target: str) -> tuple[str, int] | None:
    """Read `host:port`, with brackets around IPv6; None when it is neither."""
    host, colon, port = target.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    return (host.lower(), int(port)) if host else None


def write_head(start: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Write a head."""
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return start + b"\r\n" + lines + b"\r\n"


def own_answer(status: int, details: str, *, keep_alive: bool) -> bytes:
    """The gateway's own answer: marked with `Proxy-Status`, challenged when it is a 407 (C-172)."""
    body = f"{details}\n".encode()
    headers = [
        (b"Proxy-Status", f'sandbox; error={PROXY_ERRORS[status]}; details="{details}"'.encode()),
        (b"Content-Type", b"text/plain"),
        (b"Content-Length", str(len(body)).encode()),
    ]
    if status == 407:  # noqa: PLR2004 - the challenge belongs to it
        headers.append((b"Proxy-Authenticate", b'Basic realm="sandbox"'))
    if not keep_alive:
        headers.append((b"Connection", b"close"))
    return write_head(f"HTTP/1.1 {status} {REASONS[status]}".encode(), headers) + body
