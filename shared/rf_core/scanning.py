"""Takes the one large value out of a JSON object while it arrives, and keeps the rest as it is.

An answer to an order is an object whose `proxies` may be 36 MB, as a string of lines or as an array
of objects (C-061), and pieces of it are cut anywhere. The value is handed on in pieces of whole
lines or whole entries; what remains, with `null` in its place, is a small document for any parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

LONGEST_PART: Final = 1 << 20
"""No line, entry or other token of an honest answer is longer: memory stays bounded."""

_STRING: Final = rb'"(?:[^"\\]|\\.)*+"'
_TOKEN: Final = re.compile(
    rb"\s*+(?:(?P<text>" + _STRING + rb')|(?P<mark>[{}\[\],:])|[^\s{}\[\],:"]++)', re.DOTALL
)
_INSIDE: Final = re.compile(rb'[^"\\]*+(?:\\(?:u[0-9a-fA-F]{4}|[^u])[^"\\]*+)*+', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(u[0-9a-fA-F]{4}|[^u])", re.DOTALL)
_BLANK: Final = re.compile(rb"\s*+")
_STEPS: Final = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}
_OPENINGS: Final = frozenset({b'"', b"["})
_LEAD: Final = re.compile(rb"\s*+(,?)\s*+")


class TakeEntries(Protocol):
    """Takes a JSON array of whole entries; False when it is no such thing and none was taken.

    With `sure` it is cut at the right place, and what is wrong with it is wrong with the answer.
    """

    def __call__(self, array: bytes, *, sure: bool) -> bool:
        """Take them, or say no."""
        ...


class BrokenError(ValueError):
    """This is no JSON."""


class Scanner:
    """Feed it pieces, close it, and read what it returns then.

    Args:
        name: The top-level field that is large.
        take_text: Gets whole lines of a string, decoded, as UTF-8 that nobody has checked.
        take_entries: Gets the entries of an array.

    Attributes:
        found: Whether there is such a value.
    """

    def __init__(
        self, name: str, take_text: Callable[[bytes], None], take_entries: TakeEntries
    ) -> None:
        self._name = name
        self._take_text = take_text
        self._take_entries = take_entries
        self._step: Callable[[], bool] = self._before
        self._pending = b""
        self._rest = bytearray()
        self._depth = 0
        self._last = b""
        self._key = ""
        self._begun = False
        self.found = False

    def feed(self, piece: bytes) -> None:
        """Take in the next piece.

        Raises:
            BrokenError: what has come is no JSON, or holds something longer than anything can be.
        """
        self._pending += piece
        while self._step():
            pass
        if len(self._pending) > LONGEST_PART:
            raise BrokenError

    def close(self) -> bytes:
        """Return the document without the large value.

        Raises:
            BrokenError: the value has no end.
        """
        if self._step in (self._text, self._entries):
            raise BrokenError
        return bytes(self._rest + self._pending)

    def _before(self) -> bool:
        """Walk over tokens until the value of that name begins at the top level."""
        pending, at = self._pending, 0
        while (token := _TOKEN.match(pending, at)) is not None:
            if self._is_due():
                break
            at = token.end()
            mark, text = token["mark"], token["text"]
            if text is not None and self._depth == 1 and self._last in {b"{", b","}:
                self._key = _decoded(text)
            self._depth += _STEPS.get(mark, 0)
            self._last = mark or b"value"
        start = _BLANK.match(pending, at).end()  # type: ignore[union-attr] # it matches nothing too
        opening = pending[start : start + 1] if self._is_due() else b""
        if opening in _OPENINGS:
            self._rest += pending[:start] + b"null"
            self._pending = pending[start + 1 :]
            self.found = True
            self._step = self._text if opening == b'"' else self._entries
            return True
        if opening:
            self._key = ""  # of another kind: it stays where it is
        self._rest += pending[:at]
        self._pending = pending[at:]
        return bool(opening)

    def _is_due(self) -> bool:
        return self._depth == 1 and self._last == b":" and self._key == self._name

    def _text(self) -> bool:
        """Hand on whole lines; the common case is one with no escapes but line ends."""
        pending = self._pending
        whole = pending[: pending.rfind(b"\\n") + 2] if b"\\n" in pending else b""
        plain = b'"' not in pending and whole.count(b"\\") == whole.count(b"\\n")
        if plain:
            if b"\n" in whole:  # a line end that is not escaped is no JSON
                raise BrokenError
            self._pending = pending[len(whole) :]
            if whole:
                self._take_text(whole.replace(b"\\n", b"\n"))
            return False
        end = _INSIDE.match(pending).end()  # type: ignore[union-attr] # it matches nothing too
        if pending[end : end + 1] == b'"':
            self._pending = pending[end + 1 :]
            self._take_text(_decoded(b'"' + pending[:end] + b'"').encode() + b"\n")
            self._step = self._after
            return True
        ends = [
            escape.end()
            for escape in _ESCAPE.finditer(pending, 0, end)
            if escape[1] == b"n" or escape[1].lower() == b"u000a"
        ]
        if ends:
            self._pending = pending[ends[-1] :]
            self._take_text(_decoded(b'"' + pending[: ends[-1]] + b'"').encode())
        return False

    def _entries(self) -> bool:
        """Hand on whole entries: up to where the last one seems to end, or surely ends."""
        lead = _LEAD.match(self._pending)
        if lead is None or lead.end() == len(self._pending):
            return False
        pending = self._pending[lead.end() :]
        if pending.startswith(b"]"):
            if lead[1]:
                raise BrokenError
            self._pending = pending[1:]
            self._step = self._after
            return True
        if bool(lead[1]) is not self._begun:
            raise BrokenError
        cut = max(pending.rfind(b"},"), pending.rfind(b"}]")) + 1
        if not cut or not self._take_entries(b"[" + pending[:cut] + b"]", sure=False):
            cut = _last_end(pending)
            if not cut:
                return False
            self._take_entries(b"[" + pending[:cut] + b"]", sure=True)
        self._begun = True
        self._pending = pending[cut:]
        return True

    def _after(self) -> bool:
        self._rest += self._pending
        self._pending = b""
        return False


def _last_end(pending: bytes) -> int:
    """Return where the last whole entry ends, by walking over every token."""
    depth = at = last = 0
    while (token := _TOKEN.match(pending, at)) is not None:
        mark = token["mark"]
        if depth == 0 and mark in {b",", b"]"}:
            last = token.start("mark")
            if mark == b"]":
                break
        depth += _STEPS.get(mark, 0)
        at = token.end()
    return last


def _decoded(text: bytes) -> str:
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BrokenError from error
