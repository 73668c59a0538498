"""How often the monitor looks: less often while nobody seems to be there."""

from __future__ import annotations

from typing import Final

RELAXED_SECONDS: Final = 5.0
"""Between looks while the terminal is not the one in use, or has not been touched for long."""

IDLE_SECONDS: Final = 900.0
"""After so long without a key or a click nobody seems to be there."""

_OTHERS_EVERY: Final = 5
"""Looks at the account that is shown for one at the others."""


class Beat:
    """Counts ticks of a timer and tells on which of them to look."""

    def __init__(self) -> None:
        self._since_look = 0.0
        self._untouched = 0.0
        self._has_focus = True
        self._looks = 0

    def __repr__(self) -> str:
        return f"<Beat {self._looks} looks, untouched for {self._untouched:g} s>"

    def touched(self) -> None:
        """Somebody is there: look with the next tick."""
        if self._is_relaxed():
            self._since_look = RELAXED_SECONDS
        self._untouched = 0.0

    def is_due(self, interval: float, *, has_focus: bool) -> bool:
        """Count a tick, and tell whether it is one to look on.

        Args:
            interval: Seconds from tick to tick.
        """
        self._has_focus = has_focus
        self._untouched += interval
        self._since_look += interval
        if self._since_look < self.seconds(interval):
            return False
        self._since_look = 0.0
        self._looks += 1
        return True

    def is_for_others(self) -> bool:
        """Whether this look is one for the accounts that are not shown, too."""
        return self._looks % _OTHERS_EVERY == 0

    def seconds(self, interval: float) -> float:
        """How far looks are apart now."""
        return max(interval, RELAXED_SECONDS) if self._is_relaxed() else interval

    def _is_relaxed(self) -> bool:
        return not self._has_focus or self._untouched >= IDLE_SECONDS
