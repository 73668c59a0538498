"""When a stored document may be used, and when it must be fetched again.

The API does not say how long discovery holds (C-103), so: fresh for a quarter of an hour, usable
for a day while somebody fetches it anew. Should it say so one day (RFC 9111), that counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

FRESH_SECONDS: Final = 15 * 60.0
USABLE_SECONDS: Final = 24 * 3_600.0

_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_LONGEST_ETAG: Final = 256


class Freshness(Enum):
    """What may be done with a stored document."""

    FRESH = "fresh"
    STALE = "stale"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a document may be used.

    Attributes:
        fresh_seconds: As it is.
        usable_seconds: While it is fetched anew.
        is_kept: Whether it may be written to disk at all.
    """

    fresh_seconds: float = FRESH_SECONDS
    usable_seconds: float = USABLE_SECONDS
    is_kept: bool = True


UNSAID: Final = Lifetime()
"""That of an answer which says nothing of it, as documented."""


def freshness(age_seconds: float, lifetime: Lifetime = UNSAID) -> Freshness:
    """Judge a document by its age; one from the future is stale, because a clock has moved."""
    if 0 <= age_seconds < lifetime.fresh_seconds:
        return Freshness.FRESH
    if abs(age_seconds) < lifetime.usable_seconds:
        return Freshness.STALE
    return Freshness.UNUSABLE


def lifetime_of(cache_control: str) -> Lifetime:
    """Read a `Cache-Control` header; what cannot be read of it counts as absent (C-103)."""
    said = {}
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        said[name] = value.strip('"')
    if "no-store" in said:
        return Lifetime(0.0, 0.0, is_kept=False)
    if "no-cache" in said:
        return Lifetime(0.0, 0.0)
    fresh = _seconds(said.get("max-age"))
    if fresh is None:
        return UNSAID
    if "must-revalidate" in said:
        return Lifetime(fresh, fresh)
    stale = _seconds(said.get("stale-while-revalidate"))
    return Lifetime(fresh, USABLE_SECONDS if stale is None else min(fresh + stale, USABLE_SECONDS))


def usable_etag(etag: str) -> str:
    """Return a validator as it came, or "" when it is none (RFC 9110, 8.8.3)."""
    return etag if len(etag) <= _LONGEST_ETAG and _ETAG.fullmatch(etag) else ""


def _seconds(value: str | None) -> float | None:
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value), USABLE_SECONDS)
