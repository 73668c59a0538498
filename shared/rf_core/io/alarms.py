"""Rings and tells when an alert begins: once for the whole machine, whoever notices it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from rf_core.alert import Alert
from rf_core.io import alert_book
from rf_core.io.session import Session
from rf_core.io.telling import tell
from rf_core.snapshot import PoolState

_PATIENCE_SECONDS: Final = 2.0
"""How long a command may go on when the program that runs it ends."""


class Alarms:
    """What one process does about alerts. It lives as long as its session.

    Attributes:
        ring: Rings this process's bell, if it has one.
    """

    def __init__(self, session: Session, ring: Callable[[], None] | None = None) -> None:
        self._session = session
        self._running: set[asyncio.Task[None]] = set()
        self._on: frozenset[tuple[str, str]] | None = None
        self.ring = ring
        session.closing.push_async_callback(self._close)

    async def heed(
        self, known: Sequence[Alert], judged: Sequence[Alert], pools: Sequence[PoolState]
    ) -> None:
        """Write down what has changed, and ring and tell for what nobody has yet.

        Args:
            known: As they were written down.
            judged: As they are now.
        """
        on = alert_book.those_on(judged)
        # What somebody else wrote down may have had nobody to tell.
        if on == self._on == alert_book.those_on(known):
            return
        self._on = on
        session, wanted = self._session, self._session.settings.alerts
        due = await session.state.run(
            alert_book.put_alerts,
            session.key,
            judged,
            session.clock.wall(),
            rings=wanted.bell and self.ring is not None,
            tells=bool(wanted.command),
        )
        if due.ring and self.ring is not None:
            self.ring()
        states = {pool.id: pool for pool in pools}
        for alert in due.tell:
            facts = facts_of(alert, states.get(alert.pool), session.masked_key)
            task = asyncio.get_running_loop().create_task(self._tell(alert, facts))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _tell(self, alert: Alert, facts: dict[str, Any]) -> None:
        session = self._session
        outcome = await tell(session.settings.alerts.command, facts, key=session.settings.key)
        if outcome:
            await session.state.run(alert_book.put_outcome, session.key, alert, outcome)

    async def _close(self) -> None:
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=_PATIENCE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def facts_of(alert: Alert, pool: PoolState | None, key: str) -> dict[str, Any]:
    """Say what a command is told: every fact of an alert, and never a secret.

    Args:
        key: The masked one.
    """
    runway = pool.drain.runway if pool else None
    meters = pool.meters if pool else None
    return {
        "pool": alert.pool,
        "rule": alert.rule,
        "kind": alert.kind,
        "text": alert.text,
        "since": alert.since,
        "key": key,
        "left_bytes": pool.left_bytes if pool else None,
        "bytes_per_second": pool.drain.bytes_per_second if pool else None,
        "runway_seconds": runway.seconds if runway else None,
        "runway_low_seconds": runway.low_seconds if runway else None,
        "runway_high_seconds": runway.high_seconds if runway else None,
        "verdict": meters.verdict if meters else None,
        "excess_bytes": meters.excess_bytes if meters else None,
    }
