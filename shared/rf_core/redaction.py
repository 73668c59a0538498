"""Secrets that cannot print themselves, and a filter for text that may hold one.

A key or a proxy password travels as a :class:`Secret`. Whatever prints, formats, logs, pickles or
inspects it gets stars; only :meth:`Secret.reveal` gives the value, and that is easy to grep.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

STARS: Final = "****"

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s?#]*@")
_KEY = re.compile(r"(?P<prefix>rf_live_)[A-Za-z0-9_-]{4,}")
_other_keys: dict[str, re.Pattern[str]] = {}
"""Keys that begin otherwise, since a user of this process said so (C-009)."""
_BASIC = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{6,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Secret:
    """A string that only `reveal()` shows; `repr`, `str`, `format` and tracebacks show stars."""

    __slots__ = ("_reveal",)

    def __init__(self, value: str) -> None:
        # A closure rather than an attribute: `vars`, `asdict` and tracebacks that print locals
        # or attributes of this object then meet a function and no text.
        def reveal() -> str:
            return value

        self._reveal: Callable[[], str] = reveal

    def reveal(self) -> str:
        """Return the value itself. Call it where bytes go out, nowhere earlier."""
        return self._reveal()

    def __repr__(self) -> str:
        return f"Secret({STARS})"

    def __str__(self) -> str:
        return STARS

    def __format__(self, _spec: str) -> str:
        return STARS

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal().encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        message = "a Secret is never pickled: pass a reference to where it is kept instead"
        raise TypeError(message)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Secret:
        return self


def fingerprint(key: Secret) -> str:
    """Name a key without revealing it: 16 hex digits, the same on every machine (C-012)."""
    digest = hmac.new(b"resifactory-toolkit key", key.reveal().encode(), hashlib.sha256)
    return digest.hexdigest()[:16]


def mask_key(key: Secret) -> str:
    """Show what the dashboard shows of a key: its prefix and last four characters (C-023)."""
    known = (prefix for prefix in ("rf_live_", *_other_keys) if key.reveal().startswith(prefix))
    return f"{next(known, '')}…{key.reveal()[-4:]}"


def know_prefix(prefix: str) -> None:
    """Take texts that begin like this for keys too, from now on, wherever they are printed."""
    if not _KEY.match(f"{prefix}xxxx"):
        _other_keys[prefix] = re.compile(f"(?P<prefix>{re.escape(prefix)})[A-Za-z0-9_-]{{4,}}")


def holds_key(text: str) -> bool:
    """Tell whether an API key stands in a text, anybody's."""
    return any(pattern.search(text) for pattern in (_KEY, *_other_keys.values()))


def redact(text: str) -> str:
    """Take user names and passwords in URLs, keys and authorization values out of a text."""
    text = _USERINFO.sub(rf"\g<scheme>{STARS}@", text)
    for pattern in (_KEY, *_other_keys.values()):
        text = pattern.sub(rf"\g<prefix>{STARS}", text)
    return _BASIC.sub(rf"\g<1> {STARS}", text)


_Error = TypeVar("_Error", bound=BaseException)


def without_frames(error: _Error) -> _Error:
    """Take from an error all that leads to variables of the code it came through.

    Raise what is returned outside of any `except`: a traceback that prints variables, as crash
    reporters like to, then finds neither a key nor a password in them.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def printable(text: str, limit: int = 200) -> str:
    """Make a foreign string safe for one line of a terminal.

    Control characters and bidirectional overrides are replaced, and the text is cut at `limit`
    characters. What an API sends as a label or a domain is a stranger's text.
    """
    clean = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def escape_controls(document: str) -> str:
    r"""Write what steers a terminal as `\uXXXX`, in JSON: it stays the same document.

    JSON escapes half of it only: C1 controls and bidirectional overrides may stand as they are.
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", document)
