"""How the site keeps visitors in bounds: so many requests in so many seconds, then a ban."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

_MOST_KNOWN: Final = 100_000
Outcome = Literal["welcome", "slower", "banned"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one address may do.

    Attributes:
        requests: Requests that are answered within `seconds`.
        seconds: How long a request counts.
        patience: Requests beyond that are told to slow down before the address is banned.
        ban_seconds: How long a ban lasts.
    """

    requests: int = 20
    seconds: float = 10.0
    patience: int = 5
    ban_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a request gets, and the seconds until the next one is welcome."""

    outcome: Outcome
    wait_seconds: float = 0.0

    @property
    def retry_after(self) -> str:
        """The wait in whole seconds, as Retry-After says it."""
        return str(max(1, math.ceil(self.wait_seconds)))


@dataclass(slots=True)
class _Known:
    answered: deque[float] = field(default_factory=deque)
    warnings: int = 0
    banned_until: float = -math.inf


@dataclass(slots=True)
class Guard:
    """Judges requests by who asks. It knows 100,000 of them, and forgets the first again."""

    known: dict[str, _Known] = field(default_factory=dict)

    def judge(self, who: str, now: float, bounds: Bounds) -> Judgement:
        """Count a request of somebody; say what it gets."""
        known = self.known.get(who)
        if known is None:
            if len(self.known) >= _MOST_KNOWN:
                del self.known[next(iter(self.known))]
            known = self.known[who] = _Known()
        if now < known.banned_until:
            return Judgement("banned", known.banned_until - now)
        while known.answered and known.answered[0] <= now - bounds.seconds:
            known.answered.popleft()
        if len(known.answered) < bounds.requests:
            if not known.answered:
                known.warnings = 0
            known.answered.append(now)
            return Judgement("welcome")
        wait = known.answered[0] + bounds.seconds - now if known.answered else bounds.seconds
        if known.warnings >= bounds.patience:
            known.banned_until = now + bounds.ban_seconds
            known.warnings = 0
            known.answered.clear()
            return Judgement("banned", bounds.ban_seconds)
        known.warnings += 1
        return Judgement("slower", wait)
