"""At the wire: puts each request on a lane of the relay, and reacts to what the gateway refuses.

It sits after the HTTP cache, so cached pages cost nothing and the cache never sees what it adds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.utils.httpobj import urlparse_cached

from rf_core.budget import Leave
from rf_core.errors import OrderError, ResiFactoryError
from rf_core.refusals import REFUSAL_HEADER, Refusal
from rf_core.targets import join
from rf_core.verdicts import Action, Rule, What, Who, judge, of_refusal, wait_seconds
from rf_scrapy import compat
from rf_scrapy.components import PROXY, REPORTER, require
from rf_scrapy.crawl import Crawl, crawl_of
from rf_scrapy.flights import Flight
from rf_scrapy.kinds import kind_of, says_direct, usual_of
from rf_scrapy.meta import SESSION, SESSION_EXCLUSIVE
from rf_scrapy.source import Line
from rf_scrapy.top_ups import GLANCE_SECONDS
from rf_scrapy.verdict import of_exception, texts_of

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from rf_core.lanes import Lane

logger = logging.getLogger(__name__)

_LOCAL_SCHEMES: Final = frozenset({"data", "file"})
_PROXIED_SCHEMES: Final = frozenset({"http", "https"})
_NO_LANE_SECONDS: Final = 0.5
_SETTLE_SECONDS: Final = 0.2
_TURN_TAKING_SECONDS: Final = 0.05
_OF_ONE_TARGETING: Final = frozenset({"rf_settings", "rf_no_proxies"})
"""Why a crawl would end for want of proxies, and goes on without those that a request asks for."""


class GatewayRefusedError(IgnoreRequest):
    """The gateway will not take this request, and trying again would not help."""


class NoProxyError(IgnoreRequest):
    """There is no proxy for this request, and it may not go without one."""


@compat.middleware
class ProxyMiddleware:
    """Downloader middleware, at 950."""

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> ProxyMiddleware:
        """Build it for a crawler.

        Raises:
            SettingsError: `CrawlReporter` is not listed in EXTENSIONS.
        """
        crawl = crawl_of(crawler)
        if not crawl.settings.enabled:
            raise NotConfigured
        require(crawl.present, REPORTER)
        crawl.present.add(PROXY)
        return cls(crawl)

    def process_request(self, request: Request) -> Awaitable[Request | None] | None:
        """Put a request on a lane; without one it waits, or does not leave.

        Raises:
            NoProxyError: there is no proxy for it.
        """
        scheme = urlparse_cached(request).scheme
        if scheme in _LOCAL_SCHEMES or _has_users_proxy(request):
            return None
        if way := says_direct(request) or self._by_kind(request):
            self._go_direct(request, way)
        elif scheme not in _PROXIED_SCHEMES:
            self._without_proxy(request, f"a proxy cannot carry {scheme}", What.UNSUPPORTED)
        elif self._crawl.relay is None:
            self._without_proxy(request, "there are no proxies")
        else:
            return self._with_proxy(request)
        return None

    async def process_response(self, request: Request, response: Response) -> Response | Request:
        """Take everything of ours off the request; react when the gateway answered, not the target.

        Raises:
            GatewayRefusedError: the gateway refuses this for good, or too often.
        """
        crawl = self._crawl
        flight = crawl.release(request)
        if flight is None or not flight.handle:
            return response
        refusal = self._refusal(response.headers.get(REFUSAL_HEADER), flight)
        if refusal is None:
            crawl.causes.answered(request, response, flight)
            # Heads and TLS are known to the meter only.
            crawl.guard.learn(flight.kind, len(response.body), is_announced=flight.is_announced)
            if flight.source is not None:
                flight.source.succeeded()
            return response
        crawl.causes.failed(flight)
        again = await self._follow(request, flight, refusal)
        if again is not None:
            return again
        retry = compat.retry(crawl.crawler, request, _reason(refusal))
        if retry is None:
            raise GatewayRefusedError(_reason(refusal))
        return retry

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """The same for a tunnel that was refused; other trouble is left to Scrapy's own retry.

        Raises:
            GatewayRefusedError: the gateway refuses this for good, or too often.
        """
        crawl = self._crawl
        flight = crawl.release(request)
        if flight is None or not flight.handle:
            return None
        crawl.causes.failed(flight)
        refusal = self._refusal(texts_of(exception).encode(), flight)
        if refusal is not None:
            return await self._follow(request, flight, refusal)
        rule = of_exception(exception)
        if (rule is None or rule.who is Who.NETWORK) and crawl.relay is not None:
            # A tunnel that was granted and then closed has no answer that could carry a token.
            untold = crawl.relay.refusals.take_untold(lane=flight.number, target=flight.target)
            if untold is not None:
                return await self._follow(request, flight, untold)
        if rule is not None:
            crawl.note(rule, request)
        return None

    def _with_proxy(self, request: Request) -> Awaitable[Request | None] | None:
        crawl = self._crawl
        if crawl.control.is_paused:
            return crawl.again(request, GLANCE_SECONDS)
        in_session = request.meta.get(SESSION) is not None
        try:
            line = crawl.supply.own if in_session else crawl.supply.line_of(request)
            if crawl.is_dry(crawl.supply.pool_of(request) if in_session else line.source.pool):
                return crawl.put_off(request)
        except OrderError as error:
            raise denied(crawl, request, error) from error
        parts = urlparse_cached(request)
        domain = (parts.hostname or "").lower()
        target = join(domain, parts.port or (443 if parts.scheme == "https" else 80))
        leave = crawl.guard.ask(usual_of(request, domain))
        if leave is not Leave.GO:
            return self._hold_back(request, leave, domain)
        if in_session:
            return self._in_session(request, target, domain)
        lane = crawl.supply.take(line, target)
        if lane is not None:
            self._assign(request, lane, target, domain, line)
            return None
        return self._without_lane(request, line, target, domain)

    def _without_lane(
        self, request: Request, line: Line, target: str, domain: str
    ) -> Awaitable[Request | None] | None:
        """Wait for a lane that turns or for more credentials.

        Raises:
            NoProxyError: what the request itself asks for is not to be had.
        """
        crawl = self._crawl
        if crawl.supply.lanes.can_serve(target, line.share):
            return self._when_turned(request, line, target, domain)
        if line.source.refill():
            return self._when_ordered(request, line, target, domain)
        rule = line.source.trouble
        if line.source is not crawl.supply.own.source and rule.reason in _OF_ONE_TARGETING:
            error = line.source.error or OrderError("There are no proxies.", field="targeting")
            raise denied(crawl, request, error)
        if crawl.settings.allow_direct and line is crawl.supply.own:
            self._go_direct(request)
            return None
        self._stop(judge(Who.OURSELVES, What.NO_PROXY), request, rule.reason)
        return crawl.kept(request)

    async def _when_ordered(
        self, request: Request, line: Line, target: str, domain: str
    ) -> Request | None:
        """Wait in place for a first order, which takes no time; it may take its time elsewhere."""
        crawl = self._crawl
        is_first = not line.source.orders
        if is_first:
            await line.source.ordered(_NO_LANE_SECONDS)
        if is_first and line.source.orders and not compat.is_closing(crawl.crawler):
            return await self._when_turned(request, line, target, domain)
        return await crawl.again(request, 0.0 if line.source.error else _NO_LANE_SECONDS)

    async def _in_session(self, request: Request, target: str, domain: str) -> Request | None:
        """Send a request on its session's lane; one whose session is over goes round once more."""
        crawl = self._crawl
        while (held := crawl.supply.sessions.of(request)) and not compat.is_closing(crawl.crawler):
            leave = crawl.guard.ask(usual_of(request, domain))
            if leave is not Leave.GO:
                return await self._hold_back(request, leave, domain)
            if request.meta.get(SESSION_EXCLUSIVE) and crawl.supply.lanes.carries(held.credential):
                return await crawl.again(request, _TURN_TAKING_SECONDS)
            lane = crawl.supply.lanes.hold(held.credential, target)
            if lane is not None:
                self._assign(request, lane, target, domain)
                crawl.supply.count(request, held.kind)
                return None
            await crawl.supply.lane_for(held)
        return await crawl.again(request, 0.0)

    async def _hold_back(self, request: Request, leave: Leave, domain: str) -> Request | None:
        """Draw more for a request that a cap does not allow yet, or keep it.

        It is parked then: what is left at the end goes back to the scheduler and its JOBDIR.
        """
        crawl = self._crawl
        kind = usual_of(request, domain)
        while leave is Leave.SOON and not compat.is_closing(crawl.crawler):
            # In place: that so few run at once is meant, and nobody else would get further.
            await asyncio.sleep(_TURN_TAKING_SECONDS)
            leave = crawl.guard.ask(kind)
        if leave is Leave.WAIT:
            leave = await crawl.guard.more(kind)
        if leave is Leave.GO:
            sent = self._with_proxy(request)
            return await sent if sent is not None else None
        if leave is Leave.WAIT or leave is Leave.SOON:
            return await crawl.again(request, _SETTLE_SECONDS)
        if crawl.finish_reason is None:
            crawl.note(judge(Who.OURSELVES, crawl.guard.bound_by), request)
        crawl.at_cap(crawl.guard.bound_by)
        if crawl.top_ups.waits_for(crawl.supply.pool):
            return await crawl.put_off(request)
        return await crawl.kept(request)

    def _stop(self, rule: Rule, request: Request, reason: str = "") -> None:
        """End the crawl; said and counted once."""
        if self._crawl.finish_reason is None:
            self._crawl.note(rule, request)
        self._crawl.stop(reason or rule.reason)

    async def _when_turned(
        self, request: Request, line: Line, target: str, domain: str
    ) -> Request | None:
        """Wait in place for a lane that turns: they are as many as requests, and it takes no time.

        When the crawl ends meanwhile the request goes back to where it came from.
        """
        crawl = self._crawl
        lanes = crawl.supply.lanes
        while lanes.can_serve(target, line.share) and not compat.is_closing(crawl.crawler):
            leave = crawl.guard.ask(usual_of(request, domain))
            if leave is not Leave.GO:
                return await self._hold_back(request, leave, domain)
            lane = crawl.supply.take(line, target)
            if lane is not None:
                self._assign(request, lane, target, domain, line)
                return None
            await crawl.supply.turned(line, target)
        again: Request = request.replace(dont_filter=True)
        return again

    def _assign(
        self, request: Request, lane: Lane, target: str, domain: str, line: Line | None = None
    ) -> None:
        crawl = self._crawl
        assert crawl.relay is not None  # noqa: S101 - checked by the caller, narrows for the type checker
        request.meta["proxy"] = crawl.relay.url
        request.headers["Proxy-Authorization"] = crawl.relay.authorization(lane.number)
        pool = lane.credential.pool if lane.credential else crawl.supply.pool
        source = None
        if line is not None:
            source = line.source
            crawl.supply.count(request, source.targeting)
        kind = usual_of(request, domain)
        flight = Flight(
            target,
            time.monotonic(),
            lane.handle,
            pool,
            lane.number,
            lane,
            domain,
            kind,
            crawl.guard.reserve(kind),
            source=source,
        )
        crawl.flights.began(request, flight)
        crawl.meter.spend(pool, domain).requests += 1
        if line is not crawl.supply.own:
            crawl.pays_from(pool)
        crawl.causes.began(request, flight, crawl.flights.earlier_attempts_of(request))

    def _by_kind(self, request: Request) -> str:
        """What the policy for requests of that kind says, if they have one of their own.

        Raises:
            NoProxyError: they are switched off.
        """
        kind = kind_of(request)
        policy = getattr(self._crawl.settings, kind) if kind else "proxy"
        if policy == "off":
            message = f"RF_{kind.upper()} is off"
            raise NoProxyError(message)
        return kind if policy == "direct" else ""

    def _go_direct(self, request: Request, way: str = "allow_direct") -> None:
        self._crawl.direct[way] += 1
        self._crawl.flights.began(request, Flight("", time.monotonic()))

    def _without_proxy(self, request: Request, why: str, what: What = What.NO_PROXY) -> None:
        if self._crawl.settings.allow_direct:
            self._go_direct(request)
            return
        self._crawl.note(judge(Who.OURSELVES, what), request)
        message = f"{why}, and RF_ALLOW_DIRECT is off"
        raise NoProxyError(message)

    def _refusal(self, text: bytes | None, flight: Flight) -> Refusal | None:
        if text is None or self._crawl.relay is None:
            return None
        return self._crawl.relay.refusals.take(
            text.decode("utf-8", "replace"), lane=flight.number, target=flight.target
        )

    async def _follow(self, request: Request, flight: Flight, refusal: Refusal) -> Request | None:
        """Do what the rule says; None leaves the request to Scrapy's own retry."""
        crawl = self._crawl
        rule = of_refusal(refusal)
        crawl.note(rule, request)
        if rule.action is Action.NEW_CREDENTIAL:
            crawl.supply.refuse(refusal.handle)
        elif not rule.keeps_session:
            crawl.supply.leave_exit(flight)
        attempts = crawl.flights.attempts_of(request)
        attempts[rule.action] += 1
        times = rule.times if isinstance(rule.times, int) else attempts[rule.action]
        match rule.action if attempts[rule.action] <= times else rule.then:
            case Action.RETRY:
                return None
            case Action.NEW_CREDENTIAL:
                return await crawl.again(request, 0.0)
            case Action.WAIT:
                return await crawl.again(request, wait_seconds(refusal, attempts[rule.action]))
            case Action.STOP:
                crawl.exhausted(flight.pool)
                return await crawl.put_off(request)
            case _:
                logger.warning("Gave up %s: %s", request, _reason(refusal))
                raise GatewayRefusedError(_reason(refusal))


def denied(crawl: Crawl, request: Request, error: ResiFactoryError) -> NoProxyError:
    """Say that a request asks for what is not to be had, and count it."""
    logger.error("%s is not sent: %s", request, error)
    crawl.note(judge(Who.OURSELVES, What.TARGETING), request)
    return NoProxyError(str(error))


def _has_users_proxy(request: Request) -> bool:
    """Whether the user chose a proxy; Scrapy marks one that the environment chose."""
    return bool(request.meta.get("proxy")) and not request.meta.get("_scheme_proxy")


def _reason(refusal: Refusal) -> str:
    return f"gateway {refusal.status} ({refusal.cause}) for {refusal.target}"
