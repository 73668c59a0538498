"""Before Scrapy's own retry: judges what targets answer.

A domain that says *slower* is left alone, and no other. One that says *not you* is asked again from
another exit.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, Protocol

from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.utils.httpobj import urlparse_cached
from scrapy.utils.misc import build_from_crawler

from rf_core.errors import DemoCredentialsError, OrderError, ResiFactoryError
from rf_core.patience import Pause, answered, refused
from rf_core.retry_after import parse_date, parse_retry_after
from rf_core.verdicts import Action, What, Who, judge, of_error
from rf_scrapy import compat
from rf_scrapy.components import BACKOFF, REPORTER, require
from rf_scrapy.crawl import Crawl, crawl_of
from rf_scrapy.flights import Flight
from rf_scrapy.kinds import kind_of, page_of
from rf_scrapy.meta import SESSION, TARGETING_KEYS, targeting_in
from rf_scrapy.middleware import NoProxyError, denied
from rf_scrapy.top_ups import GLANCE_SECONDS

logger = logging.getLogger(__name__)

_REORDER_SECONDS: Final = 5.0

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class DomainStalledError(IgnoreRequest):
    """A domain has asked for patience for longer than `RF_BACKOFF_STALL`."""


@compat.middleware
class BackoffMiddleware:
    """Downloader middleware, at 560: outside Retry, before redirects and cookies."""

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._pauses: dict[str, Pause] = {}
        self._bans = _ban_policy(crawl)
        crawl.parking.stays = self._still_parked

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> BackoffMiddleware:
        """Build it for a crawler.

        Raises:
            SettingsError: `CrawlReporter` is not listed in EXTENSIONS.
        """
        crawl = crawl_of(crawler)
        if not crawl.settings.enabled:
            raise NotConfigured
        require(crawl.present, REPORTER)
        crawl.present.add(BACKOFF)
        return cls(crawl)

    def process_request(self, request: Request) -> Awaitable[Request | None] | None:
        """Send a request away for as long as its domain wants to be left alone."""
        if self._crawl.parking.is_announced(request):
            return self._arrive(request)
        if self._crawl.supply.is_asked and kind_of(request) == "robots":
            self._follow_page(request)
        wait = self._wait_seconds(request)
        if wait:
            return self._hold(request, wait)
        return self._join(request) if self._has_session(request) else None

    def _follow_page(self, robots: Request) -> None:
        """Let a robots.txt leave from where its pages do."""
        page = page_of(robots, compat.downloading(self._crawl.crawler))
        if page is not None:
            robots.meta.update(targeting_in(page.meta))

    def _has_session(self, request: Request) -> bool:
        crawl = self._crawl
        return request.meta.get(SESSION) is not None and crawl.relay is not None

    async def _join(self, request: Request) -> Request | None:
        """Choose the session before the cookies are: its jar goes with its exit.

        Raises:
            NoProxyError: no credential can be had for it.
        """
        crawl = self._crawl
        try:
            if crawl.is_dry(crawl.supply.pool_of(request)):
                return await crawl.put_off(request)
            await crawl.supply.sessions.join(request)
        except ResiFactoryError as error:
            rule = of_error(error)
            if rule.what is What.INVALID and not TARGETING_KEYS.isdisjoint(request.meta):
                raise denied(crawl, request, error) from error
            crawl.note(rule, request)
            attempts = crawl.flights.attempts_of(request)
            attempts[rule.action] += 1
            if rule.action is Action.REORDER and attempts[rule.action] <= int(rule.times or 0):
                return await crawl.again(request, _REORDER_SECONDS * attempts[rule.action])
            logger.error("%s has no session: %s", request, error)
            if isinstance(error, DemoCredentialsError):
                crawl.exhausted(error.pool, rule.reason)
                return await crawl.put_off(request)
            if rule.action is Action.STOP:
                crawl.stop(rule.reason)
                return await crawl.kept(request)
            raise NoProxyError(str(error)) from error
        return None

    async def _arrive(self, request: Request) -> Request | None:
        """A request that came straight back waits in place, then asks once more.

        Raises:
            IgnoreRequest: the crawl ended meanwhile; whoever awaits it must let go.
        """
        await self._crawl.parking.arrive(request)
        if compat.is_closing(self._crawl.crawler):
            message = "the crawl is ending"
            raise IgnoreRequest(message)
        wait = self._wait_seconds(request)
        if wait:
            return await self._hold(request, wait)
        return await self._join(request) if self._has_session(request) else None

    def _hold(self, request: Request, seconds: float) -> Awaitable[Request]:
        """Keep a request until its domain may be asked.

        Raises:
            DomainStalledError: that has been so for too long.
        """
        if self._is_stalled(request):
            self._crawl.note(judge(Who.TARGET, What.STALLED), request)
            message = f"{_domain(request)} has said nothing but *slower* for too long"
            raise DomainStalledError(message)
        return self._crawl.again(request, seconds)

    def _wait_seconds(self, request: Request) -> float:
        pause = self._pauses.get(_domain(request)) if self._pauses else None
        return pause.wait_seconds(time.monotonic()) if pause else 0.0

    def _is_stalled(self, request: Request) -> bool:
        pause = self._pauses.get(_domain(request))
        longest = self._crawl.settings.backoff_stall
        return pause is not None and pause.is_stalled(time.monotonic(), longest)

    def _still_parked(self, request: Request) -> float:
        """How long a parked request whose time has come had better stay where it is."""
        if self._crawl.top_ups.waits_for_any and self._waits_for_top_up(request):
            return GLANCE_SECONDS
        return 0.0 if self._is_stalled(request) else self._wait_seconds(request)

    def _waits_for_top_up(self, request: Request) -> bool:
        crawl = self._crawl
        with contextlib.suppress(OrderError):  # it is told when it comes by
            return crawl.top_ups.waits_for(crawl.supply.pool_of(request))
        return False

    def process_response(
        self, request: Request, response: Response
    ) -> Response | Awaitable[Request]:
        """Turn *slower* into a pause of that domain; hand the answer on after too many of them."""
        crawl = self._crawl
        flight = crawl.flights.of(request)
        if flight is None or "cached" in response.flags:
            return response
        if response.status in crawl.settings.backoff_http_codes:
            return self._refused(request, response, flight)
        if flight.handle and self._bans.is_ban(request, response):
            return self._banned(request, response, flight)
        domain = _domain(request) if self._pauses else ""
        pause = self._pauses.get(domain)
        if pause is not None and pause.step:
            self._pauses[domain] = answered(pause, sent_at=flight.sent_at)
        crawl.supply.sessions.left(request)
        return response

    def _refused(
        self, request: Request, response: Response, flight: Flight
    ) -> Response | Awaitable[Request]:
        crawl = self._crawl
        domain = _domain(request)
        crawl.note(judge(Who.TARGET, What.SLOWER), request, f"target_{response.status}")
        crawl.causes.refused(flight)
        now = time.monotonic()
        outcome = refused(
            self._pauses.get(domain, Pause()),
            now=now,
            sent_at=flight.sent_at,
            retry_after=_retry_after(response),
            cap=crawl.settings.backoff_max,
            chance=random.random(),  # noqa: S311 - spreads load, guards nothing
        )
        self._pauses[domain] = outcome.pause
        crawl.backoffs[domain] = outcome.pause.until
        if outcome.new_step:
            crawl.backoff_steps += 1
            crawl.backoff_seconds += outcome.pause.until - now
        attempts = crawl.flights.attempts_of(request)
        attempts[Action.BACK_OFF] += 1
        if attempts[Action.BACK_OFF] > crawl.settings.backoff_retry_times:
            return response
        if outcome.pause.is_stalled(now, crawl.settings.backoff_stall):
            return response
        return crawl.again(request, outcome.pause.wait_seconds(now))

    def _banned(
        self, request: Request, response: Response, flight: Flight
    ) -> Response | Awaitable[Request]:
        """Change the exit; hand the answer on when enough of them were not wanted."""
        crawl = self._crawl
        crawl.note(judge(Who.TARGET, What.BANNED), request)
        crawl.causes.refused(flight)
        crawl.supply.ban(flight)
        attempts = crawl.flights.attempts_of(request)
        attempts[Action.NEW_EXIT] += 1
        if attempts[Action.NEW_EXIT] > crawl.settings.ban_retry_times:
            return response
        return crawl.again(request, 0.0)


class BanPolicy(Protocol):
    """What `RF_BAN_POLICY` names."""

    def is_ban(self, request: Request, response: Response) -> bool:
        """Whether an answer means that this exit is not wanted."""


class StatusBans:
    """The policy without a setting: some statuses are bans."""

    def __init__(self, codes: frozenset[int]) -> None:
        self._codes = codes

    def is_ban(self, _request: Request, response: Response) -> bool:
        """Look at the status."""
        return response.status in self._codes


def _ban_policy(crawl: Crawl) -> BanPolicy:
    chosen = crawl.settings.ban_policy
    if chosen is None:
        return StatusBans(crawl.settings.ban_http_codes)
    policy: BanPolicy = (
        build_from_crawler(chosen, crawl.crawler) if isinstance(chosen, type) else chosen
    )
    return policy


def _domain(request: Request) -> str:
    return (urlparse_cached(request).hostname or "").lower()


def _retry_after(response: Response) -> float | None:
    """Seconds, fraction or date (RFC 9110, 10.2.3), by the answer's own clock when it has one."""
    raw = response.headers.get("Retry-After")
    if raw is None:
        return None
    date = parse_date((response.headers.get("Date") or b"").decode("latin-1"))
    return parse_retry_after(raw.decode("latin-1"), now=time.time() if date is None else date)
