"""What the components of one crawler share: the account, the relay, the lanes, the counts."""

from __future__ import annotations

import logging
import secrets
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from rf_core.errors import DemoCredentialsError, TransportError
from rf_core.io.configuration import load_settings
from rf_core.io.guard import Guard
from rf_core.io.relay import Relay
from rf_core.io.relay.wire import FLIGHT_HEADER
from rf_core.io.session import Session
from rf_core.meter import Meter
from rf_core.redaction import mask_key
from rf_core.verdicts import Rule, What, Who, judge, of_error
from rf_scrapy import compat
from rf_scrapy.budgets import budget_name
from rf_scrapy.causes import Causes
from rf_scrapy.components import Component
from rf_scrapy.control import Control
from rf_scrapy.flights import Flight, Flights
from rf_scrapy.parking import FOR_GOOD, Parking
from rf_scrapy.settings import CrawlSettings, read_settings, take_key
from rf_scrapy.supply import Supply
from rf_scrapy.telemetry import Telemetry
from rf_scrapy.top_ups import GLANCE_SECONDS, TopUps

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)


class Crawl:
    """One crawl: opened before its first request, closed after its last connection.

    Until :meth:`open` has succeeded there is no relay, and without a relay nothing is sent.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.key = take_key(crawler.settings)
        self.settings: CrawlSettings = read_settings(crawler.settings)
        self.id = secrets.token_hex(6)
        self.masked_key = ""
        self.present: set[Component] = set()
        self.parking = Parking(crawler)
        self.supply: Supply = Supply(self.settings, self.note, self.exhausted)
        self.top_ups: TopUps = TopUps(self)
        self.empty: dict[str, str] = {}
        self._pools_paid_from: set[str] = set()
        self.parking.asked = self.supply.asked
        self.parking.ending = lambda: next(iter(self.empty.values()), "finished")
        self.flights: Flights = Flights()
        self.meter: Meter = Meter()
        self.causes: Causes = Causes(self.meter)
        self.guard: Guard = Guard(
            self.meter,
            cap=self.settings.budget,
            floor_bytes=self.settings.floor,
            reached=self.at_cap,
        )
        self.control: Control = Control(self)
        self.telemetry: Telemetry = Telemetry(self)
        self.relay: Relay | None = None
        self.verdicts: Counter[str] = Counter()
        self.direct: Counter[str] = Counter()
        self.backoff_steps: int = 0
        self.backoff_seconds: float = 0.0
        self.backoffs: dict[str, float] = {}
        self.started_at = time.time()
        self.finish_reason: str | None = None

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
        supply = self.supply
        supply.session = await Session(
            account, holder=f"crawl {spider}", clock=supply.clock
        ).__aenter__()
        self.guard.price(supply.session)
        if self.crawler.settings.get("RF_ROTATE") == "session":
            await supply.check_sessions()
        empty = await self._first_order()
        await self._open_guard(supply.session)
        relay = Relay(supply.lanes, self.meter)
        try:
            await relay.start()
        except OSError as error:
            message = f"The relay cannot listen on 127.0.0.1: {error.strerror}."
            raise TransportError(message, sent=False) from error
        self.relay = supply.relay = self.guard.relay = relay
        if empty:
            self.top_ups.wait_for(supply.pool)

    async def _open_guard(self, session: Session) -> None:
        spider = self.crawler.spider.name if self.crawler.spider else ""
        name = budget_name(self.crawler.settings, spider, self.settings.budget_name)
        begun = await self.guard.open(session, self.supply.pool, self.id, name)
        cap = self.guard.cap
        if cap is not None and (begun.others or begun.spent):
            logger.info(
                "RF_BUDGET of %s goes on where it stands: %s are spent, or were drawn by what was "
                "killed, and %d %s from it now.",
                name.text,
                replace(cap, amount=begun.spent),
                begun.others,
                "other process draws" if begun.others == 1 else "other processes draw",
            )

    async def _first_order(self) -> bool:
        """Order for all requests that ask for nothing; tell whether a top-up has to be waited for.

        Raises:
            ResiFactoryError: whatever stands in the way, with the way out.
        """
        source = self.supply.own.source
        try:
            await source.order()
        except DemoCredentialsError as error:
            if self.settings.on_exhausted != "pause":
                raise
            source.pool = error.pool
            self.note(of_error(error))
            return True
        return False

    async def close(self) -> None:
        """Close the relay, then the account. Repeatable."""
        self.supply.close()
        self.top_ups.close()
        if self.relay is not None:
            await self.relay.close()
        await self.guard.close(is_done=self.finish_reason == "finished")
        await self.supply.noted()
        session, self.supply.session = self.supply.session, None
        if session is not None:
            await session.aclose()

    def release(self, request: Request) -> Flight | None:
        """Take a request off its lane, and everything of ours off the request.

        Returns how it flew, or None when it never did.
        """
        flight = self.flights.of(request)
        if flight is not None and flight.lane is not None:
            for key in ("proxy", "_auth_proxy", "_scheme_proxy"):
                request.meta.pop(key, None)
            request.headers.pop("Proxy-Authorization", None)
            request.headers.pop(FLIGHT_HEADER, None)
            self.flights.landed(request)
            self.supply.land(flight)
        return flight

    def sweep(self) -> None:
        """Free the lanes of requests that another middleware has answered beyond ours."""
        for request in self.flights.astray(compat.downloading(self.crawler)):
            flight = self.release(request)
            if flight is not None:
                self.settle(flight)
        self.causes.sweep()

    def note(self, rule: Rule, request: Request | None = None, name: str = "") -> None:
        """Count a verdict, and say what follows from it."""
        name = name or rule.name
        self.verdicts[name] += 1
        logger.debug("%s %s: %s", name, rule.action.name.lower(), request or rule.who)

    def exhausted(self, pool: str, reason: str = "rf_balance_exhausted") -> None:
        """A pool has nothing left: nothing more is sent through it, or not until it is topped up.

        Requests that ask for other pools go on; without any the crawl ends, or pauses.

        Args:
            reason: Why the crawl ends, if it does: the gateway said so, or the API.
        """
        if self.settings.on_exhausted == "pause":
            self.top_ups.wait_for(pool)
            return
        if pool not in self.empty:
            logger.error("Pool %s has no balance left.", pool)
        self.empty[pool] = reason
        if self.supply.pools() <= self.empty.keys():
            self.stop(reason)

    def pays_from(self, pool: str) -> None:
        """Another pool is spent from: where it is dearer, a budget in dollars buys fewer bytes."""
        if pool not in self._pools_paid_from:
            self._pools_paid_from.add(pool)
            self.guard.set_edge()

    def is_dry(self, pool: str) -> bool:
        """Whether nothing can be sent through a pool, now or for good."""
        return pool in self.empty or self.top_ups.waits_for(pool)

    async def put_off(self, request: Request) -> Request:
        """Keep a request whose pool is empty: until it is topped up, or for the next crawl."""
        if self.settings.on_exhausted == "pause":
            return await self.again(request, GLANCE_SECONDS)
        return await self.kept(request)

    @property
    def dry_pool(self) -> str:
        """The pool that the whole crawl waits for until it is topped up, or ""."""
        pools = self.supply.pools()
        waits = bool(pools) and all(map(self.top_ups.waits_for, pools))
        return self.supply.pool if waits else ""

    async def kept(self, request: Request) -> Request:
        """Keep a request that this crawl will not send: a JOBDIR has it for the next."""
        if self.parking.is_full and self.empty:
            self.stop(next(iter(self.empty.values())))
        return await self.again(request, FOR_GOOD)

    def settle(self, flight: Flight) -> None:
        """Give back what a request had set aside, once."""
        reserved, flight.reserved = flight.reserved, 0
        self.guard.settle(reserved)

    def announced(self, flight: Flight, size_bytes: int) -> None:
        """An answer's head has said how much is to come."""
        flight.is_announced = True
        flight.reserved = self.guard.announce(flight.kind, size_bytes, flight.reserved)

    async def again(self, request: Request, seconds: float) -> Request:
        """Return a copy of a request that comes by again after that time, its attempts counted."""
        later = await self.parking.hold(request, seconds)
        self.flights.goes_on_as(later, request)
        return later

    @property
    def exits(self) -> int:
        """Exits that were asked for: sticky credentials, or tunnels and plain requests (C-160)."""
        if all(source.targeting.is_sticky for source in self.supply.sources()):
            return self.supply.lanes.used
        return self.meter.tunnels + self.meter.exchanges

    def at_cap(self, cap: What) -> None:
        """Nothing more may be spent: the crawl ends, or waits for its pool to be topped up."""
        if cap is What.FLOOR and self.settings.on_exhausted == "pause":
            self.top_ups.wait_for(self.supply.pool, at_floor=True)
        else:
            self.stop(judge(Who.OURSELVES, cap).reason)

    def stop(self, reason: str) -> None:
        """Close the spider, once, with our reason."""
        engine = self.crawler.engine
        if self.finish_reason is None and engine.spider is not None:
            self.finish_reason = reason
            self.supply.spawn(compat.close_spider(self.crawler, reason))


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
        flight = crawl.flights.of(response.request)
        if flight is not None:
            return flight.handle
    return ""
