"""What a person at a monitor may do, written to `state.db` for whom it concerns."""

from __future__ import annotations

from rf_core.alert import Alert
from rf_core.control import Verb
from rf_core.io import alert_book
from rf_core.io.control import ask
from rf_core.io.session import Session


class StoreHands:
    """The hands of whoever holds the session: this user, on this machine."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def acknowledge(self, alert: Alert | None) -> str:
        """Silence an alert until it is over; all of them without one."""
        session = self._session
        count = await session.state.run(
            alert_book.acknowledge,
            session.key,
            session.clock.wall(),
            pool=alert.pool if alert else "",
            rule=alert.rule if alert else "",
        )
        if not count:
            return "No alert is on that was not acknowledged."
        return f"{count} alert{'s' if count > 1 else ''} acknowledged: silent until over."

    async def tell(self, crawl: str, verb: Verb, limit_bytes: int | None) -> str:
        """Tell a running crawl to pause, to go on, to stop, or to spend no more than so much."""
        return (await ask(self._session, crawl, verb, limit_bytes)).text
