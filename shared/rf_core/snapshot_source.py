"""Anything that can be asked for a snapshot: the live account, a recording, a test."""

from __future__ import annotations

from typing import Protocol

from rf_core.alert import Alert
from rf_core.control import Verb
from rf_core.snapshot import Snapshot


class Source(Protocol):
    """Where a monitor gets what it shows."""

    async def snapshot(self) -> Snapshot:
        """Return what is known now, at once. Trouble is a finding, never an exception."""
        ...

    async def refresh(self) -> Snapshot:
        """Ask anew for everything first, because somebody wants to know now."""
        ...


class Hands(Protocol):
    """What a person who watches may do about it; each says in a sentence what came of it."""

    async def acknowledge(self, alert: Alert | None) -> str:
        """Silence an alert until it is over; all of them without one."""
        ...

    async def tell(self, crawl: str, verb: Verb, limit_bytes: int | None) -> str:
        """Tell a running crawl to pause, to go on, to stop, or to spend no more than so much."""
        ...
