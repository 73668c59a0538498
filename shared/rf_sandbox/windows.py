"""The provider's rate windows: one for each key and group, counted as the provider counts."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rf_sandbox.algorithms import ALGORITHMS, Standing, standing
from rf_sandbox.switches import Switches

DOCUMENTED: Final = {"generate": 20, "reads": 120}
_KEPT_WINDOWS: Final = 2
_MOST_FOREIGN: Final = 100_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a window says to one call, for its headers (C-122)."""

    allowed: bool
    limit: int
    standing: Standing
    retry_after: int | None = None

    @property
    def remaining(self) -> int:
        """Calls that are left after this one."""
        return self.standing.left if self.allowed else 0

    def headers(self, now: float, switches: Switches, skew: float = 0.0) -> dict[str, str]:
        """The documented headers; `Retry-After` only on a refusal (C-124, C-125, C-126)."""
        at = self.standing
        reset = at.oldest_leaves_at if switches.reset_means == "oldest_leaves" else at.all_left_at
        if not self.allowed and switches.reset_means == "oldest_leaves":
            reset = at.free_at
        skewed = math.ceil(reset + switches.clock_skew_seconds + skew)
        forms = {
            "epoch": skewed,
            "epoch_ms": skewed * 1000,
            "delta": max(0, math.ceil(reset - now)),
        }
        headers = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(forms[switches.reset_form]),
        }
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers


@dataclass(slots=True)
class Foreign:
    """Somebody else on the same key, whom only the headers betray (C-132)."""

    key_id: int
    group: str
    every_seconds: float
    until: float
    next_at: float
    chance: random.Random = field(repr=False)

    def due(self, now: float) -> list[float]:
        """Take the arrivals up to now: spread around an even pace."""
        arrivals: list[float] = []
        while self.next_at <= min(now, self.until) and len(arrivals) < _MOST_FOREIGN:
            arrivals.append(self.next_at)
            self.next_at += self.every_seconds * self.chance.uniform(0.5, 1.5)
        return arrivals


@dataclass(slots=True)
class RateWindows:
    """All windows of an account, with everybody who uses them."""

    limits: dict[str, int] = field(default_factory=lambda: dict(DOCUMENTED))
    window_seconds: float = 60.0
    algorithm: str = "log"
    violations: int = 0
    foreign: list[Foreign] = field(default_factory=list)
    foreign_calls: int = 0
    logs: dict[tuple[int, str], list[float]] = field(default_factory=dict)

    def arrive(
        self, key_id: int, group: str, now: float, *, counts_refused: bool = False
    ) -> Verdict:
        """Count a call, or refuse it.

        Whether a refusal is told, and so a violation, is for the caller to say: another error may
        come first.

        Args:
            key_id: Whose call.
            group: Of which group.
            now: When.
            counts_refused: Whether a refused call uses the window up as well (C-128).
        """
        times = self._times(key_id, group, now)
        limit = self.limits[group]
        allowed = self._standing(times, group, now).left >= 1
        if allowed or counts_refused:
            times.append(now)
        found = self._standing(times, group, now)
        wait = None if allowed else max(1, math.ceil(found.free_at - now))
        return Verdict(allowed, limit, found, wait)

    def forgive(self, key_id: int, group: str, arrived: float, now: float) -> Verdict:
        """Take a call back that was counted then (C-128: where errors do not count)."""
        times = self._times(key_id, group, now)
        if arrived in times:
            times.remove(arrived)
        return self.look(key_id, group, now)

    def look(self, key_id: int, group: str, now: float) -> Verdict:
        """Say how a window stands without counting."""
        times = self._times(key_id, group, now)
        return Verdict(True, self.limits[group], self._standing(times, group, now))

    def stranger(self, group: str, now: float) -> Verdict:
        """What a caller without a known key is told: the group's limit, all of it left (C-123)."""
        return Verdict(True, self.limits[group], self._standing([], group, now))

    def shown(self, now: float) -> Mapping[str, dict[str, int]]:
        """Every window in use, by `key id/group`."""
        shown = {}
        for key_id, group in list(self.logs):
            limit = self.limits[group]
            left = self._standing(self._times(key_id, group, now), group, now).left
            if left < limit:
                shown[f"{key_id}/{group}"] = {"limit": limit, "used": limit - left}
        return shown

    def _standing(self, times: list[float], group: str, now: float) -> Standing:
        return standing(self.algorithm, times, now, self.limits[group], self.window_seconds)

    def _times(self, key_id: int, group: str, now: float) -> list[float]:
        """The arrivals that may still count, those of strangers among them."""
        times = self.logs.setdefault((key_id, group), [])
        for other in self.foreign:
            if (other.key_id, other.group) == (key_id, group):
                self._let_in(other, times, now)
        stale = now - _KEPT_WINDOWS * self.window_seconds
        if times and times[len(times) // 2] < stale:
            del times[: len(times) // 2]
        return times

    def _let_in(self, other: Foreign, times: list[float], now: float) -> None:
        for at in other.due(now):
            if self._standing(times, other.group, at).left >= 1:
                times.append(at)
                self.foreign_calls += 1


def is_algorithm(name: object) -> bool:
    """Whether windows can be counted that way."""
    return isinstance(name, str) and name in ALGORITHMS
