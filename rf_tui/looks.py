"""What the person at the screen has chosen, and what the screen knows of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from rf_tui.amounts import Amounts
from rf_tui.places import Whereabouts


@dataclass(frozen=True, slots=True)
class Looks:
    """How a picture is to be drawn.

    Attributes:
        now: Unix seconds, for ages.
        paused_for: Seconds since the picture was frozen, or None while it is live.
        asking: Whether a refresh that the person asked for is on its way.
        label: Shown beside the name, such as `demo`.
        late_after: Seconds after which a snapshot should have been replaced by a newer one.
        where: The page, the row that is chosen there, the filter and the order.
        amounts: How bytes are printed.
    """

    now: float
    paused_for: float | None = None
    asking: bool = False
    label: str = ""
    late_after: float = 8.0
    where: Whereabouts = field(default_factory=Whereabouts)
    amounts: Amounts = field(default_factory=Amounts)
