"""Where a request wants to go, read from its first line."""

from __future__ import annotations

import httptools


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


def join(host: str, port: int) -> str:
    """Write `host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def domain_of(target: str) -> str | None:
    """Return the host of `host:port` in lower case, or None when there is no port (C-171)."""
    host, colon, port = target.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004
        return None
    return host.strip("[]").lower()
