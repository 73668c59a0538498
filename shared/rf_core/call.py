"""A call of the API, and the rate-limit window it counts in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

GENERATE: Final = "generate"
READS: Final = "reads"

DOCUMENTED_LIMITS: Final[Mapping[str, int]] = {GENERATE: 20, READS: 120}
"""Calls per rolling minute and key (C-121): a first guess, the server's headers rule (C-130)."""

WINDOW_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API.

    Attributes:
        group: Rate-limit window it counts in, or None when it is not governed (C-134).
        scope: What the key needs for it, from our own table (C-018), or None.
        answer_bytes: About how much will come back; time-outs are scaled by it (C-077).
        etag: What is known already: 304 means that it still holds (C-103).
        repeatable: Whether it may be sent again when nobody knows what became of it.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    group: str | None = READS
    scope: str | None = None
    answer_bytes: int = 4_096
    etag: str = ""
    repeatable: bool = True
