"""Which stretch of time a chart shows: how long it is, and how far back it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

LENGTHS: Final = (
    15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 10_800.0, 21_600.0, 86_400.0, 604_800.0,
    2_592_000.0,
)  # fmt: skip
"""Seconds, as zooming goes through them; above the longest there is only everything."""

_STEP: Final = 0.25
"""The part of the stretch that one step to the side goes."""


@dataclass(frozen=True, slots=True)
class Reach:
    """A stretch of time.

    Attributes:
        seconds: Its length; None is everything there is.
        back_seconds: How long before now it ends.
    """

    seconds: float | None = None
    back_seconds: float = 0.0

    def zoomed(self, step: int, whole: float) -> Reach:
        """Show less of the time, or with a negative step more of it.

        Args:
            whole: How long everything is, in seconds.
        """
        if step > 0:
            now = whole if self.seconds is None else self.seconds
            shorter = [length for length in LENGTHS if length < now]
            return replace(self, seconds=shorter[-1]) if shorter else self
        if self.seconds is None:
            return self
        longer = [length for length in LENGTHS if length > self.seconds]
        if not longer or longer[0] >= whole:
            return Reach()
        return replace(self, seconds=longer[0]).within(whole)

    def shifted(self, step: int, whole: float) -> Reach:
        """Go to what was before, or with a positive step to what came later."""
        if self.seconds is None:
            return self
        back = self.back_seconds - step * _STEP * self.seconds
        return replace(self, back_seconds=back).within(whole)

    def within(self, whole: float) -> Reach:
        """Stay where there is something to see."""
        most = max(0.0, whole - (self.seconds or whole))
        return replace(self, back_seconds=min(max(self.back_seconds, 0.0), most))

    def span(self, begin: float, now: float) -> tuple[float, float]:
        """Return from when to when, of what began then and goes on until now."""
        end = max(begin, now - self.back_seconds)
        return (begin if self.seconds is None else max(begin, end - self.seconds)), end
