"""Pools and targeting for all processes of a machine: fetched by one of them, kept on disk.

What is fresh costs nothing, what is stale is returned at once and fetched behind everybody's back.
A failure is told to those who waited for that very call, and to nobody after them (C-103).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, Final

from rf_core import failures, freshness, parsing
from rf_core.errors import ResiFactoryError, ResponseError, StateError
from rf_core.freshness import Freshness, Lifetime
from rf_core.governor import Priority
from rf_core.io import records
from rf_core.io.cache import DiscoveryCache
from rf_core.io.client import AsyncClient
from rf_core.io.clock import Clock
from rf_core.io.leases import Leases
from rf_core.io.state import State
from rf_core.models import Discovery

_GLANCE_SECONDS: Final = 0.1
_MOST_GLANCES: Final = 1_200
"""Longer than a call may take that waits for its slot first."""

_FAILURE: Final = "discovery failure"


@dataclass(frozen=True, slots=True)
class Known:
    """What was listed at some time (Unix seconds), and for how long that holds."""

    discovery: Discovery
    fetched_at: float
    document: dict[str, Any]
    etag: str = ""
    lifetime: Lifetime = freshness.UNSAID

    def freshness(self, now: float) -> Freshness:
        """Judge it."""
        return freshness.freshness(now - self.fetched_at, self.lifetime)


class SharedDiscovery:
    """The discovery of one key.

    Args:
        key: The key's fingerprint.
        leases: Who fetches; without a state that can be used, everybody for themselves.
    """

    def __init__(
        self,
        key: str,
        base_url: str,
        *,
        client: AsyncClient,
        cache: DiscoveryCache,
        state: State,
        leases: Leases,
        clock: Clock,
    ) -> None:
        self._key = key
        self._client = client
        self._cache = cache
        self._state = state
        self._leases = leases
        self._clock = clock
        self._name = f"pools {key} {base_url}"
        self._lease = f"discovery {key} {base_url}"
        self._remembered: Known | None = None
        self.revalidating: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<SharedDiscovery {self._name}>"

    async def close(self) -> None:
        """Stop what goes on in the background. Repeatable."""
        if self.revalidating is not None:
            self.revalidating.cancel()
            await asyncio.wait({self.revalidating})
            self.revalidating = None

    async def stored(self) -> Known | None:
        """Return what is known and may still be used. No call."""
        newest = await self._newest()
        if newest is None or newest.freshness(self._clock.wall()) is Freshness.UNUSABLE:
            return None
        return newest

    async def get(self, *, refresh: bool, priority: Priority, client: AsyncClient | None) -> Known:
        """Return what is listed, from a call of now if it must be.

        Args:
            refresh: Whatever is known, ask.
            client: Who asks, if it comes to that; its failures concern nobody else.
        """
        # Before the first look: what another process brings after it must not be fetched again.
        asked_at = self._clock.wall()
        if not refresh:
            known = await self.stored()
            if known is not None:
                if known.freshness(asked_at) is Freshness.STALE:
                    self._revalidate(client or self._client)
                return known
        try:
            return await self._by_one_of_us(asked_at, priority, client)
        except StateError:  # nobody to agree with
            return await self._fetch(client or self._client, priority)

    async def _by_one_of_us(
        self, asked_at: float, priority: Priority, client: AsyncClient | None
    ) -> Known:
        """Fetch, or wait for what another process brings."""
        for _ in range(_MOST_GLANCES):
            async with self._leases.held(self._lease) as leads:
                # Looked at after the lease: whoever had it before may have brought it just now.
                brought = await self._cached()
                if brought is not None and brought.fetched_at > asked_at:
                    return brought
                await self._raise_failure(asked_at)
                if leads:
                    return await self._lead(priority, client)
            await self._clock.sleep(_GLANCE_SECONDS)
        return await self._fetch(client or self._client, priority)

    async def _lead(self, priority: Priority, client: AsyncClient | None) -> Known:
        """Fetch for everybody who waits; if it fails, say so to them."""
        try:
            return await self._fetch(client or self._client, priority)
        except ResiFactoryError as error:
            if client is None:
                with contextlib.suppress(StateError):
                    await self._state.run(
                        records.put_part,
                        self._key,
                        _FAILURE,
                        self._clock.wall(),
                        failures.to_document(error),
                    )
            raise

    async def _raise_failure(self, asked_at: float) -> None:
        parts = await self._state.read(records.get_parts, self._key)
        part = parts.get(_FAILURE)
        if part is not None and part.fetched_at > asked_at:
            raise failures.from_document(part.document)

    async def _fetch(self, client: AsyncClient, priority: Priority) -> Known:
        """Ask, by the validator of what is known if it has one."""
        before = await self._newest()
        answer, document = await client.fetch_pools(before.etag if before else "", priority)
        if document is None and before is None:  # unasked, a 304 is an error before it gets here
            raise ResponseError("The API answered 304 to GET /pools.", status=304)
        if document is None and before is not None:
            document = before.document
        known = Known(
            parsing.discovery(document or {}),
            self._clock.wall(),
            document or {},
            freshness.usable_etag(answer.headers.get("etag", "")),
            freshness.lifetime_of(answer.headers.get("cache-control", "")),
        )
        self._remembered = known
        if known.lifetime.is_kept:
            await self._cache.put(self._name, known.fetched_at, _to_document(known))
        return known

    def _revalidate(self, client: AsyncClient) -> None:
        if self.revalidating is None or self.revalidating.done():
            work = self._fetch_anew(client)
            self.revalidating = asyncio.get_running_loop().create_task(work)

    async def _fetch_anew(self, client: AsyncClient) -> None:
        # Whoever asked has an answer that may be used: a failure changes nothing for them.
        with contextlib.suppress(ResiFactoryError):
            async with self._leases.held(self._lease) as leads:
                known = await self._cached()
                stale = known is None or known.freshness(self._clock.wall()) is not Freshness.FRESH
                if leads and stale:
                    await self._fetch(client, "bulk")

    async def _newest(self) -> Known | None:
        candidates = [self._remembered, await self._cached()]
        known = [candidate for candidate in candidates if candidate is not None]
        return max(known, key=lambda one: one.fetched_at, default=None)

    async def _cached(self) -> Known | None:
        stored = await self._cache.get(self._name)
        return None if stored is None else _from_document(*stored)


def _to_document(known: Known) -> dict[str, Any]:
    lifetime = known.lifetime
    return {
        "pools": known.document,
        "etag": known.etag,
        "seconds": [lifetime.fresh_seconds, lifetime.usable_seconds],
    }


def _from_document(fetched_at: float, stored: dict[str, Any]) -> Known | None:
    """Read what was stored; whatever else somebody has put there is a miss."""
    try:
        document, etag = stored["pools"], stored["etag"]
        fresh, usable = (min(float(one), freshness.USABLE_SECONDS) for one in stored["seconds"])
        found = parsing.discovery(document)
    except (KeyError, TypeError, ValueError, AttributeError, ResiFactoryError):
        return None
    return Known(
        found, fetched_at, document, freshness.usable_etag(str(etag)), Lifetime(fresh, usable)
    )
