"""What the components of one crawler share: the account, the relay, the lanes, the counts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from rf_core.budget import Budget
from rf_core.errors import DemoCredentialsError, ResiFactoryError, TransportError
from rf_core.io.configuration import load_settings
from rf_core.io.relay import Relay, RelayLimits
from rf_core.io.session import Session
from rf_core.lanes import Credential, Lanes
from rf_core.meter import Meter
from rf_core.models import Batch, Order
from rf_core.redaction import mask_key
from rf_core.snapshot import CrawlReport, DomainSpend
from rf_scrapy.components import Component
from rf_scrapy.parking import Parking
from rf_scrapy.sessions import CrawlSessions
from rf_scrapy.settings import CrawlSettings, read_settings, take_key, unknown_settings

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from rf_core.lanes import Lane
    from rf_core.sessions import Held

logger = logging.getLogger(__name__)

_REFILLS: Final = 3
_RATE_SECONDS: Final = 5.0
_TURN_SECONDS: Final = 0.25


@dataclass(slots=True)
class Flight:
    """One request on the wire: its lane while it flies; which lane and credential it used."""

    target: str
    sent_at: float
    handle: str = ""
    number: int = -1
    lane: Lane | None = None
    domain: str = ""
    reserved: int = 0


@dataclass(slots=True)
class Attempts:
    """How often one request has come by again, and why."""

    backoffs: int = 0
    bans: int = 0
    reroutes: int = 0
    waits: int = 0


class Crawl:
    """One crawl: opened before its first request, closed after its last connection.

    Until :meth:`open` has succeeded there is no relay, and without a relay nothing is sent.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.key = take_key(crawler.settings)
        self.settings: CrawlSettings = read_settings(crawler.settings)
        self.strangers = unknown_settings(crawler.settings)
        self.id = secrets.token_hex(6)
        self.masked_key = ""
        self.present: set[Component] = set()
        self.parking = Parking(crawler)
        self.lanes: Lanes = Lanes(self.settings.live_proxies, self.settings.rotate)
        self.meter: Meter = Meter()
        self.budget = Budget(self.settings.budget) if self.settings.budget else None
        self.sessions: CrawlSessions = CrawlSessions(self.settings, self._send_order)
        self.relay: Relay | None = None
        self.pool = self.settings.pool or ""
        self.orders: int = 0
        self.verdicts: Counter[str] = Counter()
        self.direct_requests: int = 0
        self.backoff_steps: int = 0
        self.backoff_seconds: float = 0.0
        self.backoffs: dict[str, float] = {}
        self.flights: WeakKeyDictionary[Request, Flight] = WeakKeyDictionary()
        self.attempts: WeakKeyDictionary[Request, Attempts] = WeakKeyDictionary()
        self.started_at = time.time()
        self.finish_reason: str | None = None
        self._session: Session | None = None
        self._samples: list[tuple[float, int]] = []
        self._refilling: asyncio.Task[None] | None = None
        self._refills = 0
        self._hang_ups: set[asyncio.Task[None]] = set()
        self._turned = asyncio.Event()

    async def open(self) -> None:
        """Order credentials and start the relay.

        Raises:
            ResiFactoryError: whatever stands in the way, with the way out.
        """
        account = load_settings(
            profile=self.settings.profile,
            base_url=self.settings.base_url,
            store=self.settings.store,
            key=self.key.reveal() if self.key else None,
        )
        for warning in account.warnings:
            logger.warning(warning)
        if account.key is not None:
            self.masked_key = mask_key(account.key)
        spider = self.crawler.spider.name if self.crawler.spider else "crawl"
        self._session = await Session(account, holder=f"crawl {spider}").__aenter__()
        self._take_in(await self._order())
        self.meter.limit_bytes = self.settings.budget
        self.meter.at_limit = self._at_limit
        relay = Relay(
            self.lanes, self.meter, limits=RelayLimits(requests_each=self.settings.rotate)
        )
        try:
            await relay.start()
        except OSError as error:
            message = f"The relay cannot listen on 127.0.0.1: {error.strerror}."
            raise TransportError(message, sent=False) from error
        self.relay = relay

    async def close(self) -> None:
        """Close the relay, then the account. Repeatable."""
        if self._refilling is not None:
            self._refilling.cancel()
        if self.relay is not None:
            await self.relay.close()
        if self._session is not None:
            await self._session.aclose()
            self._session = None

    # Requests

    def release(self, request: Request) -> Flight | None:
        """Take a request off its lane, and everything of ours off the request.

        Returns how it flew, or None when it never did.
        """
        flight = self.flights.get(request)
        if flight is not None and flight.lane is not None:
            lane, flight.lane = flight.lane, None
            for key in ("proxy", "_auth_proxy", "_scheme_proxy"):
                request.meta.pop(key, None)
            request.headers.pop("Proxy-Authorization", None)
            if self.lanes.release(lane, flight.target):
                self._renew(lane)
        return flight

    def settle(self, flight: Flight, taken: int | None = None) -> None:
        """Give back what a request had set aside, and remember what it took if that is known."""
        if self.budget is not None and flight.reserved:
            self.budget.settle(flight.domain, flight.reserved, taken)
            flight.reserved = 0

    async def again(self, request: Request, seconds: float) -> Request:
        """Return a copy of a request that comes by again after that time, its attempts counted."""
        attempts = self.attempts_of(request)
        later = await self.parking.hold(request, seconds)
        self.attempts[later] = attempts
        return later

    def attempts_of(self, request: Request) -> Attempts:
        """Return how often a request has come by again."""
        return self.attempts.setdefault(request, Attempts())

    async def turned(self, target: str) -> None:
        """Wait a moment for a lane that is turning, or make one turn for that target."""
        if (lane := self.lanes.make_room(target)) is not None:
            self._renew(lane, target)
        await self._lane_free()

    async def lane_for(self, held: Held) -> None:
        """Wait a moment for the lane of a session, or make one turn to its credential."""
        if (lane := self.lanes.make_room_for(held.credential)) is not None:
            self._renew(lane, held=held.credential)
        await self._lane_free()

    async def _lane_free(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turned.wait()

    @property
    def exits(self) -> int:
        """Exits that were asked for: sticky credentials, or tunnels and plain requests (C-160)."""
        if self.settings.proxy_type.endswith("sticky"):
            return self.lanes.used
        return self.meter.tunnels + self.meter.exchanges

    def refuse_credential(self, handle: str) -> None:
        """Never use a credential again; its lanes get the next one, its connections are closed."""
        for lane in self.lanes.refuse(handle):
            self._renew(lane)
        if not self.sessions.known.lose(handle) and not self.lanes.spare:
            self.refill()

    def ban(self, flight: Flight) -> None:
        """Change the exit that a target does not want.

        A sticky credential is not sent there again; a rotating one gets another exit with its next
        connections.
        """
        if self.sessions.known.lose(flight.handle):
            return
        if self.settings.proxy_type.endswith("sticky"):
            self.lanes.ban(flight.handle, flight.target)
        elif (lane := self.lanes.turn(flight.number, flight.handle)) is not None:
            self._renew(lane)

    def refill(self) -> bool:
        """Order more credentials in the background; False when that has been tried often enough."""
        if self._refilling is not None and not self._refilling.done():
            return True
        if self._refills >= _REFILLS:
            return self.lanes.live > 0
        self._refills += 1
        self._refilling = asyncio.get_running_loop().create_task(self._refill())
        return True

    def succeeded(self) -> None:
        """A credential works: later refusals start counting anew."""
        self._refills = 0

    def _renew(self, lane: Lane, target: str = "", held: Credential | None = None) -> None:
        task = asyncio.get_running_loop().create_task(self._hang_up(lane, target, held))
        self._hang_ups.add(task)
        task.add_done_callback(self._hang_ups.discard)

    async def _hang_up(self, lane: Lane, target: str, held: Credential | None) -> None:
        if self.relay is not None:
            await self.relay.hang_up(lane.number)
        if not lane.in_flight and lane.retired:
            self.lanes.renew(lane, target, held)
            self._turned.set()
            self._turned.clear()

    async def _refill(self) -> None:
        try:
            self._take_in(await self._order())
        except DemoCredentialsError as error:
            logger.error("%s", error)
            self.stop("rf_demo_credentials")
        except ResiFactoryError as error:
            logger.error("No more proxies: %s", error)

    async def _order(self) -> Batch:
        settings = self.settings
        order = Order(
            pool=settings.pool,
            country=settings.country,
            state=settings.state,
            proxy_type=settings.proxy_type,
            session_minutes=settings.session_minutes,
            quantity=settings.quantity or 2 * settings.live_proxies,
        )
        return await self._send_order(order)

    async def _send_order(self, order: Order) -> Batch:
        assert self._session is not None  # noqa: S101 - opened by `open`, narrows for the type checker
        batch = await self._session.order(order)
        self.orders += 1
        return batch

    def _take_in(self, batch: Batch) -> None:
        self.pool = batch.pool
        self.lanes.add(Credential(proxy, batch.pool) for proxy in batch.proxies)

    def _at_limit(self) -> None:
        """The budget's last byte has come: what is on its way is cut, and nothing else starts."""
        self.stop("rf_budget_spent")
        if self.relay is not None:
            self.relay.cut()

    def stop(self, reason: str) -> None:
        """Close the spider, once, with our reason."""
        if self.finish_reason is None and self.crawler.engine.spider is not None:
            self.finish_reason = reason
            task = asyncio.get_running_loop().create_task(
                self.crawler.engine.close_spider_async(reason=reason),
            )
            self._hang_ups.add(task)
            task.add_done_callback(self._hang_ups.discard)

    # Telemetry

    async def publish(self, *, finished: bool = False) -> None:
        """Write this crawl's row for whoever watches on this machine."""
        if self.settings.telemetry and self._session is not None:
            await self._session.publish(self.report(finished=finished))

    def report(self, *, finished: bool = False) -> CrawlReport:
        """Say where this crawl stands."""
        now = time.time()
        moment = time.monotonic()
        total = self.meter.wire_bytes
        self._samples = [s for s in self._samples if moment - s[0] <= _RATE_SECONDS]
        self._samples.append((moment, total))
        first_at, first_total = self._samples[0]
        rate = (total - first_total) / (moment - first_at) if moment > first_at else 0.0
        crawler = self.crawler
        return CrawlReport(
            id=self.id,
            spider=crawler.spider.name if crawler.spider else "",
            project=str(crawler.settings.get("BOT_NAME") or ""),
            pid=os.getpid(),
            host=socket.gethostname(),
            pool=self.pool,
            started_at=self.started_at,
            updated_at=now,
            up_bytes=self.meter.up_bytes,
            down_bytes=self.meter.down_bytes,
            unbilled_bytes=self.meter.unbilled_bytes,
            requests=sum(spend.requests for spend in self.meter.spends.values()),
            direct_requests=self.direct_requests,
            failures=dict(self.verdicts),
            exits=self.exits,
            live_proxies=self.lanes.live,
            bytes_per_second=0.0 if finished else rate,
            finished_at=now if finished else None,
            finish_reason=self.finish_reason if finished else None,
            domains=tuple(
                DomainSpend(pool, domain, spend.up_bytes, spend.down_bytes, spend.requests)
                for (pool, domain), spend in sorted(self.meter.spends.items())
            ),
            backoffs={
                domain: until - moment
                for domain, until in self.backoffs.items()
                if until > moment and not finished
            },
        )


_CRAWLS: WeakKeyDictionary[Crawler, Crawl] = WeakKeyDictionary()


def crawl_of(crawler: Crawler) -> Crawl:
    """Return what the components of this crawler share; several crawlers in a process never do.

    Raises:
        SettingsError: a setting of ours cannot be used.
    """
    found = _CRAWLS.get(crawler)
    if found is None:
        found = _CRAWLS[crawler] = Crawl(crawler)
    return found


def proxy_of(response: Response) -> str:
    """Name the credential a response came through, as the monitor does; "" when there was none.

    Eight hex digits that are no secret: fit for items, logs and comparing which pages shared one.
    """
    for crawl in list(_CRAWLS.values()):
        flight = crawl.flights.get(response.request) if response.request is not None else None
        if flight is not None:
            return flight.handle
    return ""
