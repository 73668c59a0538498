"""Anything that can be asked for a snapshot: the live account, a recording, a test."""

from __future__ import annotations

from typing import Protocol

from rf_core.snapshot import Snapshot


class Source(Protocol):
    """Where a monitor gets what it shows."""

    async def snapshot(self) -> Snapshot:
        """Return what is known now, at once. Trouble is a finding, never an exception."""
        ...

    async def refresh(self) -> Snapshot:
        """Ask anew for everything first, because somebody wants to know now."""
        ...
