"""One account, opened: what both front ends hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from rf_core import orders
from rf_core.call import WINDOW_SECONDS
from rf_core.errors import (
    InsufficientScopeError,
    InvalidRequestError,
    OrderError,
    PoolNotAvailableError,
    ResiFactoryError,
)
from rf_core.governor import Priority
from rf_core.harvest import Harvest
from rf_core.inventory import Delivery
from rf_core.io import records
from rf_core.io.afterwards import Afterwards
from rf_core.io.cache import DiscoveryCache
from rf_core.io.client import AsyncClient
from rf_core.io.clock import Clock, SystemClock
from rf_core.io.discovery import SharedDiscovery
from rf_core.io.leases import Leases
from rf_core.io.orders import Account, Orders
from rf_core.io.state import State
from rf_core.io.windows import Windows, session_holder
from rf_core.models import Batch, Discovery, Order, Proxy
from rf_core.redaction import fingerprint, mask_key
from rf_core.settings import Settings
from rf_core.snapshot import CrawlReport, Headroom

_JUST_NOW_SECONDS: Final = 60.0


class Session:
    """The account of one key: its client, its windows, its discovery, its state.

    Args:
        holder: Who this is, for the window's table: `monitor`, `crawl books`.

    An async context manager; closing twice is fine. Making one without a key raises
    :class:`~rf_core.errors.MissingKeyError`; entering it with a state directory that cannot be used
    raises :class:`~rf_core.errors.StateError` with what to run.

    Attributes:
        key: The key's fingerprint; `masked_key` is fit to show.
        closing: What is closed with the session, before its own parts.
        listing: Its discovery; `orders` what it orders.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        holder: str,
        clock: Clock | None = None,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        key = settings.require_key()
        self.settings = settings
        self.clock = clock or SystemClock()
        self.key = fingerprint(key)
        self.masked_key = mask_key(key)
        self.holder = session_holder(holder)
        self.window_seconds = window_seconds
        self.closing = AsyncExitStack()
        self.state = State(settings.state_dir)
        self.cache = DiscoveryCache(settings.cache_dir)
        self.windows = Windows(
            self.state,
            self.key,
            holder=holder,
            clock=self.clock,
            window_seconds=window_seconds,
        )
        self.client = AsyncClient(settings, windows=self.windows, clock=self.clock)
        self._afterwards = Afterwards()
        self._leases = Leases(self.state, self.clock, self.holder, self._afterwards)
        self.listing = SharedDiscovery(
            self.key,
            settings.base_url,
            client=self.client,
            cache=self.cache,
            state=self.state,
            leases=self._leases,
            clock=self.clock,
        )
        self.orders = Orders(
            Account(self.key, settings.base_url),
            send=self._send,
            state=self.state,
            leases=self._leases,
            clock=self.clock,
            afterwards=self._afterwards,
        )

    def __repr__(self) -> str:
        return f"<Session {self.holder} {self.masked_key} {self.settings.base_url}>"

    async def __aenter__(self) -> Self:
        try:
            await self.state.open()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close everything. Repeatable."""
        await self.listing.close()
        await self.orders.close()
        await self.closing.aclose()
        await self._afterwards.close()
        await self.client.aclose()
        await self.cache.close()
        await self.state.close()

    async def stored_discovery(self) -> tuple[Discovery, float] | None:
        """Return what is known and may still be used, with the time it was fetched. No call."""
        known = await self.listing.stored()
        return None if known is None else (known.discovery, known.fetched_at)

    async def discovery(
        self,
        *,
        refresh: bool = False,
        priority: Priority = "normal",
        client: AsyncClient | None = None,
    ) -> tuple[Discovery, float]:
        """Return pools and targeting, and when they were fetched (Unix seconds).

        Fresh from disk when possible. What is older but usable is returned at once and fetched anew
        in the background. Otherwise one process of the machine fetches, and the others wait for
        what it brings.

        Args:
            client: Who fetches, if it comes to that; the session's own client by default.
        """
        known = await self.listing.get(refresh=refresh, priority=priority, client=client)
        return known.discovery, known.fetched_at

    async def check(self, order: Order) -> Order:
        """Check an order against discovery; return it in the provider's spelling.

        Raises:
            OrderError: it names what is not listed; `valid` holds what is.
        """
        found = await self._discovery_for_orders()
        try:
            return orders.check(order, found and found[0])
        except OrderError as refusal:
            # It may be listed since: one look, unless the last one was just now.
            if found is None or 0 <= self.clock.wall() - found[1] < _JUST_NOW_SECONDS:
                raise
            return orders.check(order, await self._discovery_after(refusal))

    async def deliver(self, order: Order, *, fresh: bool = False) -> Delivery:
        """Check an order and return working credentials: from stock, or by one call for everybody.

        They are shared out among the processes of this machine; nobody gets what another has got,
        unless the server has no others.

        Args:
            fresh: Those that this session has had do not work: nothing that came with them.

        Raises:
            OrderError: it names what is not listed; no call was spent on it.
            DemoCredentialsError: the pool has no balance.
            ResiFactoryError: what else the API or the network said.
        """
        return await self._checked(order, lambda checked: self.orders.get(checked, fresh=fresh))

    async def order(self, order: Order, *, fresh: bool = False) -> Batch:
        """Do the same, for few of them: as objects."""
        return (await self.deliver(order, fresh=fresh)).batch()

    async def generate(
        self, order: Order, harvest: Harvest | None = None, *, priority: Priority = "normal"
    ) -> Delivery:
        """Check an order and send it by a call of its own: new credentials that nobody shares.

        Demo credentials come back marked (C-068).

        Args:
            harvest: Takes the answer in; its `count` tells how far it is.
        """
        sink = harvest or Harvest()
        return await self._checked(
            order, lambda checked: self.client.generate_into(sink, checked, priority=priority)
        )

    async def refused(self, proxy: Proxy) -> None:
        """Say that a credential does not work: it comes out of no stock any more."""
        await self.orders.refuse(proxy)

    async def _checked(
        self, order: Order, send: Callable[[Order], Awaitable[Delivery]]
    ) -> Delivery:
        checked = await self.check(order)
        try:
            return await send(checked)
        except (PoolNotAvailableError, InvalidRequestError) as refusal:
            # Discovery may have been out of date: look again once, and say what is valid now.
            again = orders.check(order, await self._discovery_after(refusal))
            if again == checked:
                raise refusal from None
            return await send(again)

    async def _send(self, order: Order, priority: Priority) -> Delivery:
        return await self.client.generate_into(Harvest(), order, priority=priority)

    async def _discovery_for_orders(
        self, *, refresh: bool = False
    ) -> tuple[Discovery, float] | None:
        """Without the scope for `/pools`, orders pass unchecked and the API decides."""
        try:
            return await self.discovery(refresh=refresh)
        except InsufficientScopeError:
            return None

    async def _discovery_after(self, refusal: ResiFactoryError) -> Discovery | None:
        try:
            found = await self._discovery_for_orders(refresh=True)
        except ResiFactoryError:
            raise refusal from None
        return found and found[0]

    async def headroom(self) -> tuple[Headroom, ...]:
        """What is left of both windows. No call."""
        return await self.windows.headroom()

    async def publish(self, report: CrawlReport) -> None:
        """Write a crawl's row for whoever watches on this machine."""
        await self.state.run(records.put_crawl, self.key, report)

    async def crawls(self, *, since: float | None = None) -> tuple[CrawlReport, ...]:
        """Return crawls heard of since then, the latest started first."""
        return await self.state.read(records.get_crawls, self.key, since)

    async def lease(self, name: str, seconds: float, *, strict: bool = True) -> bool:
        """Take or renew a lease of this machine; False while another process holds it.

        Args:
            strict: False where two holders would do no harm: then it is taken at once from one
                whose process seems to have ended.
        """
        return await self._leases.take(name, seconds, strict=strict)

    async def release(self, name: str) -> None:
        """Give a lease back, if it is still ours."""
        await self._leases.drop(name)
