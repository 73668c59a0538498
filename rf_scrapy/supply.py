"""Where a crawl's credentials come from and go: orders, the lanes they live on, their ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from rf_core import orders
from rf_core.errors import InsufficientScopeError, ResiFactoryError
from rf_core.io.clock import Clock, machine_clock
from rf_core.lanes import Credential, Lanes
from rf_core.models import Batch, Order
from rf_core.refusals import Cause
from rf_core.verdicts import Action, Rule, Who, judge, of_error
from rf_scrapy.sessions import CrawlSessions

if TYPE_CHECKING:
    from rf_core.io.relay import Relay
    from rf_core.io.session import Session
    from rf_core.lanes import Lane
    from rf_core.sessions import Held
    from rf_scrapy.flights import Flight
    from rf_scrapy.settings import CrawlSettings

logger = logging.getLogger(__name__)

_TURN_SECONDS: Final = 0.25


class Supply:
    """The lanes of one crawl and the orders that fill them.

    Args:
        note: Counts a verdict.
        exhausted: Told which pool has no balance, and the reason to end the crawl with.

    Attributes:
        session: The account; None before the crawl is open and after it is closed.
        relay: Whose connections are hung up before a lane gets another credential.
        pool: Who pays, as the API named it.
    """

    def __init__(
        self,
        settings: CrawlSettings,
        note: Callable[[Rule], None],
        exhausted: Callable[[str, str], None],
    ) -> None:
        self._settings = settings
        self._note = note
        self._exhausted = exhausted
        self.clock: Clock = machine_clock()
        self.session: Session | None = None
        self.relay: Relay | None = None
        self.pool = settings.pool or ""
        self.orders: int = 0
        self.lanes: Lanes = Lanes(settings.live_proxies, settings.rotate)
        self.sessions: CrawlSessions = CrawlSessions(
            settings, self._order_for_sessions, self.clock.monotonic
        )
        self._refilling: asyncio.Task[None] | None = None
        self._refills = 0
        self._trouble = judge(Who.API, Cause.OTHER)
        self._tasks: set[asyncio.Task[None]] = set()
        self._turned = asyncio.Event()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the crawl, and hold on to it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Order no more. Repeatable."""
        if self._refilling is not None:
            self._refilling.cancel()

    # Orders

    async def order(self, *, fresh: bool = False) -> None:
        """Order credentials and put them on lanes.

        Args:
            fresh: Those there were do not work.

        Raises:
            ResiFactoryError: none could be had.
        """
        settings = self._settings
        order = Order(
            pool=settings.pool,
            country=settings.country,
            state=settings.state,
            proxy_type=settings.proxy_type,
            session_minutes=settings.session_minutes,
            quantity=settings.quantity or 2 * settings.live_proxies,
        )
        delivery = await self._open_session().deliver(order, fresh=fresh)
        self.orders += 1
        self.pool = delivery.facts.pool
        self.lanes.stock(delivery.proxies, self.pool)

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
        self.orders += 1
        return batch

    def _open_session(self) -> Session:
        assert self.session is not None  # noqa: S101 - open, narrows for the type checker
        return self.session

    def refill(self) -> bool:
        """Order more credentials in the background; False when that has been tried often enough."""
        if self._refilling is not None and not self._refilling.done():
            return True
        rule = self._trouble
        if rule.action is Action.STOP or self._refills >= int(rule.times or 0):
            return self.lanes.live > 0
        self._refills += 1
        self._refilling = asyncio.get_running_loop().create_task(self._refill())
        return True

    async def _refill(self) -> None:
        try:
            await self.order(fresh=True)
        except ResiFactoryError as error:
            logger.error("No more proxies: %s", error)
            rule = of_error(error)
            self._note(rule)
            if rule.action is not Action.WAIT:
                self._trouble = rule
            if rule.what is Cause.DEMO:
                self._exhausted(self.pool, rule.reason)

    @property
    def reason(self) -> str:
        """Why the crawl ends when no credential is left that works."""
        return self._trouble.reason

    def begin_anew(self) -> None:
        """Whatever stood in the way of orders is over."""
        self._refills = 0
        self._trouble = judge(Who.API, Cause.OTHER)

    def succeeded(self) -> None:
        """A credential works: later refusals start counting anew."""
        self._refills = 0

    # Lanes

    def land(self, flight: Flight) -> None:
        """Take a request off its lane; one that was to turn and is empty now turns."""
        if flight.lane is not None:
            lane, flight.lane = flight.lane, None
            if self.lanes.release(lane, flight.target):
                self._renew(lane)

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

    def refuse(self, handle: str) -> None:
        """Never use a credential again; its lanes get the next one, its connections are closed.

        Other crawls do not get it out of the stock that they share either.
        """
        if (dead := self.lanes.credential(handle)) is not None and self.session is not None:
            self.spawn(self.session.refused(dead.proxy))
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
        if self._settings.proxy_type.endswith("sticky"):
            self.lanes.ban(flight.handle, flight.target)
        elif (lane := self.lanes.turn(flight.number, flight.handle)) is not None:
            self._renew(lane)

    def leave_exit(self, flight: Flight) -> None:
        """The exit of a credential may be another one from now on: what relied on it is over.

        A rotating credential has another with its next connection anyway.
        """
        if self.sessions.known.lose(flight.handle):
            return
        if self._settings.proxy_type.endswith("sticky"):
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
