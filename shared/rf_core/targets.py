"""Where a request wants to go, read from its first line."""

from __future__ import annotations

import re
from typing import Final

import httptools

_AUTHORITY: Final = re.compile(rb"[^/?#]+")


def authority_of(url: bytes) -> str | None:
    """Return `host:port` of an absolute http URL, or None when it is not one."""
    try:
        parts = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return None
    if (parts.schema or b"").lower() != b"http" or not parts.host:
        return None
    host = parts.host.decode("latin-1").lower()
    return join(host, parts.port or 80)


def bracketed(url: bytes, host: bytes) -> bytes:
    """Put the brackets around an IPv6 address that a client has left out; httpx does.

    Args:
        host: The value of the `Host` header, which has them, and tells the address from the port.
    """
    scheme, found, rest = url.partition(b"://")
    authority = _AUTHORITY.match(rest)
    bare = authority[0] if authority else b""
    if not found or not host.startswith(b"[") or host.translate(None, b"[]") != bare:
        return url
    return b"%b://%b%b" % (scheme, host, rest[len(bare) :])


def spelled(target: str) -> str:
    """Return `host:port` with brackets around an IPv6 address, whether it came with them or not."""
    host, _, port = target.rpartition(":")
    return join(host.strip("[]").lower(), int(port)) if port.isdecimal() else target


def join(host: str, port: int) -> str:
    """Write `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def domain_of(target: str) -> str | None:
    """Return the host of `host:port` in lower case, or None when there is no port (C-171)."""
    host, colon, port = target.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004
        return None
    return host.strip("[]").lower()
