"""Finds secrets in bytes that should hold none: plain, url-encoded, in base64, in hex.

A search tells what kind of secret it met and how it was written, never the secret. It holds one
piece of a file at a time; what lies across two pieces is seen as long as it is below 4 kB.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from rf_core.redaction import Secret
from rf_core.settings import KEY_PREFIX

OVERLAP_BYTES: Final = 4_096

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "key_in_use": (
        "the API key in use",
        "Revoke that key in the dashboard, set another one, and delete the file.",
    ),
    "api_key": (
        "an API key",
        "Revoke it in the dashboard unless that is done already, and delete the file.",
    ),
    "proxy_authorization": (
        "a Proxy-Authorization header",
        "Delete the file; rf_scrapy keeps that header out of JOBDIR and the HTTP cache.",
    ),
    "proxy_address": (
        "a gateway's address with a user name and a password",
        "Delete the file, or order new credentials if others could read it.",
    ),
    "credential": (
        "a generated credential",
        "Delete the file, or order new credentials if others could read it.",
    ),
}
"""Kind → what it is called, and the way out. Most serious first."""

WRITTEN: Final = ("plain", "url-encoded", "base64", "hex")
"""How a secret may be written, as far as it is looked for."""

_KEY: Final = re.compile(KEY_PREFIX.encode() + rb"([A-Za-z0-9_-]{12,256})")
_FEWEST_SIGNS: Final = 5
"""`rf_live_xxxxxxxxxxxx` in a manual is no key: a key has more different signs than that."""

_HEADER: Final = b"proxy-authorization"
_BASIC: Final = re.compile(rb"basic\s+([a-z0-9+/_-]{8,})", re.IGNORECASE)
_HEADER_REACH: Final = 400

_SHORTEST_RUN: Final = 16
_HEX_DIGITS: Final = b"0123456789ABCDEFabcdef"
_BASE64_DIGITS: Final = string.ascii_letters.encode() + string.digits.encode() + b"+/-_"
_SAFE_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")
_GROUP: Final = 4

_LONG_ENOUGH: Final = 8
"""A password shorter than that may stand anywhere: it is looked for behind its user name."""

_PROVIDER: Final = b"resifactory.net"
_ADDRESS_REACH: Final = 800
_PORT: Final = re.compile(rb":\d{1,5}")
_BEHIND: Final = re.compile(rb":\d{1,5}:[^\s:]{1,256}:[^\s:]")
_BEFORE: Final = re.compile(rb"[^\s/@:]{1,256}:[^\s/@]{1,256}@[a-z0-9.-]*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """One kind of secret in one file, however often.

    Attributes:
        kind: A row of :data:`KINDS`.
        written: One of :data:`WRITTEN`.
    """

    kind: str
    written: str


class Known:
    """What is looked for by its value: credentials that were generated, and our own key.

    Args:
        credentials: User names and passwords.
        hosts: Where gateways are.
    """

    def __init__(
        self,
        credentials: Iterable[tuple[str, str]] = (),
        hosts: Iterable[str] = (),
        key: Secret | None = None,
    ) -> None:
        self._texts = frozenset(_text_of(user, password) for user, password in credentials)
        self._key = key
        self._shortest = min(map(len, self._texts), default=0)
        self._heads = frozenset(text[: self._shortest] for text in self._texts)
        self._lengths = sorted({len(text) for text in self._texts})
        self._signs = _marks(b"".join(self._texts))
        self._hosts = {_PROVIDER, *(host.lower().encode() for host in hosts if host)}

    def __repr__(self) -> str:
        return f"<Known {len(self._texts):,} credentials>"

    def kinds_in(self, view: bytes) -> Iterator[str]:
        """Walk over the kinds of secrets that stand in these bytes as they are."""
        kinds = {self._key_kind(found) for found in _KEY.finditer(view)} - {""}
        if self._key is not None and self._key.reveal().encode() in view:
            kinds.add("key_in_use")  # whatever keys begin with
        yield from kinds
        lowered = view.lower()
        if any(_is_header(view, at) for at in _all(_HEADER, lowered)):
            yield "proxy_authorization"
        if any(_is_address(view, at) for host in self._hosts for at in _all(host, lowered)):
            yield "proxy_address"
        if self._has_credential(view):
            yield "credential"

    def _key_kind(self, found: re.Match[bytes]) -> str:
        if len(set(found[1])) < _FEWEST_SIGNS:
            return ""
        # At the end of a piece a key may be cut off; it comes whole with the next one.
        ours = self._key is not None and self._key.reveal().encode().startswith(found[0])
        return "key_in_use" if ours else "api_key"

    def _has_credential(self, view: bytes) -> bool:
        shortest, heads, texts = self._shortest, self._heads, self._texts
        for run in _runs(view, self._signs, shortest) if texts else ():
            for at in range(len(run) - shortest + 1):
                if run[at : at + shortest] in heads and any(
                    run[at : at + length] in texts for length in self._lengths
                ):
                    return True
        return False


@dataclass(slots=True)
class Search:
    """Looks through one stream of bytes, piece by piece.

    Attributes:
        found: What has been met so far.
    """

    known: Known
    found: set[Leak] = field(default_factory=set)
    _tail: bytes = b""

    def feed(self, piece: bytes) -> None:
        """Look through the next piece."""
        buffer = self._tail + piece
        self._tail = buffer[-OVERLAP_BYTES:]
        plain = set(self.known.kinds_in(buffer))
        self.found |= {Leak(kind, "plain") for kind in plain}
        for written, view in _views(buffer):
            self.found |= {
                Leak(kind, written) for kind in self.known.kinds_in(view) if kind not in plain
            }


def _views(buffer: bytes) -> Iterator[tuple[str, bytes]]:
    """Walk over what the bytes are when something in them is decoded."""
    if b"%" in buffer:
        yield "url-encoded", unquote_to_bytes(buffer)
    runs = [run.translate(_SAFE_ALPHABET) for run in _runs(buffer, _BASE64_MARKS, _SHORTEST_RUN)]
    # A run may begin before the text in it does: each of four beginnings is tried.
    for skip in range(_GROUP):
        yield "base64", b"\n".join(_from_base64(run[skip:]) for run in runs)
    digits = list(_runs(buffer, _HEX_MARKS, _SHORTEST_RUN))
    for skip in range(2):
        yield "hex", b"\n".join(_from_hex(run[skip:]) for run in digits)


def _from_base64(run: bytes) -> bytes:
    run = run[: len(run) // _GROUP * _GROUP] if len(run) % _GROUP == 1 else run
    try:
        return base64.b64decode(run + b"=" * (-len(run) % _GROUP))
    except binascii.Error:
        return b""


def _from_hex(run: bytes) -> bytes:
    return binascii.unhexlify(run[: len(run) // 2 * 2])


def _marks(signs: bytes) -> bytes:
    """Make a table that turns these signs into ones and all others into zeros."""
    among = set(signs)
    return bytes(sign in among for sign in range(256))


_HEX_MARKS: Final = _marks(_HEX_DIGITS)
_BASE64_MARKS: Final = _marks(_BASE64_DIGITS)


def _runs(view: bytes, marks: bytes, shortest: int) -> Iterator[bytes]:
    """Walk over the stretches of nothing but those signs, ten times as fast as a regex does."""
    marked = view.translate(marks)
    wanted = b"\x01" * shortest
    at = marked.find(wanted)
    while at >= 0:
        end = marked.find(b"\x00", at)
        end = len(view) if end < 0 else end
        yield view[at:end]
        at = marked.find(wanted, end)


def _all(text: bytes, view: bytes) -> Iterator[int]:
    """Walk over where a text ends."""
    at = view.find(text)
    while at >= 0:
        yield at + len(text)
        at = view.find(text, at + len(text))


def _is_header(view: bytes, at: int) -> bool:
    """Tell whether a user name and a password follow: not every text on headers has some."""
    found = _BASIC.search(view, at, at + _HEADER_REACH)
    return found is not None and b":" in _from_base64(found[1].translate(_SAFE_ALPHABET))


def _is_address(view: bytes, at: int) -> bool:
    """Tell whether the host that ends there has credentials before it, or behind."""
    if _BEHIND.match(view, at):
        return True
    return bool(_PORT.match(view, at) and _BEFORE.search(view, max(0, at - _ADDRESS_REACH), at))


def _text_of(user: str, password: str) -> bytes:
    text = password if len(password) >= _LONG_ENOUGH else f"{user}:{password}"
    return text.encode()
