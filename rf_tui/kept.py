"""What two pictures in a row have in common is drawn once."""

from __future__ import annotations

from collections.abc import Callable

from rf_core.snapshot import Snapshot
from rf_tui.layout import Placed, Section


class Kept:
    """What was drawn last, but for what changes with the clock: it need not be drawn again."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._snapshot: Snapshot | None = None
        self._body: tuple[list[Placed], list[Section]] = [], []

    def body(
        self,
        snapshot: Snapshot,
        of: tuple[object, ...],
        draw: Callable[[], tuple[list[Placed], list[Section]]],
    ) -> tuple[list[Placed], list[Section]]:
        """Return what was drawn of this very snapshot in this very way, or draw it."""
        if snapshot is not self._snapshot or of != self._of:
            self._body = draw()
            self._snapshot, self._of = snapshot, of
        return self._body
