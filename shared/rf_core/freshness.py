"""When a stored document may be used, and when it must be fetched again.

The API does not say how long discovery holds (C-103), so: fresh for a quarter of an hour, usable
for a day while somebody fetches it anew.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

FRESH_SECONDS: Final = 15 * 60.0
USABLE_SECONDS: Final = 24 * 3_600.0


class Freshness(Enum):
    """What may be done with a stored document."""

    FRESH = "fresh"
    STALE = "stale"
    UNUSABLE = "unusable"


def freshness(age_seconds: float) -> Freshness:
    """Judge a document by its age; one from the future is stale, because a clock has moved."""
    if 0 <= age_seconds < FRESH_SECONDS:
        return Freshness.FRESH
    if abs(age_seconds) < USABLE_SECONDS:
        return Freshness.STALE
    return Freshness.UNUSABLE
