"""Bytes are integers everywhere inside; this module is the only place where they become GB."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

GIGABYTE: Final = 1_073_741_824
"""Bytes in one GB, as the provider counts them (C-092)."""

BALANCE_QUANTUM: Final = GIGABYTE // 10_000
"""Bytes in the last digit of a balance: four decimals of a GB (C-091), about 107 kB."""

_SIZE: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]{0,2})", re.ASCII)
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|min|m|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_STEPS: Final = ((GIGABYTE, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


def gigabytes_to_bytes(gigabytes: float) -> int:
    """Turn a balance as the API sends it into bytes, exact to the digits that were sent.

    Args:
        gigabytes: GB as an int or float, rounded by the provider to four decimals (C-091);
            negative values happen (C-094) and are kept.
    """
    return int(
        (Decimal(repr(gigabytes)) * GIGABYTE).to_integral_value(rounding=ROUND_HALF_EVEN),
    )


def parse_bytes(text: str) -> int:
    """Read a size as people write it: `5 GB`, `1.5gb`, `300 MB`, `2048`; binary, as the provider's.

    Raises:
        ValueError: it is none, or nothing at all.
    """
    found = _SIZE.fullmatch(text.strip())
    sizes = {unit.lower(): size for size, unit in _STEPS} | {"": 1, "b": 1}
    if found is None or found[2].lower() not in sizes:
        message = f"write a size, as 5 GB or 300 MB; not {text!r}"
        raise ValueError(message)
    count = int(Decimal(found[1]) * sizes[found[2].lower()])
    if count < 1:
        message = f"write a size above 0, as 5 GB; not {text!r}"
        raise ValueError(message)
    return count


def parse_seconds(text: str) -> float:
    """Read a time as people write it: `90s`, `30 min`, `2h`, `1.5d`.

    Raises:
        ValueError: it is none, or nothing at all.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds <= 0:
        message = f"write a time, as 30 min or 2h; not {text!r}"
        raise ValueError(message)
    return seconds


def format_bytes(count: float) -> str:
    """Print a number of bytes for a person: `512 B`, `14.2 kB`, `3.47 MB`, `1.2345 GB`.

    The steps are powers of 1,024 so that they agree with the provider's GB.
    """
    sign = "-" if count < 0 else ""
    magnitude = abs(count)
    for size, unit in _STEPS:
        if magnitude >= size:
            digits = {"GB": 4, "MB": 2, "kB": 1}[unit]
            return f"{sign}{magnitude / size:.{digits}f} {unit}"
    return f"{sign}{magnitude:.0f} B"


def format_rate(bytes_per_second: float) -> str:
    """Print a drain: `312.4 kB/s`."""
    return f"{format_bytes(bytes_per_second)}/s"


def format_seconds(seconds: float) -> str:
    """Print a duration in its two largest units: `3.2 s`, `4 min 05 s`, `2 h 07 min`, `3 d 4 h`."""
    if seconds < 10:  # noqa: PLR2004 - below ten seconds the tenth matters to someone waiting
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:  # noqa: PLR2004 - hours in a day
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
