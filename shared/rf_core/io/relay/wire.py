"""The few bytes of HTTP the relay writes itself, and the one head it reads by hand."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final

from rf_core.lanes import Credential
from rf_core.refusals import REFUSAL_HEADER, Refusal, lower_names

FLIGHT_HEADER: Final = "Proxy-Flight"
"""Says which of a crawl's requests a plain one is; for the relay alone."""

HEAD_LIMIT: Final = 64 * 1024

_FLIGHT: Final = FLIGHT_HEADER.lower().encode()
_STATUS_DIGITS: Final = 3
_LONGEST_LENGTH: Final = 18
"""Digits. The interpreter refuses to read numbers of some thousands."""

_EVERYDAY: Final = frozenset(
    {b"200", b"201", b"203", b"206", b"301", b"302", b"303", b"307", b"308"}
)
_KEEPS_ALIVE: Final[dict[bytes | None, bool]] = {b"keep-alive": True, b"close": False}


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer to CONNECT: status and headers with lower-case names."""

    status: int
    headers: dict[str, str]

    @property
    def body_bytes(self) -> int:
        """What it says of the length of its body; 0 when that is no number, or an absurd one."""
        length = self.headers.get("content-length", "")
        return int(length) if length.isdecimal() and len(length) <= _LONGEST_LENGTH else 0


def parse_head(raw: bytes) -> Head | None:
    """Read the head of an answer to CONNECT; None when it is not HTTP/1."""
    lines = raw.split(b"\r\n")
    start = lines[0].split(b" ", 2)
    if len(start) < 2 or not start[0].startswith(b"HTTP/1."):  # noqa: PLR2004
        return None
    if len(start[1]) != _STATUS_DIGITS or not start[1].isdigit():
        return None
    pairs = (line.partition(b":") for line in lines[1:] if line)
    return Head(int(start[1]), lower_names((name, value) for name, _, value in pairs))


@dataclass(frozen=True, slots=True)
class Framed:
    """An answer whose end is known from its head, as most are: so many bytes, head included."""

    status: int
    length: int
    keeps_alive: bool


def framed(data: bytes) -> Framed | None:
    """Read the head of an everyday answer: HTTP/1.1, a body of so many bytes, nothing odd.

    None leaves it to a parser: chunks, no body by status, repeated lengths, folded lines, errors.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(b"HTTP/1.1 ") or data[9:12] not in _EVERYDAY:
        return None
    head = data[: end + 2].lower()
    if b"\r\ntransfer-encoding:" in head or b"\n " in head or b"\n\t" in head:
        return None
    length = _only_value(head, b"\r\ncontent-length:")
    if length is None or not length.isdigit():
        return None
    connection = _only_value(head, b"\r\nconnection:")
    if connection not in _KEEPS_ALIVE and (connection is not None or b"\r\nconnection:" in head):
        return None
    return Framed(int(data[9:12]), end + 4 + int(length), _KEEPS_ALIVE.get(connection, True))


def _only_value(head: bytes, name: bytes) -> bytes | None:
    """The value of a header that stands there once; None otherwise."""
    at = head.find(name)
    if at < 0 or head.find(name, at + 1) >= 0:
        return None
    start = at + len(name)
    return head[start : head.index(b"\r\n", start)].strip()


@dataclass(slots=True)
class Asked:
    """The head of a client's request while it is read; what is the proxy's own is taken out.

    Everything else is the client's business, and goes on as it came.

    Attributes:
        authorization: The value of `Proxy-Authorization`, or b"".
        flight: That of `Proxy-Flight`, or b"".
        host: The value of `Host`, or b"".
        chunked: Whether its body comes in chunks.
        has_body: Whether there is one.
    """

    url: bytes = b""
    method: bytes = b""
    version: bytes = b"1.1"
    authorization: bytes = field(default=b"", repr=False)
    flight: bytes = b""
    host: bytes = b""
    chunked: bool = False
    has_body: bool = False
    keeps_alive: bool = True
    _lines: list[bytes] = field(default_factory=list, repr=False)

    def add(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        lower = name.lower()
        if lower == b"proxy-authorization":
            self.authorization = value
            return
        if lower == b"proxy-connection":
            return
        if lower == _FLIGHT:
            self.flight = value
            return
        if lower == b"host":
            self.host = value
        elif lower == b"content-length":
            self.has_body = self.has_body or value != b"0"
        elif lower == b"transfer-encoding":
            self.chunked = self.has_body = b"chunked" in value.lower()
        self._lines.append(name + b": " + value + b"\r\n")

    def head(self, authorization: bytes) -> bytes:
        """The head as it goes to the gateway, with a credential's authorization."""
        return b"%b %b HTTP/%b\r\n%bProxy-Authorization: %b\r\n\r\n" % (
            self.method,
            self.url,
            self.version,
            b"".join(self._lines),
            authorization,
        )


def basic(credential: Credential) -> bytes:
    """The `Proxy-Authorization` value of a credential (RFC 7617, UTF-8)."""
    proxy = credential.proxy
    return b"Basic " + base64.b64encode(f"{proxy.username}:{proxy.password.reveal()}".encode())


def connect_head(target: str, authorization: bytes) -> bytes:
    """The CONNECT request for a target, with a credential's authorization."""
    name = target.encode("ascii")
    return (
        b"CONNECT " + name + b" HTTP/1.1\r\nHost: " + name + b"\r\n"
        b"Proxy-Authorization: " + authorization + b"\r\n\r\n"
    )


def refusal_answer(refusal: Refusal, *, told: bool = False) -> bytes:
    """The relay's answer for a refusal: the gateway's status, our token, nobody else's text.

    Args:
        told: Say it in words, too, for a tool that cannot look the token up.
    """
    body = wait = ""
    if told:
        body = f"The proxy gateway did not carry this request: {refusal.status}, {refusal.cause}.\n"
        asked = refusal.retry_after
        wait = f"Retry-After: {asked}\r\n" if asked.isdecimal() else ""
    return (
        f"HTTP/1.1 {refusal.status} relay-failure={refusal.token}\r\n"
        f"{REFUSAL_HEADER}: {refusal.token}\r\n{wait}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


def own_answer(status: int, reason: str, *, challenge: bool = False) -> bytes:
    """The relay's answer to somebody it will not serve."""
    body = f"{reason}\n".encode()
    extra = 'Proxy-Authenticate: Basic realm="relay"\r\n' if challenge else ""
    return (
        f"HTTP/1.1 {status} {reason}\r\n{extra}Content-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
