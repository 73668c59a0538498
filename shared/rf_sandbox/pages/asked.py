"""One request of the site, as its pages read it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
MOST_FORM_BYTES: Final = 64 * 1024
_MOST_DIGITS: Final = 18
_AUTHORITY: Final = re.compile(
    r"[A-Za-z0-9.\-]{1,255}(:\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the site.

    `named` has the headers by their lower-cased names, the last of each; `body` is what was
    posted, as far as a form may go (64 kB): of more only the length and the hash are kept.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body_length: int
    body_sha256: str
    client: str
    scheme: str
    named: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path without its query, be the target in origin or in absolute form."""
        if self.target.startswith("/"):
            return self.target.partition("#")[0].partition("?")[0]
        _scheme, separator, rest = self.target.partition("://")
        if not separator:
            return self.target
        return "/" + rest.partition("#")[0].partition("?")[0].partition("/")[2]

    @property
    def domain(self) -> str:
        """The name it was asked under, without its port; "" without a Host."""
        host = self.named.get("host", "").lower()
        if host.startswith("["):
            return host.partition("]")[0].removeprefix("[")
        return host.partition(":")[0]

    @property
    def origin(self) -> str:
        """Scheme and authority it was asked under; "" where the Host is none."""
        host = self.named.get("host", "")
        return f"{self.scheme}://{host}" if _AUTHORITY.fullmatch(host) else ""

    def query(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        if "?" not in self.target:
            return default
        text = self.target.partition("#")[0].partition("?")[2]
        return parse_qs(text, keep_blank_values=True).get(name, [default])[0]

    def form(self, name: str, default: str = "") -> str:
        """The first value of a field of the posted form."""
        text = self.body.decode("utf-8", "replace")
        return parse_qs(text, keep_blank_values=True).get(name, [default])[0]

    def cookie(self, name: str) -> str:
        """The value of a cookie; "" without it."""
        for pair in self.named.get("cookie", "").split(";"):
            given, separator, value = pair.strip().partition("=")
            if separator and given == name:
                return value
        return ""


def whole(text: str, low: int, high: int) -> int:
    """Read a number of an address: digits and nothing else.

    Raises:
        ValueError: it is none, or out of its range; the site then has no such page.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValueError(text)
    number = int(text)
    if not low <= number <= high:
        raise ValueError(text)
    return number


def seconds_of(text: str, high: float) -> float:
    """Read seconds, with a fraction or without.

    Raises:
        ValueError: as `whole`.
    """
    before, point, after = text.partition(".")
    digits = before + after
    if not (before and digits.isascii() and digits.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValueError(text)
    seconds = float(text) if point else float(before)
    if not 0 <= seconds <= high:
        raise ValueError(text)
    return seconds
