"""One account, opened: what both front ends hold."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from rf_core import orders, parsing
from rf_core.errors import (
    DemoCredentialsError,
    InsufficientScopeError,
    InvalidRequestError,
    PoolNotAvailableError,
    ResiFactoryError,
)
from rf_core.freshness import Freshness, freshness
from rf_core.governor import Priority
from rf_core.io import records
from rf_core.io.cache import DiscoveryCache
from rf_core.io.client import AsyncClient
from rf_core.io.clock import Clock, SystemClock
from rf_core.io.state import State
from rf_core.io.windows import Windows, process_holder
from rf_core.models import Batch, Discovery, Order
from rf_core.protocol import WINDOW_SECONDS
from rf_core.redaction import fingerprint, mask_key
from rf_core.settings import Settings
from rf_core.snapshot import CrawlReport, Headroom

_FETCH_LEASE_SECONDS: Final = 30.0
_GLANCE_SECONDS: Final = 0.1


class Session:
    """The account of one key: its client, its windows, its discovery, its state.

    Args:
        holder: Who this is, for the window's table: `monitor`, `crawl books`.

    An async context manager; closing twice is fine.

    Raises (on entering):
        MissingKeyError: there is no key.
        StateError: the state directory cannot be used; the message says what to run.
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
        self.holder = process_holder(holder)
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

    async def __aenter__(self) -> Self:
        await self.state.open()
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
        await self.client.aclose()
        await self.cache.close()
        await self.state.close()

    async def stored_discovery(self) -> tuple[Discovery, float] | None:
        """Return what is on disk and may still be used, with the time it was fetched. No call."""
        stored = await self.cache.get(self._discovery_name)
        if stored is None:
            return None
        fetched_at, document = stored
        if freshness(self.clock.wall() - fetched_at) is Freshness.UNUSABLE:
            return None
        try:
            return parsing.discovery(document), fetched_at
        except ResiFactoryError:
            return None

    async def discovery(
        self, *, refresh: bool = False, priority: Priority = "normal"
    ) -> tuple[Discovery, float]:
        """Return pools and targeting, and when they were fetched (Unix seconds).

        Fresh from disk when possible; else one process of the machine fetches and the others wait
        for what it brings.
        """
        stored = None if refresh else await self.stored_discovery()
        if stored and freshness(self.clock.wall() - stored[1]) is Freshness.FRESH:
            return stored
        lease = f"discovery {self.key}"
        asked_at = self.clock.wall()
        for _ in range(int(_FETCH_LEASE_SECONDS / _GLANCE_SECONDS)):
            if await self.lease(lease, _FETCH_LEASE_SECONDS):
                break
            if stored:
                return stored
            await self.clock.sleep(_GLANCE_SECONDS)
            brought = await self.stored_discovery()
            if brought and brought[1] >= asked_at:
                return brought
        try:
            document = await self.client.pools_document(priority=priority)
            found = parsing.discovery(document)
            fetched_at = self.clock.wall()
            await self.cache.put(self._discovery_name, fetched_at, document)
        except ResiFactoryError:
            if stored:
                return stored
            raise
        finally:
            await self.state.run(records.drop_lease, lease, self.holder)
        return found, fetched_at

    async def order(self, order: Order) -> Batch:
        """Check an order against discovery, spend one slot on it, and return working credentials.

        Raises:
            OrderError: it names what is not listed; no call was spent on it.
            DemoCredentialsError: the pool has no balance.
            ResiFactoryError: what else the API or the network said.
        """
        checked = orders.check(order, await self._discovery_for_orders())
        try:
            batch = await self.client.generate(checked)
        except (PoolNotAvailableError, InvalidRequestError) as refusal:
            # Discovery may have been out of date: look again once, and say what is valid now.
            discovery = await self._discovery_for_orders(refresh=True)
            if orders.check(order, discovery) == checked:
                raise refusal from None
            batch = await self.client.generate(orders.check(order, discovery))
        if batch.is_demo:
            raise DemoCredentialsError(batch.pool)
        return batch

    async def _discovery_for_orders(self, *, refresh: bool = False) -> Discovery | None:
        """Without the scope for `/pools`, orders pass unchecked and the API decides."""
        try:
            found, _ = await self.discovery(refresh=refresh)
        except InsufficientScopeError:
            return None
        return found

    async def headroom(self) -> tuple[Headroom, ...]:
        """What is left of both windows. No call."""
        return await self.windows.headroom()

    async def publish(self, report: CrawlReport) -> None:
        """Write a crawl's row for whoever watches on this machine."""
        await self.state.run(records.put_crawl, self.key, report)

    async def crawls(self, *, since: float | None = None) -> tuple[CrawlReport, ...]:
        """Return crawls heard of since then, the latest started first."""
        return await self.state.run(records.get_crawls, self.key, since)

    async def lease(self, name: str, seconds: float) -> bool:
        """Take or renew a lease of this machine; False while another process holds it."""
        return await self.state.run(
            records.take_lease,
            name,
            self.holder,
            now=self.clock.boottime(),
            boot=self.clock.boot_id(),
            seconds=seconds,
        )

    @property
    def _discovery_name(self) -> str:
        return f"pools {self.key} {self.settings.base_url}"
