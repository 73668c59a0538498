"""How long a domain that said *slower* is left alone, as a pure rule per domain.

Lessons built in: a burst of refusals is one step, not many; `Retry-After: 0` does not switch the
back-off off; what the server asks for is a lower bound; everything is capped; a success that was
sent after the pause ends the story.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

BASE_SECONDS: Final = 1.0
JITTER: Final = 0.25


@dataclass(frozen=True, slots=True)
class Pause:
    """One domain's state.

    Attributes:
        step: How many times in a row the pause was not long enough.
        since: When the domain began to say *slower*, without an answer in between.
        began: When the current step began (monotonic seconds).
        until: Nothing is sent before this moment.
    """

    step: int = 0
    since: float = float("-inf")
    began: float = float("-inf")
    until: float = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """Seconds still to wait; 0 when the domain may be asked."""
        return max(0.0, self.until - now)

    def is_stalled(self, now: float, longest: float) -> bool:
        """Whether the domain has said nothing else for longer than that."""
        return self.step > 0 and now - self.since > longest


@dataclass(frozen=True, slots=True)
class Refused:
    """What came of a refusal: the new state, and whether it opened a new step."""

    pause: Pause
    new_step: bool


def refused(
    pause: Pause,
    *,
    now: float,
    sent_at: float,
    retry_after: float | None,
    cap: float,
    chance: float,
) -> Refused:
    """Take in a 429 or 503 of the target.

    Args:
        pause: The domain's state so far.
        now: Monotonic seconds.
        sent_at: When the refused request left; one sent before the current step began belongs to
            the same burst and only ever lengthens the pause.
        retry_after: Seconds the target asked for, or None.
        cap: `RF_BACKOFF_MAX`, in seconds.
        chance: A number in [0, 1) that spreads the pause; never shortens what was asked for.
    """
    asked = max(0.0, retry_after or 0.0)
    if sent_at < pause.began:
        until = max(pause.until, min(now + asked, pause.began + cap))
        return Refused(replace(pause, until=until), new_step=False)
    step = pause.step + 1
    wait = max(asked, BASE_SECONDS * 2 ** min(step - 1, 30))
    wait = min(cap, wait * (1 + JITTER * chance))
    since = pause.since if pause.step else now
    return Refused(Pause(step, since, now, now + wait), new_step=True)


def answered(pause: Pause, *, sent_at: float) -> Pause:
    """Take in an answer that was no refusal: after the pause, it ends the back-off."""
    return Pause() if pause.step and sent_at >= pause.until else pause
