"""An alert, as all who show, keep and tell of it know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

AlertKind = Literal["pace", "level", "foreign"]


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule of somebody's that holds for a pool, or has held.

    Attributes:
        rule: The rule's name: with the pool it says which alert this is.
        since: When it began to hold.
        text: One sentence, with the numbers of now, or of its end.
        acknowledged_at: When somebody said that they know; it is quiet from then on.
        over_at: When it held no more, or None.
        outcome: Why the command that was to tell somebody failed, or "".
    """

    pool: str
    rule: str
    kind: AlertKind
    since: float
    text: str = ""
    acknowledged_at: float | None = None
    over_at: float | None = None
    outcome: str = ""

    @property
    def id(self) -> str:
        """Which one it is of all there ever were."""
        return f"{self.since} {self.pool} {self.rule}"

    @property
    def is_on(self) -> bool:
        """Whether it holds now."""
        return self.over_at is None
