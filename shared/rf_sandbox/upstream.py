"""Connections to targets that carry plain requests, and are kept for the next one from their exit.

A connection belongs to an exit's address and a target: what one identity has opened is never used
by another. Rotating credentials never come by the same exit again, so theirs are not kept.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple, cast

if TYPE_CHECKING:
    from rf_sandbox.forward import Forward

IDLE_SECONDS: Final = 20.0
_SWEEP_SECONDS: Final = 5.0
_MOST_OF_A_KIND: Final = 64
_MOST: Final = 1_024


class Way(NamedTuple):
    """Where a connection leads, and from where."""

    exit: str
    host: str
    port: int


class Upstream(asyncio.Protocol):
    """One connection to a target. `exchange` is the request it carries, None while it is idle."""

    def __init__(self, kept: KeptUpstreams, way: Way, exchange: Forward) -> None:
        self._kept = kept
        self.way = way
        self.exchange: Forward | None = exchange
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent on it, as far as one can know."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The target is there."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport = transport
        if self.exchange is None:
            transport.abort()
        else:
            self.exchange.attach(self)

    def data_received(self, data: bytes) -> None:
        """An answer; bytes that nobody asked for end the connection."""
        if self.exchange is not None:
            self.exchange.answer(data)
        else:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The target is gone."""
        self.transport = None
        self._kept.forget(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.target_lost(exc)

    def pause_writing(self) -> None:
        """The target is slow."""
        if self.exchange is not None:
            self.exchange.pause_client()

    def resume_writing(self) -> None:
        """The target has caught up."""
        if self.exchange is not None:
            self.exchange.resume_client()

    def release(self, *, keep: bool) -> None:
        """The request is through: keep the connection, or end it."""
        self.exchange = None
        if keep and self.is_open:
            self._kept.put(self)
        else:
            self.abort()

    def abort(self) -> None:
        """End it at once."""
        if self.transport is not None:
            self.transport.abort()


class KeptUpstreams:
    """The idle connections of one gateway: bounded in number and in time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle: dict[Way, list[Upstream]] = {}
        self._count = 0
        self._sweeper: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._count

    def take(self, way: Way) -> Upstream | None:
        """Return an idle connection that leads there, the latest used first."""
        idle = self._idle.get(way)
        while idle:
            upstream = idle.pop()
            self._count -= 1
            if not idle:
                del self._idle[way]
            if upstream.is_open:
                return upstream
        return None

    def put(self, upstream: Upstream) -> None:
        """Keep a connection, if there is room for it."""
        idle = self._idle.setdefault(upstream.way, [])
        if len(idle) >= _MOST_OF_A_KIND or self._count >= _MOST:
            upstream.abort()
            return
        upstream.idle_since = self._loop.time()
        idle.append(upstream)
        self._count += 1
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def forget(self, upstream: Upstream) -> None:
        """A connection is gone."""
        idle = self._idle.get(upstream.way, [])
        if upstream in idle:
            idle.remove(upstream)
            self._count -= 1
            if not idle:
                del self._idle[upstream.way]

    def close(self) -> None:
        """End all of them."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for upstream in [one for idle in self._idle.values() for one in idle]:
            upstream.abort()

    def _sweep(self) -> None:
        oldest = self._loop.time() - IDLE_SECONDS
        for upstream in [one for idle in self._idle.values() for one in idle]:
            if upstream.idle_since < oldest:
                upstream.abort()
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep) if self._idle else None
