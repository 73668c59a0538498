"""Requests that belong together: `rf_session` gives them one exit and one cookie jar."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rf_core.errors import OrderError, ResponseError
from rf_core.lanes import Credential
from rf_core.sessions import Held, Sessions
from rf_core.snapshot import SessionCounts
from rf_scrapy.meta import SESSION, SESSION_END, settings_wish, targeting_in, wish_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request

    from rf_core.models import Batch, Order
    from rf_core.targeting import Targeting
    from rf_scrapy.settings import CrawlSettings

_DEFAULT_MINUTES: Final = 10
_MOST_AT_ONCE: Final = 1_000
_JAR: Final = "rf:"


@dataclass(slots=True)
class _Orders:
    """The orders for sessions of one targeting: one at a time, each for twice as many."""

    quantity: int
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)


class CrawlSessions:
    """The sessions of one crawl: ordered for when they are first asked for.

    A session stays with the targeting that it began with: requests that name none follow it.

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
        self._orders: dict[Targeting, _Orders] = {}
        self._asked: dict[str, dict[str, Any]] = {}
        self.known = Sessions(self._minutes * 60.0)

    def note(self, request: Request) -> None:
        """Remember what a session's request asks for; one that asks for nothing does as the others.

        It stands in the request's meta from then on, and so in a JOBDIR.
        """
        key = str(request.meta[SESSION])
        asked = targeting_in(request.meta)
        if asked:
            self._asked.setdefault(key, asked)
        elif key in self._asked:
            request.meta.update(self._asked[key])

    async def join(self, request: Request) -> Held:
        """Find or begin the session of a request, and give it that session's jar.

        Raises:
            OrderError: it asks for something else than the session does that is going on.
            ResiFactoryError: no credential can be had for it.
        """
        key = str(request.meta[SESSION])
        targeting = self._targeting(key, request)
        jar = request.meta.get("cookiejar")
        is_ours = isinstance(jar, str) and jar.startswith(_JAR)
        if is_ours:
            self.known.note_jar(key, str(jar))
        held = self._find_or_begin(key, targeting)
        while held is None:
            orders = self._orders_of(targeting)
            async with orders.one_at_a_time:
                held = self._find_or_begin(key, targeting)
                if held is None:
                    await self._order_more(targeting, orders)
        if held.kind != targeting:
            raise _differs(key, held.kind, targeting)
        if jar is None or is_ours:
            request.meta["cookiejar"] = held.jar
        return held

    def targeting_of(self, request: Request) -> Targeting:
        """Return what is ordered for a request's session.

        Raises:
            OrderError: it cannot be read.
        """
        return wish_of(request.meta, self._settings).session_targeting(self._minutes)

    def _targeting(self, key: str, request: Request) -> Targeting:
        """What a request's session is to be; what it does not say, a session that goes on does.

        Raises:
            OrderError: it cannot be read, or is another than that of the session.
        """
        self.note(request)
        held = self.known.going_on(key, self._now())
        asked = targeting_in(request.meta)
        if held is not None:
            said = self._asked.get(key, {}) | asked
            targeting = wish_of(said, self._settings).session_targeting(self._minutes)
            if held.kind != targeting:
                raise _differs(key, held.kind, targeting)
            return targeting
        if asked:
            self._asked[key] = asked
        return self.targeting_of(request)

    def _find_or_begin(self, key: str, targeting: Targeting) -> Held | None:
        now = self._now()
        return self.known.find(key, now) or self.known.begin(key, now, targeting)

    def of(self, request: Request) -> Held | None:
        """The session that a request has joined, if it is still going on."""
        key = request.meta.get(SESSION)
        return None if key is None else self.known.find(str(key), self._now())

    @property
    def counts(self) -> SessionCounts:
        """What became of all of them."""
        return self.known.counts(self._now())

    def left(self, request: Request) -> None:
        """A request is back: it may have been its session's last."""
        if request.meta.get(SESSION_END) and SESSION in request.meta:
            self.known.end(str(request.meta[SESSION]))

    @property
    def next_order(self) -> Order:
        """What is ordered when the next session that asks for nothing has no credential."""
        targeting = settings_wish(self._settings).session_targeting(self._minutes)
        return targeting.order(self._orders_of(targeting).quantity)

    def _orders_of(self, targeting: Targeting) -> _Orders:
        found = self._orders.get(targeting)
        if found is None:
            found = self._orders[targeting] = _Orders(self._settings.live_proxies)
        return found

    async def _order_more(self, targeting: Targeting, orders: _Orders) -> None:
        ordered_at = self._now()
        batch = await self._order(targeting.order(orders.quantity))
        orders.quantity = min(_MOST_AT_ONCE, orders.quantity * 2)
        credentials = (Credential(proxy, batch.pool) for proxy in batch.proxies)
        lease = (targeting.session_minutes or self._minutes) * 60.0
        if not self.known.add(credentials, ordered_at, kind=targeting, lease_seconds=lease):
            message = "The order for sessions brought no credential that is new."
            raise ResponseError(message, status=200, path="proxies")


def _differs(key: str, held: object, asked: Targeting) -> OrderError:
    is_there = getattr(held, "name", "")
    return OrderError(
        f"Session {key!r} goes on as {is_there}, and this request asks for {asked.name}.",
        field="rf_session",
        way_out="Give it another key, or end the session first with rf_session_end.",
    )
