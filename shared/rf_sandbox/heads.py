"""Reading and writing the heads of HTTP/1 messages on the gateway."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
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
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    452: "Traffic Exhausted",
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
"""Status → error type of RFC 9209 when nothing more exact is known."""

_UPGRADE: Final = re.compile(rb"\r\nupgrade:[^\r\n]*(?=\r\n)", re.IGNORECASE)


@dataclass(slots=True)
class Head:
    """The head of a message."""

    method: bytes = b""
    url: bytes = b""
    version: str = "1.1"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    keep_alive: bool = True
    _values: dict[bytes, list[bytes]] = field(default_factory=dict)

    def add(self, name: bytes, value: bytes) -> None:
        """Take a header in."""
        self.headers.append((name, value))
        lowered = name.lower()
        if lowered in self._values:
            self._values[lowered].append(value)
        else:
            self._values[lowered] = [value]

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a header; its name in lower case."""
        return self._values.get(name, [])

    def get(self, name: bytes) -> bytes | None:
        """The first value of a header; its name in lower case."""
        return self._values[name][0] if name in self._values else None

    @property
    def codings(self) -> list[bytes]:
        """The transfer codings in order, lower-case."""
        values = self._values.get(b"transfer-encoding")
        if values is None:
            return []
        listed = b",".join(values).lower().split(b",")
        return [coding.strip() for coding in listed if coding.strip()]

    @property
    def content_length(self) -> int:
        """The announced length; 0 without one. The parser has vouched for the digits."""
        return int(self.get(b"content-length") or 0)

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow a request."""
        return bool(self.codings) or self.content_length > 0

    def end_to_end(self, ours: frozenset[bytes] = HOP_BY_HOP) -> list[tuple[bytes, bytes]]:
        """The headers that are for the other end, not for this hop (RFC 9110, 7.6.1).

        Args:
            ours: Names that are not passed on, in lower case; those of the hop among them.
        """
        if b"connection" in self._values:
            named = b",".join(self._values[b"connection"]).lower().split(b",")
            ours = ours.union(token.strip() for token in named)
        if ours.isdisjoint(self._values):
            return self.headers.copy()
        return [header for header in self.headers if header[0].lower() not in ours]


def without_upgrade(raw: bytes) -> bytes:
    """Take `Upgrade` out of a raw head: this hop never changes protocol (RFC 9110, 7.8)."""
    return _UPGRADE.sub(b"", raw)


@lru_cache(maxsize=1_024)
def basic_credentials(value: bytes | None) -> tuple[str, str] | None:
    """Read a `Basic` authorization (RFC 7617)."""
    scheme, _, token = (value or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, colon, password = (
            base64.b64decode(token.strip(), validate=True).decode().partition(":")
        )
    except ValueError:
        return None
    return (user, password) if colon else None


def split_target(target: str) -> tuple[str, int] | None:
    """Read `host:port`, with brackets around IPv6; None when it is neither."""
    host, colon, port = target.rpartition(":")
    if not colon or not (port.isascii() and port.isdecimal()) or len(port) > 5:  # noqa: PLR2004
        return None
    if not 0 < int(port) < 65_536:  # noqa: PLR2004 - what a port can be
        return None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    return (host.lower(), int(port)) if host else None


def join_target(host: str, port: int | None) -> str:
    """Write `host:port`, with brackets around IPv6."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def write_head(start: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Write a head."""
    lines = [b"%b: %b" % header for header in headers]
    return b"\r\n".join((start, *lines, b"\r\n"))


def changed(
    headers: list[tuple[bytes, bytes]], changes: Mapping[str, str | None]
) -> list[tuple[bytes, bytes]]:
    """Set headers, and drop those without a value."""
    names = {name.lower().encode() for name in changes}
    kept = [(name, value) for name, value in headers if name.lower() not in names]
    added = [
        (name.encode(), value.encode()) for name, value in changes.items() if value is not None
    ]
    return kept + added


def own_answer(
    status: int,
    details: str,
    *,
    keep_alive: bool,
    error: str | None = None,
    changes: Mapping[str, str | None] | None = None,
) -> bytes:
    """The gateway's own answer: marked so that nobody takes it for the target's (RFC 9209).

    A 407 carries its challenge (C-172).
    """
    body = f"{details}\n".encode()
    cause = error or PROXY_ERRORS.get(status, "proxy_internal_response")
    headers = [
        (b"Proxy-Status", f'sandbox; error={cause}; details="{details}"'.encode()),
        (b"Content-Type", b"text/plain"),
        (b"Content-Length", str(len(body)).encode()),
    ]
    if status == 407:  # noqa: PLR2004 - the challenge belongs to it
        headers.append((b"Proxy-Authenticate", b'Basic realm="sandbox"'))
    if not keep_alive:
        headers.append((b"Connection", b"close"))
    start = f"HTTP/1.1 {status} {REASONS.get(status, 'Answer')}".encode()
    return write_head(start, changed(headers, changes or {})) + body
