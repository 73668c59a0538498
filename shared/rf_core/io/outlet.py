"""A relay for any other tool: opened with an account, metered, capped, seen by the monitor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote, urlsplit

from rf_core.accounts import cause_totals, domain_spends
from rf_core.errors import StateError, TransportError
from rf_core.io.passengers import Passengers, Terms
from rf_core.io.relay import Relay
from rf_core.io.session import Session
from rf_core.meter import Meter
from rf_core.prices import cost_by_pool
from rf_core.redaction import Secret
from rf_core.settings import is_loopback
from rf_core.snapshot import CrawlReport

_USER: Final = "rf"
_TICK_SECONDS: Final = 1.0
_RATE_TICKS: Final = 5
_PATIENCE_SECONDS: Final = 0.4
_PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "all_proxy")

STOPS: Final[Mapping[str, str]] = {
    "rf_budget_spent": "The budget is spent: nothing more is carried.",
    "rf_floor_reached": "The pool is at its floor: nothing more is carried.",
    "rf_balance_exhausted": "The gateway says that the pool is empty: nothing more is carried.",
    "rf_demo_credentials": "The pool has no balance: nothing more is carried.",
    "rf_key_refused": "The API refused the key, and no proxy is left: nothing more is carried.",
    "rf_no_proxies": "No proxy is left that works: nothing more is carried.",
}
"""Why a relay stops carrying by itself, in words."""


class Outlet:
    """An async context manager: listens on loopback from its beginning to its end.

    Args:
        session: The account that pays, open.
        name: What the monitor calls it, as `relay` or `run curl`.

    Attributes:
        stopped: Set once nothing more is carried; `finish_reason` says why.
    """

    def __init__(self, session: Session, terms: Terms, *, name: str, port: int = 0) -> None:
        self._session = session
        self._name = name
        self._asked_port = port
        self._terms = terms
        self.meter = Meter()
        self.passengers = Passengers(
            terms, self.meter, order=session.order, stop=lambda _reason: self.stopped.set()
        )
        self.relay = Relay(None, self.meter, riders=self.passengers)
        self.passengers.guard.relay = self.relay
        self.stopped = asyncio.Event()
        self._id = secrets.token_hex(6)
        self._started_at = time.time()
        self._totals: list[int] = []
        self._ticker: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Outlet {self._name} {self.relay!r}>"

    async def __aenter__(self) -> Self:
        passengers, session = self.passengers, self._session
        passengers.guard.price(session)
        await passengers.fill()
        await passengers.guard.open(session, passengers.pool, self._id, self._terms.named(self._id))
        try:
            await self.relay.start(self._asked_port)
        except OSError as error:
            where = f"127.0.0.1:{self._asked_port}" if self._asked_port else "127.0.0.1"
            message = f"The relay cannot listen on {where}: {error.strerror}."
            raise TransportError(message, sent=False) from error
        await self._publish()
        self._ticker = asyncio.get_running_loop().create_task(self._tick())
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        await self.relay.close(_PATIENCE_SECONDS)
        await self._publish(finished=True)
        await self.passengers.guard.close(is_done=True)

    @property
    def finish_reason(self) -> str:
        """Why it stopped carrying, or "" while it does."""
        return self.passengers.stopped

    @property
    def is_rehearsal(self) -> bool:
        """Whether the account is on this machine, a sandbox's: so are the sites it reaches."""
        return is_loopback(urlsplit(self._session.settings.base_url).hostname or "")

    @property
    def url(self) -> Secret:
        """What a tool takes as its proxy."""
        password = quote(self.relay.door.secret.reveal(), safe="")
        return Secret(f"http://{_USER}:{password}@127.0.0.1:{self.relay.port}")

    def environment(self, *, no_proxy: str) -> dict[str, str]:
        """The variables that tools look for, in both cases. Secrets.

        Args:
            no_proxy: Hosts that are reached directly, by commas.
        """
        url = self.url.reveal()
        found = dict.fromkeys(_PROXY_VARIABLES, url) | {"no_proxy": no_proxy}
        found |= {name.upper(): value for name, value in found.items()}
        return found | {"NODE_USE_ENV_PROXY": "1"}

    @property
    def cost(self) -> Decimal | None:
        """Dollars, where the profile has a price."""
        return cost_by_pool(
            (
                (pool, spend.up_bytes + spend.down_bytes)
                for (pool, _domain), spend in self.meter.spends.items()
            ),
            self._session.settings.prices,
            datetime.fromtimestamp(self._started_at, UTC).date(),
        )

    # Telemetry

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self._publish()
            await self._renew()

    async def _renew(self) -> None:
        guard = self.passengers.guard
        try:
            await guard.renew(is_tick=True)
        except StateError:
            # What is drawn may be spent, and no more; of a floor nothing is known any longer.
            guard.cannot_grow()
            if guard.keeps_floor:
                self.passengers.end("rf_floor_reached")

    async def _publish(self, *, finished: bool = False) -> None:
        # The monitor sees less of it then; what is carried is carried all the same.
        with contextlib.suppress(StateError):
            await self._session.publish(self.report(finished=finished))

    def report(self, *, finished: bool = False) -> CrawlReport:
        """Say where it stands, as a crawl does."""
        now = time.time()
        meter, passengers = self.meter, self.passengers
        self._totals = [*self._totals[-_RATE_TICKS:], meter.wire_bytes]
        ticks = max(1, len(self._totals) - 1)
        rate = (self._totals[-1] - self._totals[0]) / (ticks * _TICK_SECONDS)
        ended = self.finish_reason or "finished"
        return CrawlReport(
            id=self._id,
            spider=self._name,
            project="",
            pid=os.getpid(),
            host=socket.gethostname(),
            pool=passengers.pool,
            started_at=self._started_at,
            updated_at=now,
            up_bytes=meter.up_bytes,
            down_bytes=meter.down_bytes,
            unbilled_bytes=meter.unbilled_bytes,
            requests=sum(spend.requests for spend in meter.spends.values()),
            failures=dict(passengers.verdicts),
            exits=meter.tunnels + meter.exchanges,
            live_proxies=passengers.carousel.live,
            bytes_per_second=0.0 if finished else rate,
            finished_at=now if finished else None,
            finish_reason=ended if finished else None,
            domains=domain_spends(meter),
            causes=cause_totals(meter),
        )
