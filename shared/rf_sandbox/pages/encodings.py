"""Compressed answers: gzip, br, zstd and deflate, by Accept-Encoding or by name."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from rf_sandbox.pages.asked import Asked, whole
from rf_sandbox.pages.goods import item_bytes
from rf_sandbox.pages.reply import PLAIN, Reply
from rf_sandbox.pages.routing import Page
from rf_sandbox.pages.state import SiteState

MOST_ENCODED_BYTES: Final = 1024 * 1024
_SMALLEST: Final = 256
_TEXTS: Final = ("text/", "application/json", "application/xml")
_GZIP_BITS: Final = 31


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(6, wbits=_GZIP_BITS)
    return packer.compress(body) + packer.flush()


def _brotli(body: bytes) -> bytes:
    import brotli  # type: ignore[import-untyped] # has no types  # noqa: PLC0415 - rarely needed

    return bytes(brotli.compress(body, quality=5))


def _zstd(body: bytes) -> bytes:
    import zstandard  # noqa: PLC0415 - 26 ms that most sandboxes need not pay

    return zstandard.ZstdCompressor(level=3).compress(body)


CODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "br": _brotli,
    "zstd": _zstd,
    "gzip": _gzip,
    "deflate": zlib.compress,
}
"""Content coding → how it is done, the ones the site likes best first."""


def chosen(accepted: str) -> str:
    """Return the coding for an Accept-Encoding; "" for none (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = _weight(weight)
    default = weights.get("*", 0.0)
    liked = [(weights.get(name, default), name) for name in CODINGS]
    best = max(weight for weight, _name in liked)
    if best <= 0 or best < weights.get("identity", 0.0):
        return ""
    return next(name for weight, name in liked if weight == best)


def encoded(asked: Asked, reply: Reply) -> Reply:
    """Compress a page of text for a client that takes it."""
    is_text = reply.content_type.startswith(_TEXTS) and reply.size is None
    if not is_text or any(name == "Content-Encoding" for name, _ in reply.headers):
        return reply
    varied = replace(reply, headers=(*reply.headers, ("Vary", "Accept-Encoding")))
    coding = chosen(asked.named.get("accept-encoding", ""))
    if not coding or reply.length < _SMALLEST:
        return varied
    tagged = tuple(_tagged(line, coding) for line in varied.headers if line[0] != "Accept-Ranges")
    headers = (*tagged, ("Content-Encoding", coding))
    return replace(varied, body=CODINGS[coding](reply.body), headers=headers)


def _tagged(line: tuple[str, str], coding: str) -> tuple[str, str]:
    """Another representation has another strong tag (RFC 9110, 8.8.3)."""
    name, value = line
    return (name, f'{value[:-1]}-{coding}"') if name == "ETag" else line


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0


def _encoded_text(_site: SiteState, _asked: Asked, coding: str, count: str) -> Reply:
    if coding not in CODINGS:
        raise ValueError(coding)
    return Reply(
        200,
        CODINGS[coding](some_text(whole(count, 0, MOST_ENCODED_BYTES))),
        PLAIN,
        (("Content-Encoding", coding),),
        is_still=True,
    )


def some_text(count: int) -> bytes:
    """That many bytes of text, the same each time: the texts of the items, from the first on."""
    text, number = bytearray(), 0
    while len(text) < count:
        number += 1
        text += item_bytes(number)
    return bytes(text[:count])


PAGES: Final = (
    Page(
        "/encoded/{coding}/{bytes}",
        "so many bytes of text in `gzip`, `br`, `zstd` or `deflate`, whatever was accepted; "
        "up to 1 MiB",
        _encoded_text,
    ),
)
