"""An answer of the site as bytes: its head, and its body in the framing it goes out in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import Final

from rf_sandbox.pages.reply import STRAIGHT, Reply

SLICE: Final = 256 * 1024
_KNOWN: Final = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Manner:
    """How the client asked: with HEAD, for the connection to stay, in HTTP/1.0."""

    is_head: bool = False
    keep_alive: bool = True
    is_old: bool = False


def is_last(reply: Reply, manner: Manner) -> bool:
    """Whether nothing can follow an answer on its connection."""
    delivery = reply.delivery
    return delivery is not STRAIGHT and (
        delivery.framing == "close"
        or (delivery.framing == "chunked" and manner.is_old)
        or delivery.claimed is not None
        or delivery.body_bytes is not None
        or delivery.reset_bytes is not None
        or "content-length" in delivery.without
    )


def head_of(reply: Reply) -> tuple[bytes, bytes]:
    """Write a head for an answer with a length: what stands before the date, and what after it."""
    lines = [f"{name}: {value}" for name, value in reply.headers]
    if not reply.is_bodiless:
        lines += [f"Content-Type: {reply.content_type}", f"Content-Length: {reply.length}"]
    return (
        f"HTTP/1.1 {reply.status} {_phrase(reply.status)}\r\nDate: ".encode(),
        "".join(("\r\n", *(f"{line}\r\n" for line in lines))).encode("latin-1"),
    )


def straight(reply: Reply, manner: Manner, date: bytes) -> bytes:
    """Write an answer in one piece."""
    before, after = reply.head or head_of(reply)
    body = b"" if manner.is_head else reply.piece(0, reply.length)
    return b"%b%b%b%b\r\n%b" % (before, date, after, _connection(manner), body)


def pieces(reply: Reply, manner: Manner, date: bytes) -> Iterator[bytes]:
    """Write an answer in pieces, as its delivery has it."""
    delivery = reply.delivery
    head = _head(reply, manner, date)
    whole: Iterable[bytes] = chain((head,), _body(reply, manner))
    if delivery.with_head:
        whole = _cut(whole, delivery.piece_bytes or 1)
    if delivery.reset_bytes is not None:
        whole = _first(whole, delivery.reset_bytes)
    if delivery.hints and not manner.is_old:
        yield b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % _lines(delivery.hints)
    yield from whole


def _head(reply: Reply, manner: Manner, date: bytes) -> bytes:
    own = [("Date", date.decode())]
    if not reply.is_bodiless:
        own += [("Content-Type", reply.content_type), *_framing(reply, manner)]
    kept = [line for line in own if line[0].lower() not in reply.delivery.without]
    start = f"HTTP/1.1 {reply.status} {_phrase(reply.status)}\r\n".encode()
    return b"%b%b%b%b\r\n" % (start, _lines(kept), _lines(reply.headers), _connection(manner))


def _framing(reply: Reply, manner: Manner) -> list[tuple[str, str]]:
    match reply.delivery.framing:
        case "close":
            return []
        case "chunked":
            return [] if manner.is_old else [("Transfer-Encoding", "chunked")]
        case "length":
            claimed = reply.delivery.claimed
            return [("Content-Length", str(reply.length if claimed is None else claimed))]


def _body(reply: Reply, manner: Manner) -> Iterator[bytes]:
    if manner.is_head or reply.is_bodiless:
        return
    delivery = reply.delivery
    body = _raw(reply)
    if delivery.body_bytes is not None:
        body = _first(body, delivery.body_bytes)
    if delivery.framing != "chunked" or manner.is_old:
        yield from body
        return
    for piece in body:
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    if delivery.body_bytes is None:
        yield b"0\r\n\r\n"


def _raw(reply: Reply) -> Iterator[bytes]:
    if reply.pieces is not None:
        yield from (piece for piece in reply.pieces() if piece)
        return
    step = reply.delivery.piece_bytes or SLICE
    for offset in range(0, reply.length, step):
        yield reply.piece(offset, step)


def _cut(whole: Iterable[bytes], size: int) -> Iterator[bytes]:
    for piece in whole:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


def _first(whole: Iterable[bytes], count: int) -> Iterator[bytes]:
    for piece in whole:
        if count <= 0:
            return
        yield piece[:count]
        count -= len(piece)


def _connection(manner: Manner) -> bytes:
    if not manner.keep_alive:
        return b"Connection: close\r\n"
    return b"Connection: keep-alive\r\n" if manner.is_old else b""


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1", "replace")


def _phrase(status: int) -> str:
    return _KNOWN.get(status, "Status")
