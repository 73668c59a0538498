"""One answer of the site, and how it goes out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

Header = tuple[str, str]
Framing = Literal["length", "chunked", "close"]

HTML: Final = "text/html; charset=utf-8"
PLAIN: Final = "text/plain; charset=utf-8"
BLOCK: Final = hashlib.sha256(b"sandbox").digest() * 32
MOST_BYTES: Final = 256 * 1024 * 1024
_BODILESS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer goes out, where it does not simply go out.

    Attributes:
        after: Seconds before anything is sent.
        hangs: Nothing is ever sent.
        hints: Headers of a 103 that goes first (RFC 8297).
        framing: What ends the body: its length, chunks, or the end of the connection.
        piece_bytes: The body goes in pieces of that size, `pause` seconds apart.
        with_head: The head goes in pieces too.
        claimed: Bytes that are announced instead of those there are.
        body_bytes: The connection is closed in order after so many bytes of the body.
        reset_bytes: It is reset after so many bytes, the head included.
        without: Lines of every head that are left out of this one, in lower case.
    """

    after: float = 0.0
    hangs: bool = False
    hints: tuple[Header, ...] = ()
    framing: Framing = "length"
    piece_bytes: int = 0
    pause: float = 0.0
    with_head: bool = False
    claimed: int | None = None
    body_bytes: int | None = None
    reset_bytes: int | None = None
    without: frozenset[str] = frozenset()


STRAIGHT: Final = Delivery()
"""The one delivery that is none: everything at once, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """One answer of the site.

    Without a `size` of its own the body is sent once; with one it is said over and over, `start`
    bytes into it. `pieces` makes a body of no known length while it is sent. `is_still` says that
    whoever asks gets the same; `head` is then its head ready for the wire, around the Date.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = HTML
    headers: tuple[Header, ...] = ()
    size: int | None = None
    start: int = 0
    pieces: Callable[[], Iterator[bytes]] | None = None
    delivery: Delivery = STRAIGHT
    is_still: bool = False
    head: tuple[bytes, bytes] | None = None

    @property
    def is_bodiless(self) -> bool:
        """Whether the status forbids a body (RFC 9110, 15)."""
        return self.status in _BODILESS

    @property
    def length(self) -> int:
        """Bytes of the body, where they are known."""
        if self.is_bodiless:
            return 0
        return len(self.body) if self.size is None else self.size

    def piece(self, offset: int, count: int) -> bytes:
        """Up to `count` bytes of the body from `offset`."""
        if self.size is None:
            return self.body[offset : offset + count]
        count = min(self.length - offset, count)
        first = (self.start + offset) % len(self.body)
        times = (first + count) // len(self.body) + 1
        return (self.body * times)[first : first + count]


def some_bytes(count: int) -> bytes:
    """That many bytes, the same each time."""
    return Reply(body=BLOCK, size=count).piece(0, count)


def text(words: str, status: int = 200, **headers: str) -> Reply:
    """Say it as plain text."""
    return Reply(status, words.encode(), PLAIN, tuple(headers.items()))


def document(content: object, *, is_still: bool = False) -> Reply:
    """Say it as JSON."""
    return Reply(200, json.dumps(content).encode(), "application/json", is_still=is_still)


def page(
    title: str,
    content: str,
    status: int = 200,
    headers: tuple[Header, ...] = (),
    *,
    is_still: bool = False,
) -> Reply:
    """Say it as HTML. The content is markup."""
    head = f"<!doctype html><html><head><title>{escape(title)}</title></head>"
    whole = f"{head}<body>{content}</body></html>".encode()
    return Reply(status, whole, headers=headers, is_still=is_still)


def redirect(there: str, status: int = 302, *headers: Header) -> Reply:
    """Lead elsewhere."""
    return Reply(status, headers=(("Location", there), *headers))
