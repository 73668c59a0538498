"""Requests that wait for a moment to come, outside the engine, so that they hold no place in it.

A middleware that has to wait returns `parking.hold(request, seconds)`. The engine then offers that
copy to its scheduler; we veto the scheduling (`request_scheduled` may raise `IgnoreRequest`) and
keep the copy until its time has come. Nothing else of the crawl notices.

Requests that something awaits directly (robots.txt, media, `engine.download_async`) never reach
the scheduler: they come straight back to the middleware, which then waits, and lends its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from scrapy import signals
from scrapy.exceptions import CloseSpider, DontCloseSpider, IgnoreRequest

from rf_scrapy import compat

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

ROOM: Final = 100_000
"""Requests parked at most, about 200 MB of them: a spider without an end must not fill the memory.
Beyond it a request waits in place, which holds the crawl back."""

FOR_GOOD: Final = float("inf")
"""How long a request stays that this crawl will not send: a JOBDIR has it for the next."""

_GLANCE_SECONDS: Final = 0.25
_APART_SECONDS: Final = 0.001


class Parking:
    """The parked requests of one crawler.

    A held request is in exactly one of three places: `_announced`, between the middleware and the
    scheduler, `_parked`, with a timer running, or `_kept` for good. They leave a thousand a second,
    so that the first answers tell whether the others may follow.

    Attributes:
        stays: How long a request whose time has come had better stay where it is.
        asked: Told of every request that is scheduled.
        ending: Why the crawl ends when nothing is left but requests that are kept for good.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._announced: dict[Request, float] = {}
        self._parked: dict[Request, asyncio.TimerHandle] = {}
        self._kept: list[Request] = []
        self._in_place = 0
        self.stays: Callable[[Request], float] = lambda _request: 0.0
        self.asked: Callable[[Request], None] = lambda _request: None
        self.ending: Callable[[], str] = lambda: "finished"
        crawler.signals.connect(self._scheduled, signals.request_scheduled)
        crawler.signals.connect(self._idle, signals.spider_idle)

    def __len__(self) -> int:
        return len(self._parked) + len(self._kept)

    @property
    def is_full(self) -> bool:
        """Whether requests have to wait in place."""
        return len(self) >= ROOM

    def opened(self) -> None:
        """The engine is there: requests still parked at the end go back to its scheduler."""
        compat.before_scheduler_closes(self._crawler, self._leftovers)

    async def hold(self, request: Request, seconds: float) -> Request:
        """Return a copy of a request that will come by again after that time.

        With no room left it comes back soon and has to ask again.
        """
        waiting: Request = request.replace(dont_filter=True)
        if not self.is_full:
            self._announced[waiting] = _now() + seconds
        else:
            await self._stay(min(seconds, _GLANCE_SECONDS))
        return waiting

    def is_announced(self, request: Request) -> bool:
        """Whether a held request came straight back, awaited by someone."""
        return request in self._announced

    async def arrive(self, request: Request) -> None:
        """Wait out the rest of a held request's time, holding nobody else's place.

        Raises:
            IgnoreRequest: it is kept for good; whoever awaits it must let go.
        """
        due = self._announced.pop(request, None)
        if due == FOR_GOOD:
            message = "this crawl does not send it any more"
            raise IgnoreRequest(message)
        if due is not None:
            self._in_place += 1
            try:
                with compat.aside(self._crawler, request):
                    await self._stay(due - _now())
            finally:
                self._in_place -= 1

    async def _stay(self, seconds: float) -> None:
        """Wait in place, but not longer than the crawl lives."""
        glances = int(seconds / _GLANCE_SECONDS) + 1
        for _ in range(glances):
            if compat.is_closing(self._crawler):
                return
            await asyncio.sleep(min(seconds, _GLANCE_SECONDS))

    def _scheduled(self, request: Request) -> None:
        due = self._announced.pop(request, None)
        if due is None:
            self.asked(request)
            return
        if compat.is_closing(self._crawler):
            return
        if due == FOR_GOOD:
            self._kept.append(request)
        else:
            self._park(request, due)
        message = "parked until its domain may be asked again"
        raise IgnoreRequest(message)

    def _park(self, request: Request, due: float) -> None:
        due += len(self._parked) * _APART_SECONDS
        loop = asyncio.get_running_loop()
        self._parked[request] = loop.call_at(due, self._leave, request)

    def _leave(self, request: Request) -> None:
        del self._parked[request]
        seconds = self.stays(request)
        if seconds:
            self._park(request, _now() + seconds)
            return
        if self._crawler.engine.spider is not None:
            self._crawler.engine.crawl(request)

    def _idle(self) -> None:
        if self._parked or self._in_place:
            raise DontCloseSpider
        if self._kept:
            raise CloseSpider(self.ending())

    def _leftovers(self) -> Iterator[Request]:
        while self._parked:
            request, timer = self._parked.popitem()
            timer.cancel()
            yield request
        while self._kept:
            yield self._kept.pop()


def _now() -> float:
    return asyncio.get_running_loop().time()
