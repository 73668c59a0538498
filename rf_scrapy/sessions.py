"""Requests that belong together: `rf_session` gives them one exit and one cookie jar."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rf_core.errors import ResponseError
from rf_core.lanes import Credential
from rf_core.models import Order
from rf_core.sessions import Held, Sessions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request

    from rf_core.models import Batch
    from rf_scrapy.settings import CrawlSettings

SESSION: Final = "rf_session"
SESSION_END: Final = "rf_session_end"
SESSION_EXCLUSIVE: Final = "rf_session_exclusive"
_DEFAULT_MINUTES: Final = 10
_MOST_AT_ONCE: Final = 1_000
_JAR: Final = "rf:"


class CrawlSessions:
    """The sessions of one crawl: ordered for when they are first asked for.

    Args:
        order: Sends an order and returns what came.
        now: The seconds that leases go by.
    """

    def __init__(
        self,
        settings: CrawlSettings,
        order: Callable[[Order], Awaitable[Batch]],
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._order = order
        self._now = now
        self._minutes = settings.session_minutes or _DEFAULT_MINUTES
        self._quantity = settings.live_proxies
        self._one_order = asyncio.Lock()
        self.known = Sessions(self._minutes * 60.0)

    async def join(self, request: Request) -> Held:
        """Find or begin the session of a request, and give it that session's jar.

        Raises:
            ResiFactoryError: no credential can be had for it.
        """
        key = str(request.meta[SESSION])
        jar = request.meta.get("cookiejar")
        is_ours = isinstance(jar, str) and jar.startswith(_JAR)
        if is_ours:
            self.known.note_jar(key, str(jar))
        held = self._find_or_begin(key)
        while held is None:
            async with self._one_order:
                held = self._find_or_begin(key)
                if held is None:
                    await self._order_more()
        if jar is None or is_ours:
            request.meta["cookiejar"] = held.jar
        return held

    def _find_or_begin(self, key: str) -> Held | None:
        now = self._now()
        return self.known.find(key, now) or self.known.begin(key, now)

    def of(self, request: Request) -> Held | None:
        """The session that a request has joined, if it is still going on."""
        key = request.meta.get(SESSION)
        return None if key is None else self.known.find(str(key), self._now())

    def left(self, request: Request) -> None:
        """A request is back: it may have been its session's last."""
        if request.meta.get(SESSION_END) and SESSION in request.meta:
            self.known.end(str(request.meta[SESSION]))

    @property
    def next_order(self) -> Order:
        """What is ordered when the next session has no credential."""
        settings = self._settings
        mobile = settings.proxy_type.startswith("mobile")
        return Order(
            pool=settings.pool,
            country=settings.country,
            state=settings.state,
            proxy_type="mobile_sticky" if mobile else "sticky",
            session_minutes=self._minutes,
            quantity=self._quantity,
        )

    async def _order_more(self) -> None:
        """Order credentials: each time twice as many."""
        ordered_at = self._now()
        batch = await self._order(self.next_order)
        self._quantity = min(_MOST_AT_ONCE, self._quantity * 2)
        credentials = (Credential(proxy, batch.pool) for proxy in batch.proxies)
        if not self.known.add(credentials, ordered_at):
            message = "The order for sessions brought no credential that is new."
            raise ResponseError(message, status=200, path="proxies")
