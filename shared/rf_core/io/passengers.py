"""Boards the requests of other tools: the next credential in turn, or that of a session.

A proxy user name `session-NAME` holds one exit for that name; any other takes the next in turn.
Budget and refusals are judged by the same rules as a crawl's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from rf_core.budget import Leave
from rf_core.caps import Cap
from rf_core.carousel import Carousel
from rf_core.errors import DemoCredentialsError, ResiFactoryError, UnauthorizedError
from rf_core.io.guard import Guard
from rf_core.io.purses import OWN_BUDGET, Name
from rf_core.io.relay.riders import Denied, Ride
from rf_core.lanes import Credential
from rf_core.meter import Meter
from rf_core.models import Batch, Order
from rf_core.refusals import Cause, Refusal
from rf_core.sessions import Sessions
from rf_core.targets import domain_of
from rf_core.verdicts import Who, judge

SESSION_USER: Final = "session-"

_VAIN_ORDERS: Final = 3
_OF_THE_CREDENTIAL: Final = frozenset({Cause.AUTH, Cause.DEMO})
_SESSION_MINUTES: Final = 10
_ROOM_SECONDS: Final = 10.0
_GLANCE_SECONDS: Final = 0.2
_AT_FIRST: Final = 8
"""Tunnels tell their size when they end, and a browser opens about as many for a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a relay for other tools is to carry requests on.

    Attributes:
        rotate: How many requests a credential serves before the next; None is as long as it works.
        live: Credentials in turn at once.
        budget: What may be spent, or None.
        budget_name: Whoever says it draws from the same one; without it the budget is our own.
        floor_bytes: What must remain in the pool, or None.
    """

    pool: str | None = None
    country: str | None = None
    state: str | None = None
    proxy_type: str = "rotating"
    session_minutes: int | None = None
    rotate: int | None = None
    live: int = 16
    budget: Cap | None = None
    budget_name: str | None = None
    floor_bytes: int | None = None

    def named(self, own: str) -> Name:
        """Which budget it is.

        Args:
            own: Who draws from it, when it has no name.
        """
        if self.budget_name is not None:
            return Name(self.budget_name, is_kept=True)
        return Name(f"{OWN_BUDGET}{own}", ends=True)

    def order(self, *, sticky: bool = False) -> Order:
        """The order for more credentials: for the turn, or for sessions."""
        proxy_type, minutes = self.proxy_type, self.session_minutes
        if sticky:
            proxy_type = "mobile_sticky" if proxy_type.startswith("mobile") else "sticky"
            minutes = minutes or _SESSION_MINUTES
        return Order(self.pool, self.country, self.state, proxy_type, minutes, 2 * self.live)


class Passengers:
    """Who rides on what in one relay; a :class:`~rf_core.io.relay.riders.Riders`.

    Args:
        order: Sends an order and returns what came.
        stop: Told, with a reason, when nothing more can be carried.
    """

    def __init__(
        self,
        terms: Terms,
        meter: Meter,
        *,
        order: Callable[[Order], Awaitable[Batch]],
        stop: Callable[[str], None],
    ) -> None:
        self._terms = terms
        self._meter = meter
        self._order = order
        self._stop = stop
        self.carousel = Carousel(terms.live, terms.rotate)
        self.sessions = Sessions((terms.session_minutes or _SESSION_MINUTES) * 60.0)
        self.guard = Guard(
            meter,
            cap=terms.budget,
            floor_bytes=terms.floor_bytes,
            reached=lambda cap: self.end(judge(Who.OURSELVES, cap).reason),
            at_first=_AT_FIRST,
        )
        self.verdicts: Counter[str] = Counter()
        self.pool = terms.pool or ""
        self.stopped = ""
        self._reserved: dict[Ride, int] = {}
        self._one_order = asyncio.Lock()
        self._vain_orders = 0
        self._was_refused = False
        self._refused: set[str] = set()
        self._freed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Passengers {len(self._reserved)} aboard, {self.carousel!r}>"

    @property
    def used(self) -> int:
        """Distinct credentials that have served, those of sessions included."""
        return self.carousel.used + self.sessions.begun

    async def fill(self) -> None:
        """Order credentials for the turn.

        Raises:
            ResiFactoryError: none can be had, with the way out.
        """
        batch = await self._order(self._terms.order())
        self.pool = batch.pool
        self.carousel.add(Credential(proxy, batch.pool) for proxy in batch.proxies)

    # Riders

    async def board(self, user: str, target: str) -> Ride | Denied:
        """Find a credential for a request, once the budget has room for it."""
        domain = domain_of(target) or target
        while True:
            try:
                credential = await self._credential(user)
            except ResiFactoryError as error:
                return Denied(502, _one_line(error.message))
            if credential is None or not await self._has_room(domain):
                return self._denied()
            # Some are refused while another one waits for room.
            if credential.handle not in self._refused:
                break
        ride = Ride(0, credential.handle, credential, self._terms.rotate)
        self._reserved[ride] = self.guard.reserve(domain)
        self._meter.spend(credential.pool, domain).requests += 1
        return ride

    def leave(self, ride: Ride, target: str, taken_bytes: int | None) -> None:
        """Give back what was set aside and not used."""
        self.guard.settle(self._reserved.pop(ride, 0))
        if taken_bytes is not None:
            self.guard.learn(domain_of(target) or target, taken_bytes, is_all=True)
            self._vain_orders = 0
        self._freed.set()

    def refused(self, ride: Ride, refusal: Refusal) -> bool:
        """Retire what the gateway will not have; an empty pool ends it all."""
        self.verdicts[f"gateway_{refusal.cause}"] += 1
        if refusal.cause is Cause.EXHAUSTED:
            self.end("rf_balance_exhausted")
        if refusal.cause not in _OF_THE_CREDENTIAL:
            return False
        self._was_refused = True
        self._refused.add(ride.handle)
        self.carousel.refuse(ride.handle)
        self.sessions.lose(ride.handle)
        return True

    def end(self, reason: str) -> None:
        """Carry nothing more."""
        if not self.stopped:
            self.stopped = reason
            self._freed.set()
            self._stop(reason)

    # Credentials

    async def _credential(self, user: str) -> Credential | None:
        key = user.removeprefix(SESSION_USER)
        in_session = key != user and bool(key)
        while not self.stopped:
            found = self._held(key) if in_session else self.carousel.take()
            if found is not None:
                return found
            async with self._one_order:
                # Whoever was first has brought some for all.
                found = self._held(key) if in_session else self.carousel.take()
                if found is not None:
                    return found
                if not await self._order_more(in_session=in_session):
                    return None
        return None

    def _held(self, key: str) -> Credential | None:
        now = time.monotonic()
        held = self.sessions.find(key, now) or self.sessions.begin(key, now)
        return held.credential if held else None

    async def _order_more(self, *, in_session: bool) -> bool:
        """Order, unless the last few orders brought nothing but refusals."""
        if self._was_refused:
            self._was_refused = False
            self._vain_orders += 1
        if self._vain_orders > _VAIN_ORDERS:
            self.end("rf_no_proxies")
            return False
        try:
            if not in_session:
                await self.fill()
                return True
            ordered_at = time.monotonic()
            batch = await self._order(self._terms.order(sticky=True))
        except DemoCredentialsError:
            self.end("rf_demo_credentials")
            raise
        except UnauthorizedError:
            self.end("rf_key_refused")
            raise
        self.sessions.add((Credential(proxy, batch.pool) for proxy in batch.proxies), ordered_at)
        return True

    # Money

    async def _has_room(self, domain: str) -> bool:
        """Wait, for a moment, until what is under way leaves room for one more."""
        until = time.monotonic() + _ROOM_SECONDS
        while not self.stopped:
            leave = self.guard.ask(domain)
            if leave is Leave.WAIT:
                leave = await self.guard.more(domain)
            match leave:
                case Leave.GO:
                    return not self.stopped
                case Leave.SPENT:
                    self.end(judge(Who.OURSELVES, self.guard.bound_by).reason)
                case Leave.WAIT | Leave.SOON:
                    self._freed.clear()
                    left = until - time.monotonic()
                    if left <= 0:
                        return False
                    # Others may give something back, too, and tell nobody.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(min(left, _GLANCE_SECONDS)):
                            await self._freed.wait()
        return False

    def _denied(self) -> Denied:
        match self.stopped:
            case "rf_budget_spent":
                return Denied(402, "the budget of this relay is spent")
            case "rf_floor_reached":
                return Denied(402, "the pool is at the floor of this relay")
            case "rf_balance_exhausted" | "rf_demo_credentials":
                return Denied(402, "the pool has no balance left")
            case "rf_key_refused":
                return Denied(502, "the API refused the key")
            case "":
                return Denied(503, "what is under way has taken all that may be spent")
            case _:
                return Denied(502, "no proxy is left that works")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200].encode("ascii", "replace").decode()
