"""An account, opened for a monitor: what it looks at, and what a person may do from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rf_core.io.alarms import Alarms
from rf_core.io.hands import StoreHands
from rf_core.io.session import Session
from rf_core.io.sources import LiveSource
from rf_core.settings import Settings
from rf_core.snapshot_source import Hands


class Opened(NamedTuple):
    """A session, what it shows, and what may be done about it."""

    session: Session
    live: LiveSource
    hands: Hands


async def opened(
    settings: Settings, *, patience_seconds: float, ring: Callable[[], None] | None
) -> Opened:
    """Open it. Whoever opens it closes the session.

    Raises:
        ResiFactoryError: it cannot be opened.
    """
    session = Session(settings, holder="monitor")
    await session.__aenter__()
    alarms = Alarms(session, ring)
    live = LiveSource(session, patience_seconds=patience_seconds, alarms=alarms)
    return Opened(session, live, StoreHands(session))
