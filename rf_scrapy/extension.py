"""Owns the relay's life and tells the monitor, the stats and the log what the crawl costs."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scrapy import signals
from scrapy.exceptions import NotConfigured

from rf_core.control import STOPPED
from rf_core.costs import cost_line
from rf_core.errors import ResiFactoryError, SettingsError, StateError
from rf_core.verdicts import of_error
from rf_scrapy import compat
from rf_scrapy.checks import Severity, check
from rf_scrapy.components import REPORTER
from rf_scrapy.crawl import Crawl, crawl_of
from rf_scrapy.project import project_of
from rf_scrapy.stats import cost_of_crawl, write_stats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy import Request
    from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

_TICK_SECONDS: Final = 1.0

FINISH_REASONS: Final[Mapping[str, str]] = {
    "rf_settings": "A setting, the key's absence or an impossible order stood in the way.",
    "rf_key_refused": "The API refused the key: revoked, suspended, or without the scope.",
    "rf_demo_credentials": "The pool has no balance, so the API gave credentials that do not work.",
    "rf_no_proxies": "No proxies could be had, or none is left that works.",
    "rf_balance_exhausted": "The gateway said that the pool is empty.",
    "rf_budget_spent": "The next request would, or did, reach beyond `RF_BUDGET`.",
    "rf_floor_reached": "The next request would, or did, reach below `RF_FLOOR`.",
    STOPPED: "Somebody told it to stop: `rf crawls stop`, or the monitor.",
}
"""Why a crawl of ours ends by itself."""


class CrawlReporter:
    """Extension: opens the crawl's relay before its first request, closes it after its last."""

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._ticker: asyncio.Task[None] | None = None
        self._engine_started = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> CrawlReporter:
        """Build it for a crawler.

        Raises:
            SettingsError: a setting of ours, or the reactor, cannot be used.
        """
        crawl = crawl_of(crawler)
        if not crawl.settings.enabled:
            raise NotConfigured
        compat.require_asyncio()
        crawl.present.add(REPORTER)
        reporter = cls(crawl)
        connect = crawler.signals.connect
        connect(reporter.spider_opened, signals.spider_opened)
        connect(reporter.engine_started, signals.engine_started)
        connect(reporter.request_left, signals.request_left_downloader)
        connect(reporter.headers_received, signals.headers_received)
        connect(reporter.spider_closed, signals.spider_closed)
        connect(reporter.engine_stopped, signals.engine_stopped)
        return reporter

    async def spider_opened(self) -> None:
        """Order proxies and start the relay; close the spider when that cannot be done.

        Raises:
            CloseSpider: with one of :data:`FINISH_REASONS`.
        """
        crawl = self._crawl
        try:
            self._check()
            await crawl.open()
        except ResiFactoryError as error:
            rule = of_error(error)
            crawl.note(rule)
            reason = rule.reason
            if crawl.settings.allow_direct and reason in {"rf_no_proxies", "rf_demo_credentials"}:
                logger.warning("%s Going direct, as RF_ALLOW_DIRECT says.", error)
                return
            which = f" The key is {crawl.masked_key}." if reason == "rf_key_refused" else ""
            logger.error("%s%s", error, which)
            crawl.finish_reason = reason
            compat.refuse_to_open(crawl.crawler, reason)
            return
        crawl.parking.opened()
        logger.info(
            "Proxies of pool %s on %d lanes, through the relay on 127.0.0.1:%d",
            crawl.supply.pool,
            crawl.supply.lanes.live,
            crawl.relay.port if crawl.relay else 0,
        )
        await crawl.telemetry.publish()
        self._ticker = asyncio.get_running_loop().create_task(self._tick())

    def _check(self) -> None:
        """Say what may go wrong; refuse to start with what does.

        Raises:
            SettingsError: every error that was found, with the lines to change.
        """
        project = project_of(self._crawl.crawler.settings, asyncio=True, with_account=False)
        found = check(replace(project, key_in_settings=self._crawl.key is not None))
        for finding in found:
            if finding.severity is Severity.WARNING:
                logger.warning("%s", finding)
        errors = [finding for finding in found if finding.severity is Severity.ERROR]
        if errors:
            message = " ".join(finding.what for finding in errors)
            raise SettingsError(message, way_out=" ".join(f.way_out for f in errors))

    def engine_started(self) -> None:
        """From here on `engine_stopped` will come."""
        self._engine_started = True

    def request_left(self, request: Request) -> None:
        """Free the lane and the money of a request that is done, however it ended."""
        flight = self._crawl.release(request)
        if flight is not None:
            self._crawl.settle(flight)

    def headers_received(self, body_length: object, request: Request) -> None:
        """The head of an answer often says how much is to come: that much is set aside for it."""
        crawl = self._crawl
        if crawl.guard.budget is None or not isinstance(body_length, int) or body_length <= 0:
            return  # Twisted has a word for a length that it does not know
        if request.method == "HEAD":
            return
        flight = crawl.flights.of(request)
        if flight is not None and flight.reserved:
            crawl.announced(flight, body_length)

    async def spider_closed(self, reason: str) -> None:
        """Write the stats before they are dumped; connections may still say goodbye."""
        self._crawl.finish_reason = reason
        write_stats(self._crawl)
        if not self._engine_started:
            await self._finish()

    async def engine_stopped(self) -> None:
        """The download handlers are closing: wait for the last bytes, then say what it cost."""
        await self._finish()

    async def _finish(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        crawl = self._crawl
        if crawl.relay is not None:
            await crawl.relay.close()
        crawl.causes.sweep(all_of_them=True)
        write_stats(crawl)
        if crawl.relay is not None:
            logger.info(closing_line(crawl))
            try:
                await crawl.telemetry.publish(finished=True)
            except StateError as error:
                logger.warning("%s", error)
        await crawl.close()

    async def _tick(self) -> None:
        is_said = False
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._crawl.sweep()
            write_stats(self._crawl)
            try:
                await self._crawl.control.heed()
                await self._crawl.telemetry.publish()
                await self._crawl.guard.renew(is_tick=True)
            except StateError as error:
                if self._crawl.guard.keeps_floor:
                    logger.error("%s Without it RF_FLOOR cannot be kept: the crawl ends.", error)
                    self._crawl.stop("rf_floor_reached")
                    return
                if not is_said:
                    logger.warning("%s The crawl goes on; the monitor does not see it.", error)
                is_said = True
            else:
                is_said = False


def closing_line(crawl: Crawl) -> str:
    """One line that says what the crawl cost and where it went."""
    return cost_line(
        "This crawl",
        crawl.meter,
        pool=" and ".join(sorted({pool for pool, _ in crawl.meter.spends})) or crawl.supply.pool,
        proxies=crawl.supply.lanes.used,
        budget=crawl.guard.standing,
        cost=cost_of_crawl(crawl),
    )
