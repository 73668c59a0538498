"""One account, opened: what both front ends hold."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack
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
from rf_core.io.windows import Windows, session_holder
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

    An async context manager; closing twice is fine. Making one without a key raises
    :class:`~rf_core.errors.MissingKeyError`; entering it with a state directory that cannot be used
    raises :class:`~rf_core.errors.StateError` with what to run.

    Attributes:
        key: The key's fingerprint; `masked_key` is fit to show.
        closing: What is closed with the session, before its own parts.
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
        self._remembered: tuple[Discovery, float] | None = None
        self._revalidating: asyncio.Task[None] | None = None

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
        if self._revalidating is not None:
            self._revalidating.cancel()
            await asyncio.wait({self._revalidating})
            self._revalidating = None
        await self.closing.aclose()
        await self.client.aclose()
        await self.cache.close()
        await self.state.close()

    async def stored_discovery(self) -> tuple[Discovery, float] | None:
        """Return what is known and may still be used, with the time it was fetched. No call."""
        candidates = [self._remembered, await self._cached_discovery()]
        known = [candidate for candidate in candidates if candidate is not None]
        if not known:
            return None
        newest = max(known, key=lambda pair: pair[1])
        age = self.clock.wall() - newest[1]
        return None if freshness(age) is Freshness.UNUSABLE else newest

    async def _cached_discovery(self) -> tuple[Discovery, float] | None:
        stored = await self.cache.get(self._discovery_name)
        if stored is None:
            return None
        fetched_at, document = stored
        try:
            return parsing.discovery(document), fetched_at
        except ResiFactoryError:
            return None

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
        fetcher = client or self.client
        # Before the first look: what another process brings after it must not be fetched again.
        asked_at = self.clock.wall()
        if not refresh:
            stored = await self.stored_discovery()
            if stored is not None:
                if freshness(self.clock.wall() - stored[1]) is Freshness.STALE:
                    self._revalidate(fetcher)
                return stored
        for _ in range(int(_FETCH_LEASE_SECONDS / _GLANCE_SECONDS)):
            leads = await self.lease(self._discovery_lease, _FETCH_LEASE_SECONDS)
            # Looked at after the lease: whoever had it before us may have brought it just now.
            brought = await self._cached_discovery()
            if brought and brought[1] > asked_at:
                if leads:
                    await self.release(self._discovery_lease)
                return brought
            if leads:
                break
            await self.clock.sleep(_GLANCE_SECONDS)
        return await self._fetch_discovery(fetcher, priority)

    async def _fetch_discovery(
        self, client: AsyncClient, priority: Priority
    ) -> tuple[Discovery, float]:
        try:
            document = await client.pools_document(priority=priority)
            found = parsing.discovery(document)
            fetched_at = self.clock.wall()
            await self.cache.put(self._discovery_name, fetched_at, document)
        finally:
            await self.release(self._discovery_lease)
        self._remembered = found, fetched_at
        return self._remembered

    def _revalidate(self, client: AsyncClient) -> None:
        if self._revalidating is None or self._revalidating.done():
            work = self._fetch_anew(client)
            self._revalidating = asyncio.get_running_loop().create_task(work)

    async def _fetch_anew(self, client: AsyncClient) -> None:
        if await self.lease(self._discovery_lease, _FETCH_LEASE_SECONDS):
            # Whoever asked has an answer that may be used: a failure changes nothing for them.
            with contextlib.suppress(ResiFactoryError):
                await self._fetch_discovery(client, "bulk")

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
            again = orders.check(order, await self._discovery_after(refusal))
            if again == checked:
                raise refusal from None
            batch = await self.client.generate(again)
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

    async def _discovery_after(self, refusal: ResiFactoryError) -> Discovery | None:
        try:
            return await self._discovery_for_orders(refresh=True)
        except ResiFactoryError:
            raise refusal from None

    async def headroom(self) -> tuple[Headroom, ...]:
        """What is left of both windows. No call."""
        return await self.windows.headroom()

    async def publish(self, report: CrawlReport) -> None:
        """Write a crawl's row for whoever watches on this machine."""
        await self.state.run(records.put_crawl, self.key, report)

    async def crawls(self, *, since: float | None = None) -> tuple[CrawlReport, ...]:
        """Return crawls heard of since then, the latest started first."""
        return await self.state.read(records.get_crawls, self.key, since)

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

    async def release(self, name: str) -> None:
        """Give a lease back, if it is still ours."""
        await self.state.run(records.drop_lease, name, self.holder)

    @property
    def _discovery_lease(self) -> str:
        return f"discovery {self.key}"

    @property
    def _discovery_name(self) -> str:
        return f"pools {self.key} {self.settings.base_url}"
