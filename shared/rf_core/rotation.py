"""How rotation is written down: with every connection, with every request, or after so many."""

from __future__ import annotations

from typing import Final

_MOST: Final = 1_000_000
_FOR_LIFE: Final = frozenset({"tunnel", "session"})


def requests_each(text: str) -> int | None:
    """Read how many requests a credential or a connection serves; None is as long as it works.

    Raises:
        ValueError: it is none of the words, and no number.
    """
    word = text.strip().lower()
    if word in _FOR_LIFE:
        return None
    if word == "request":
        return 1
    if word.isdecimal() and 1 <= int(word) <= _MOST:
        return int(word)
    message = "write tunnel, request, or a number of requests, as 20"
    raise ValueError(message)
