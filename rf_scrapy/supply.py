"""Where a crawl's credentials go: what requests ask for, the lanes they get, how these end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final

from rf_core import orders
from rf_core.errors import InsufficientScopeError, OrderError
from rf_core.io.clock import Clock, machine_clock
from rf_core.lanes import Credential, Lanes
from rf_core.targeting import Targeting
from rf_core.verdicts import Rule
from rf_scrapy.meta import SESSION, TARGETING_KEYS, Wish, settings_wish, wish_of
from rf_scrapy.sessions import CrawlSessions
from rf_scrapy.source import Ears, Line, Source

if TYPE_CHECKING:
    from scrapy import Request

    from rf_core.inventory import Delivery
    from rf_core.io.relay import Relay
    from rf_core.io.session import Session
    from rf_core.lanes import Lane
    from rf_core.models import Batch, Order
    from rf_core.sessions import Held
    from rf_core.stock import Stock
    from rf_scrapy.flights import Flight
    from rf_scrapy.settings import CrawlSettings

logger = logging.getLogger(__name__)

_TURN_SECONDS: Final = 0.25
_REMEMBERED: Final = 4_096


class Supply:
    """The lanes of one crawl, and the sources that fill them.

    Args:
        note: Counts a verdict.
        exhausted: Told which pool has no balance, and the reason to end the crawl with.

    Attributes:
        session: The account; None before the crawl is open and after it is closed.
        relay: Whose connections are hung up before a lane gets another credential.
        own: What requests ride on that ask for nothing themselves.
        lines: What requests have asked for, and what they ride on.
        requests: How many have set out for each targeting that requests named themselves.
    """

    def __init__(
        self,
        settings: CrawlSettings,
        note: Callable[[Rule], None],
        exhausted: Callable[[str, str], None],
    ) -> None:
        self._settings = settings
        self._ears = Ears(note, exhausted, self._stocked)
        self.clock: Clock = machine_clock()
        self.session: Session | None = None
        self.relay: Relay | None = None
        self.lanes: Lanes = Lanes(settings.live_proxies, settings.rotate)
        wish = settings_wish(settings)
        self.own: Line = Line(self._source(wish.targeting, self.lanes.own.stock), self.lanes.own)
        self.lines: dict[Wish, Line] = {wish: self.own}
        self._wishes: dict[str, Wish] = {}
        self.requests: Counter[str] = Counter()
        self._pools: set[str | None] = {wish.targeting.pool}
        self.session_orders = 0
        self.sessions: CrawlSessions = CrawlSessions(
            settings, self._order_for_sessions, self.clock.monotonic
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._noting: set[asyncio.Task[None]] = set()
        self._turned = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside the crawl, and hold on to it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def noted(self) -> None:
        """Wait until every refusal is noted where other crawls look: `state.db` is still open."""
        if self._noting:
            await asyncio.wait(self._noting)

    def close(self) -> None:
        """Order no more. Repeatable."""
        for source in self.sources():
            source.close()

    # What requests ask for

    @property
    def pool(self) -> str:
        """Who pays for requests that ask for nothing themselves, as the API named it."""
        return self.own.source.pool

    @property
    def orders(self) -> int:
        """Orders that were filled."""
        return self.session_orders + sum(source.orders for source in self.sources())

    def sources(self) -> Iterator[Source]:
        """Walk over the sources, each once."""
        return iter({id(line.source): line.source for line in self.lines.values()}.values())

    def asked(self, request: Request) -> None:
        """Take note of what a request will want that is being scheduled."""
        meta = request.meta
        if SESSION in meta:
            self.sessions.note(request)
        if not TARGETING_KEYS.isdisjoint(meta):
            with contextlib.suppress(OrderError):  # it is told when it sets out
                self._pools.add(self._wish(request).targeting.pool)

    @property
    def is_asked(self) -> bool:
        """Whether any request has asked for something itself."""
        return bool(self._wishes)

    def pools(self) -> set[str]:
        """Pools that requests have asked for; "" is the account's own, not known by name yet."""
        own = self.own.source
        return {own.pool if pool == own.targeting.pool else pool or "" for pool in self._pools}

    def pool_of(self, request: Request) -> str:
        """Which pool is to pay for a request, as far as that is known.

        Raises:
            OrderError: it asks for what cannot be read.
        """
        if TARGETING_KEYS.isdisjoint(request.meta):
            return self.pool
        targeting = self._wish(request).targeting
        if targeting.pool is not None:
            return targeting.pool
        return self.pool if self.own.source.targeting.pool is None else ""

    def line_of(self, request: Request) -> Line:
        """Return what a request rides on, by its own word or by the settings.

        Raises:
            OrderError: it asks for what cannot be read, or for one targeting too many.
        """
        if TARGETING_KEYS.isdisjoint(request.meta):
            return self.own
        return self._line(self._wish(request))

    def _wish(self, request: Request) -> Wish:
        meta = request.meta
        text = repr([(key, meta[key]) for key in TARGETING_KEYS if key in meta])
        known = self._wishes.get(text)
        if known is None:
            known = wish_of(meta, self._settings)
            self._check_floor(known.targeting.pool)
            if len(self._wishes) >= _REMEMBERED:
                self._wishes.clear()
            self._wishes[text] = known
        return known

    def _check_floor(self, pool: str | None) -> None:
        own = self.own.source
        if self._settings.floor and pool not in {own.targeting.pool, own.pool}:
            message = (
                f"RF_FLOOR holds for pool {own.pool or 'by default'}, and this is another one."
            )
            raise OrderError(
                message,
                field="pool",
                way_out="Leave out rf_pool or RF_FLOOR, or give that pool a crawl of its own.",
            )

    def _line(self, wish: Wish) -> Line:
        """Return the line of a wish; those of one targeting share what is ordered for it."""
        line = self.lines.get(wish)
        if line is None:
            source = next((s for s in self.sources() if s.targeting == wish.targeting), None)
            if source is None:
                source = self._one_more(wish.targeting)
            share = self.lanes.open(source.stock, wish.rotate)
            line = self.lines[wish] = Line(source, share)
        return line

    def _one_more(self, targeting: Targeting) -> Source:
        most = self._settings.targetings
        if sum(1 for _ in self.sources()) >= most:
            message = f"This crawl has {most} targetings already, and {targeting.name} is one more."
            raise OrderError(
                message,
                field="targeting",
                way_out="Each is an order of its own; if so many are meant, raise RF_TARGETINGS.",
            )
        return self._source(targeting, self.lanes.new_stock())

    def _source(self, targeting: Targeting, stock: Stock) -> Source:
        settings = self._settings
        return Source(
            targeting,
            stock,
            settings.quantity or 2 * settings.live_proxies,
            deliver=self._deliver,
            ears=self._ears,
            now=self.clock.monotonic,
        )

    def count(self, request: Request, targeting: object) -> None:
        """Count a request that sets out, if it asks for something itself."""
        if not TARGETING_KEYS.isdisjoint(request.meta) and isinstance(targeting, Targeting):
            self.requests[targeting.name] += 1

    # Orders

    async def _deliver(self, order: Order, fresh: bool) -> Delivery:  # noqa: FBT001 - a callback
        return await self._open_session().deliver(order, fresh=fresh)

    def _stocked(self, source: Source, delivery: Delivery) -> None:
        share = next(line.share for line in self.lines.values() if line.source is source)
        self.lanes.stock(delivery.proxies, source.pool, share)

    async def check_sessions(self) -> None:
        """Find out before the first request whether sessions can be had.

        Raises:
            OrderError: the pool offers no credentials that keep their exit.
        """
        # Without the scope for discovery the API decides, when the first one is ordered.
        with contextlib.suppress(InsufficientScopeError):
            found, _ = await self._open_session().discovery()
            orders.check(self.sessions.next_order, found)

    async def _order_for_sessions(self, order: Order) -> Batch:
        batch = await self._open_session().order(order)
        self.session_orders += 1
        return batch

    def _open_session(self) -> Session:
        assert self.session is not None  # noqa: S101 - open, narrows for the type checker
        return self.session

    def begin_anew(self, pool: str) -> None:
        """Whatever stood in the way of a pool's orders is over."""
        for source in self.sources():
            if source.pool in {pool, ""}:
                source.begin_anew()

    # Lanes

    def take(self, line: Line, target: str) -> Lane | None:
        """Put a request on a lane; one that has too few of them gets another for the next."""
        lane = self.lanes.take(target, line.share)
        if len(self.lines) > 1 and (lane is None or line.share.is_busy):
            self._claim(line)
        return lane

    def _claim(self, line: Line) -> None:
        free = self.lanes.claim(line.share)
        if free is not None:
            self._renew(free)

    def land(self, flight: Flight) -> None:
        """Take a request off its lane; one that was to turn and is empty now turns."""
        if flight.lane is not None:
            lane, flight.lane = flight.lane, None
            if self.lanes.release(lane, flight.target):
                self._renew(lane)

    async def turned(self, line: Line, target: str) -> None:
        """Wait a moment for a lane that is turning, or make one turn for that target."""
        if (lane := self.lanes.make_room(target, line.share)) is not None:
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

    def refuse(self, handle: str) -> None:
        """Never use a credential again; its lanes get the next one, its connections are closed.

        Other crawls do not get it out of the stock that they share either.
        """
        source = next((one for one in self.sources() if one.stock.get(handle)), None)
        if (dead := self.lanes.credential(handle)) is not None and self.session is not None:
            noting = self.spawn(self.session.refused(dead.proxy))
            self._noting.add(noting)
            noting.add_done_callback(self._noting.discard)
        for lane in self.lanes.refuse(handle):
            self._renew(lane)
        if not self.sessions.known.lose(handle) and source is not None and not source.stock.spare:
            source.refill()

    def ban(self, flight: Flight) -> None:
        """Change the exit that a target does not want.

        A sticky credential is not sent there again; a rotating one gets another exit with its next
        connections.
        """
        if self.sessions.known.lose(flight.handle):
            return
        if _is_sticky(flight):
            self.lanes.ban(flight.handle, flight.target)
        elif (lane := self.lanes.turn(flight.number, flight.handle)) is not None:
            self._renew(lane)

    def leave_exit(self, flight: Flight) -> None:
        """The exit of a credential may be another one from now on: what relied on it is over.

        A rotating credential has another with its next connection anyway.
        """
        if self.sessions.known.lose(flight.handle):
            return
        if _is_sticky(flight):
            lane = self.lanes.turn(flight.number, flight.handle)
            if lane is not None:
                self._renew(lane)

    def _renew(self, lane: Lane, target: str = "", held: Credential | None = None) -> None:
        self.spawn(self._hang_up(lane, target, held))

    async def _hang_up(self, lane: Lane, target: str, held: Credential | None) -> None:
        if self.relay is not None:
            await self.relay.hang_up(lane.number)
        if not lane.in_flight and lane.retired:
            self.lanes.renew(lane, target, held)
            self._turned.set()
            self._turned.clear()


def _is_sticky(flight: Flight) -> bool:
    return flight.source is not None and flight.source.targeting.is_sticky
