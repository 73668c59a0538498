"""Reads `Retry-After` as servers send it: seconds, a fraction, a date (RFC 9110, 10.2.3)."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime


def parse_date(value: str) -> float | None:
    """Read an HTTP date as Unix seconds; None when it is not one."""
    try:
        return parsedate_to_datetime(value.strip()).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def parse_retry_after(value: str | None, *, now: float) -> float | None:
    """Return the seconds to wait, never negative; None when the header says nothing usable.

    Args:
        now: Unix seconds by the server's clock (the `Date` of the same answer) where there is one,
            so that a clock that is an hour off does not turn a minute into an hour.
    """
    text = (value or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        moment = parse_date(text)
        return None if moment is None else max(0.0, moment - now)
    return max(0.0, seconds) if math.isfinite(seconds) else None
