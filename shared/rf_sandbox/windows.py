"""The provider's rate windows: an exact rolling log for each key and group (C-120, C-121)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DOCUMENTED: Final = {"generate": 20, "reads": 120}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a window says to one call, for its headers (C-122)."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The documented headers; `Retry-After` only on a refusal (C-126)."""
        headers = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_at),
        }
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers


@dataclass(slots=True)
class RateWindows:
    """All windows of an account. Refused calls are not counted, everything else is (C-128)."""

    limits: dict[str, int] = field(default_factory=lambda: dict(DOCUMENTED))
    window_seconds: float = 60.0
    violations: int = 0
    _logs: dict[tuple[int, str], deque[float]] = field(default_factory=dict)

    def arrive(self, key_id: int, group: str, now: float, *, refuses: bool = True) -> Verdict:
        """Count a call, or refuse it. One that is answered otherwise anyway is only counted."""
        log = self._log(key_id, group, now)
        limit = self.limits[group]
        if len(log) >= limit and not refuses:
            return self._standing(log, limit, now)
        if len(log) >= limit:
            self.violations += 1
            leaves_at = log[len(log) - limit] + self.window_seconds
            wait = max(1, math.ceil(leaves_at - now))
            return Verdict(False, limit, 0, math.ceil(leaves_at), wait)
        log.append(now)
        return self._standing(log, limit, now)

    def look(self, key_id: int, group: str, now: float) -> Verdict:
        """Say how a window stands without counting."""
        return self._standing(self._log(key_id, group, now), self.limits[group], now)

    def stranger(self, group: str, now: float) -> Verdict:
        """What a caller without a known key is told: the group's limit, all of it left (C-123)."""
        return self._standing(deque(), self.limits[group], now)

    def standing(self, now: float) -> Mapping[str, dict[str, int]]:
        """Every window in use, by `key id/group`."""
        return {
            f"{key_id}/{group}": {"limit": self.limits[group], "used": len(log)}
            for (key_id, group) in list(self._logs)
            if (log := self._log(key_id, group, now))
        }

    def _log(self, key_id: int, group: str, now: float) -> deque[float]:
        log = self._logs.setdefault((key_id, group), deque())
        while log and log[0] <= now - self.window_seconds:
            log.popleft()
        return log

    def _standing(self, log: deque[float], limit: int, now: float) -> Verdict:
        reset = (log[0] if log else now) + self.window_seconds
        return Verdict(True, limit, max(0, limit - len(log)), math.ceil(reset))
