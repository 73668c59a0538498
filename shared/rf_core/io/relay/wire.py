"""The few bytes of HTTP the relay writes itself, and the one head it reads by hand."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from rf_core.lanes import Credential
from rf_core.refusals import REFUSAL_HEADER, Refusal, lower_names

HEAD_LIMIT: Final = 64 * 1024

_OWN_HEADERS: Final = frozenset({b"proxy-authorization", b"proxy-connection"})


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer to CONNECT: status and headers with lower-case names."""

    status: int
    headers: dict[str, str]


def parse_head(raw: bytes) -> Head | None:
    """Read the head of an answer to CONNECT; None when it is not HTTP/1."""
    lines = raw.split(b"\r\n")
    start = lines[0].split(b" ", 2)
    if len(start) < 2 or not start[0].startswith(b"HTTP/1.") or not start[1].isdigit():  # noqa: PLR2004
        return None
    pairs = (line.partition(b":") for line in lines[1:] if line)
    return Head(int(start[1]), lower_names((name, value) for name, _, value in pairs))


def basic(credential: Credential) -> bytes:
    """The `Proxy-Authorization` value of a credential (RFC 7617, UTF-8)."""
    proxy = credential.proxy
    return b"Basic " + base64.b64encode(f"{proxy.username}:{proxy.password.reveal()}".encode())


def connect_head(target: str, credential: Credential) -> bytes:
    """The CONNECT request for a target, with its credential."""
    name = target.encode("ascii")
    return (
        b"CONNECT " + name + b" HTTP/1.1\r\nHost: " + name + b"\r\n"
        b"Proxy-Authorization: " + basic(credential) + b"\r\n\r\n"
    )


def request_head(
    method: bytes,
    url: bytes,
    headers: list[tuple[bytes, bytes]],
    credential: Credential,
) -> bytes:
    """The head of a plain http request as it goes to the gateway.

    Only the proxy's own headers change; everything else is the crawler's business.
    """
    kept = [
        name + b": " + value + b"\r\n"
        for name, value in headers
        if name.lower() not in _OWN_HEADERS
    ]
    return b"".join(
        (
            method + b" " + url + b" HTTP/1.1\r\n",
            *kept,
            b"Proxy-Authorization: " + basic(credential) + b"\r\n\r\n",
        ),
    )


def refusal_answer(refusal: Refusal) -> bytes:
    """The relay's answer for a refusal: the gateway's status, our token, nobody else's text."""
    return (
        f"HTTP/1.1 {refusal.status} relay-failure={refusal.token}\r\n"
        f"{REFUSAL_HEADER}: {refusal.token}\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n"
    ).encode()


def own_answer(status: int, reason: str, *, challenge: bool = False) -> bytes:
    """The relay's answer to somebody it will not serve."""
    body = f"{reason}\n".encode()
    extra = 'Proxy-Authenticate: Basic realm="relay"\r\n' if challenge else ""
    return (
        f"HTTP/1.1 {status} {reason}\r\n{extra}Content-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
