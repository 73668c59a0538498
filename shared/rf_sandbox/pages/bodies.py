"""Bodies of every size, framing, speed and charset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from rf_sandbox.pages.asked import Asked, seconds_of, whole
from rf_sandbox.pages.encodings import some_text
from rf_sandbox.pages.reply import (
    BLOCK,
    MOST_BYTES,
    PLAIN,
    Delivery,
    Header,
    Reply,
    document,
    page,
    text,
)
from rf_sandbox.pages.routing import ANY, Page
from rf_sandbox.pages.shop import LAST_MODIFIED
from rf_sandbox.pages.state import SiteState

MOST_HUGE_BYTES: Final = 4 * 1024 * 1024 * 1024
MOST_TEXT: Final = 256 * 1024
_BINARY: Final = "application/octet-stream"
_LONGEST_MS: Final = 60_000
_LONGEST_DRIP: Final = 3_600.0
_PIECES_PER_SECOND: Final = 20
_PIECE: Final = 64 * 1024
_RANGES: Final = (("Accept-Ranges", "bytes"),)


def _bytes(_site: SiteState, _asked: Asked, count: str) -> Reply:
    size = whole(count, 0, MOST_BYTES)
    return Reply(200, BLOCK, _BINARY, _RANGES, size=size, is_still=True)


def _status(_site: SiteState, _asked: Asked, status_text: str) -> Reply:
    status = whole(status_text, 200, 599)
    return text(f"status {status}", status)


def _slow(_site: SiteState, _asked: Asked, milliseconds: str) -> Reply:
    after = whole(milliseconds, 0, _LONGEST_MS) / 1000
    return Reply(200, b"at last\n", "text/plain", delivery=Delivery(after=after))


def _drip(_site: SiteState, asked: Asked, count: str) -> Reply:
    size = whole(count, 0, MOST_BYTES)
    seconds = seconds_of(asked.query("seconds", "1"), _LONGEST_DRIP)
    steps = max(1, min(size, round(seconds * _PIECES_PER_SECOND)))
    delivery = Delivery(piece_bytes=max(1, -(-size // steps)), pause=seconds / steps)
    return Reply(200, BLOCK, _BINARY, size=size, delivery=delivery)


def _huge(_site: SiteState, asked: Asked) -> Reply:
    left = whole(asked.query("bytes", str(MOST_HUGE_BYTES)), 0, MOST_HUGE_BYTES)
    piece = BLOCK * (_PIECE // len(BLOCK))

    def pieces() -> Iterator[bytes]:
        rest = left
        while rest > 0:
            yield piece[:rest]
            rest -= len(piece)

    return Reply(200, b"", _BINARY, pieces=pieces, delivery=Delivery(framing="chunked"))


def _chunked(_site: SiteState, asked: Asked, count: str) -> Reply:
    size = whole(count, 0, MOST_BYTES)
    piece_bytes = whole(asked.query("piece", "1000"), 1, _PIECE)
    delivery = Delivery(framing="chunked", piece_bytes=piece_bytes)
    return Reply(200, BLOCK, _BINARY, size=size, delivery=delivery)


def _close(_site: SiteState, _asked: Asked, count: str) -> Reply:
    size = whole(count, 0, MOST_BYTES)
    return Reply(200, BLOCK, _BINARY, size=size, delivery=Delivery(framing="close"))


def _hints(_site: SiteState, _asked: Asked) -> Reply:
    hints = (("Link", "</image/1.png>; rel=preload; as=image"),)
    shown = page("Hinted", '<img src="/image/1.png">')
    return replace(shown, delivery=Delivery(hints=hints))


def _unchanged(_site: SiteState, _asked: Asked, version: str) -> Reply:
    number = whole(version, 0, MOST_BYTES)
    headers = (("ETag", f'"version-{number}"'), LAST_MODIFIED, ("Cache-Control", "max-age=0"))
    return replace(text(f"version {number}\n" * 20), headers=headers, is_still=True)


def _long_head(_site: SiteState, _asked: Asked, count: str) -> Reply:
    headers: list[Header] = []
    left = whole(count, 0, 1_000_000)
    while left > 0:
        headers.append((f"X-Filler-{len(headers)}", "x" * min(left, 1_000)))
        left -= 1_000
    return replace(text("a long head\n"), headers=tuple(headers))


_NOTE: Final = "Café, naïve, 5 €"
_CHARSETS: Final = {
    "right": ("utf-8", "text/html; charset=utf-8", ""),
    "wrong": ("windows-1252", "text/html; charset=utf-8", ""),
    "missing": ("windows-1252", "text/html", ""),
    "meta": ("windows-1252", "text/html", '<meta charset="windows-1252">'),
    "contradicted": ("utf-8", "text/html; charset=utf-8", '<meta charset="windows-1252">'),
    "unknown": ("utf-8", "text/html; charset=utf-9", ""),
    "utf-16": ("utf-16", "text/html; charset=utf-16", ""),
}
"""Name → how the page is written, what its Content-Type says, and what it says of itself."""


def _charset(_site: SiteState, _asked: Asked, name: str) -> Reply:
    if name not in _CHARSETS:
        raise ValueError(name)
    codec, declared, own = _CHARSETS[name]
    markup = f"<!doctype html><html><head>{own}<title>{_NOTE}</title></head><body></body></html>"
    return Reply(200, markup.encode(codec), declared)


def _ip(_site: SiteState, asked: Asked) -> Reply:
    return document({"ip": asked.client})


def _headers(_site: SiteState, asked: Asked) -> Reply:
    return document({"headers": asked.headers, "client": asked.client})


def _echo(_site: SiteState, asked: Asked) -> Reply:
    return document(
        {"method": asked.method, "length": asked.body_length, "sha256": asked.body_sha256}
    )


def _words(_site: SiteState, _asked: Asked, count: str) -> Reply:
    return Reply(200, some_text(whole(count, 0, MOST_TEXT)), PLAIN, is_still=True)


PAGES: Final = (
    Page("/ip", "the address it was asked from", _ip),
    Page("/headers", "the headers that came", _headers, ANY),
    Page("/echo", "length and SHA-256 of what was sent", _echo, ANY),
    Page("/status/{status}", "any final status, 200 to 599", _status, ANY),
    Page("/bytes/{bytes}", "so many bytes, up to 256 MiB; single ranges", _bytes),
    Page(
        "/text/{bytes}", "so many bytes of text, up to 256 KiB, compressed for who takes it", _words
    ),
    Page("/huge?bytes=", "chunks without an end: 4 GiB, if nobody hangs up", _huge),
    Page("/chunked/{bytes}?piece=1000", "so many bytes, in chunks of that size", _chunked),
    Page(
        "/close/{bytes}", "so many bytes without a length; the connection's end is theirs", _close
    ),
    Page("/slow/{milliseconds}", "an answer after that time, up to a minute", _slow, ANY),
    Page("/drip/{bytes}?seconds=1", "so many bytes, evenly, over so many seconds", _drip),
    Page("/hints", "103 Early Hints, then the page", _hints),
    Page("/version/{number}", "with ETag and Last-Modified; 304 for who has it", _unchanged),
    Page("/long-head/{bytes}", "so many bytes of headers, up to a million", _long_head),
    Page(
        "/charset/{name}",
        "the same page `right`, or with its charset `wrong`, `missing`, in `meta` alone, "
        "`contradicted`, `unknown`, or as `utf-16`",
        _charset,
    ),
)
