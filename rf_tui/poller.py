"""Asks a source for snapshots: one look at a time, one refresh at a time, never backwards."""

from __future__ import annotations

from rf_core.snapshot import Snapshot
from rf_core.snapshot_source import Source


class Poller:
    """What stands between a timer and a source that may be slower than the timer.

    Attributes:
        refreshing: Whether a refresh is on its way.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._looking = False
        self._newest = 0.0
        self.refreshing = False

    async def look(self) -> Snapshot | None:
        """Return what the source knows; None while an earlier look is still on its way."""
        if self._looking:
            return None
        self._looking = True
        try:
            return self._if_newer(await self._source.snapshot())
        finally:
            self._looking = False

    async def refresh(self) -> Snapshot | None:
        """Have the source ask anew; None while an earlier refresh is still on its way."""
        if self.refreshing:
            return None
        self.refreshing = True
        try:
            return self._if_newer(await self._source.refresh())
        finally:
            self.refreshing = False

    def forget(self) -> None:
        """Take what comes next for news, however old it is."""
        self._newest = 0.0

    def _if_newer(self, snapshot: Snapshot) -> Snapshot | None:
        """A look and a refresh may overtake each other: the older one of them is dropped."""
        if snapshot.taken_at < self._newest:
            return None
        self._newest = snapshot.taken_at
        return snapshot
