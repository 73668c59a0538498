"""How values of settings and request meta are read; a wrong one says what to write instead.

All raise `ValueError` with words that follow on *in settings.py, …*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scrapy.utils.misc import load_object

from rf_core.caps import Cap, read_cap
from rf_core.units import parse_bytes


def flag(value: Any) -> bool:
    """A switch."""
    text = str(value).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    message = "write True or False"
    raise ValueError(message)


def text(value: Any) -> str:
    """A name."""
    text = str(value).strip()
    if not text:
        message = "write a name, or leave the setting out"
        raise ValueError(message)
    return text


def count(low: int, high: int) -> Callable[[Any], int]:
    """A whole number within bounds."""

    def parse(value: Any) -> int:
        message = f"write a whole number from {low:,} to {high:,}"
        try:
            number = int(str(value).strip())
        except ValueError:
            raise ValueError(message) from None
        if isinstance(value, bool) or not low <= number <= high:
            raise ValueError(message)
        return number

    return parse


def seconds(value: Any) -> float:
    """A time above 0."""
    message = "write a number of seconds above 0"
    try:
        number = float(str(value).strip())
    except ValueError:
        raise ValueError(message) from None
    if not 0 < number < float("inf"):
        raise ValueError(message)
    return number


def statuses(value: Any) -> frozenset[int]:
    """HTTP statuses, as a list or by commas."""
    message = "write a list of HTTP statuses, such as [429, 503]"
    parts = value.strip("[]() ").split(",") if isinstance(value, str) else value
    try:
        codes = frozenset(int(part) for part in parts if str(part).strip())
    except (TypeError, ValueError):
        raise ValueError(message) from None
    if any(not 100 <= code <= 599 for code in codes):  # noqa: PLR2004 - RFC 9110, 15
        raise ValueError(message)
    return codes


def rotation(value: Any) -> int | None:
    """After how many requests to rotate; None is a tunnel's whole life."""
    text = str(value).strip()
    if text in {"tunnel", "session"}:
        return None
    if text == "request":
        return 1
    try:
        return count(1, 1_000_000)(value)
    except ValueError:
        message = 'write "tunnel", "request", "session", or a number of requests, as 20'
        raise ValueError(message) from None


def size(value: Any) -> int:
    """Bytes, as `5 GB`."""
    return parse_bytes(str(value))


def cap(value: Any) -> Cap:
    """Bytes or dollars."""
    return read_cap(str(value))


def policy(value: Any) -> Any:
    """A class with `is_ban(request, response)`, by itself or by its path."""
    message = "write a class with a method is_ban(request, response), or its import path"
    try:
        policy = load_object(value) if isinstance(value, str) else value
    except (ValueError, ImportError, AttributeError) as error:
        raise ValueError(f"{message} ({error})") from None
    if callable(getattr(policy, "is_ban", None)):
        return policy
    raise ValueError(message)


def choice(*choices: str) -> Callable[[Any], str]:
    """One of these words."""

    def parse(value: Any) -> str:
        text = str(value).strip().lower()
        if text not in choices:
            message = f"write one of {', '.join(choices)}"
            raise ValueError(message)
        return text

    return parse


def proxy_type(value: Any) -> str:
    """The name of a type."""
    # An open set (C-041): discovery has the last word, this only helps with the spelling.
    return text(value).lower()
