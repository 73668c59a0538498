"""The client for programs without an event loop, beside the one for those with one.

Both are one: what a call means is said in :class:`AsyncClient`; :class:`Client` is the same over a
socket, a clock and a database that block (:mod:`rf_core.io.blocking`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from rf_core.answer import Answer
from rf_core.harvest import Harvest
from rf_core.inventory import Delivery
from rf_core.io.async_client import DEADLINE_SECONDS, AsyncClient, How
from rf_core.io.blocking import BlockingClock, BlockingState, finish
from rf_core.io.clock import Clock
from rf_core.io.state import State
from rf_core.io.windows import Windows
from rf_core.models import Account, Balance, Batch, Discovery, Order, Usage
from rf_core.retries import ATTEMPTS
from rf_core.settings import Settings
from rf_core.snapshot import Headroom

if TYPE_CHECKING:
    from rf_core.io.http import AsyncHttp, BlockingHttp

__all__ = ["AsyncClient", "Client", "How"]


class _BlockingCore(AsyncClient):
    """The client with every leaf blocking: its coroutines never wait."""

    def _new_clock(self) -> Clock:
        return BlockingClock()

    def _new_state(self) -> State:
        return BlockingState(self._settings.state_dir)

    def _new_http(self) -> AsyncHttp | BlockingHttp:
        from rf_core.io.http import BlockingHttp  # noqa: PLC0415 - 130 ms

        return BlockingHttp(self._settings)


class Client:
    """:class:`AsyncClient` for programs without an event loop: the same calls, plainly called.

    It may be used by several threads at once. Windows of one's own have to block too: made with a
    `MemoryStore` or a `BlockingState`, and with a `BlockingClock`.

    A context manager; closing twice is fine, and ends what waits in other threads.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        windows: Windows | Literal["shared"] | None = "shared",
        clock: Clock | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
        attempts: int = ATTEMPTS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock or BlockingClock()
        self._core = _BlockingCore(
            settings,
            windows=windows,
            clock=self._clock,
            deadline_seconds=deadline_seconds,
            attempts=attempts,
            chance=chance,
        )
        finish(self._core.__aenter__())

    def __repr__(self) -> str:
        return repr(self._core).replace("AsyncClient", "Client")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close everything. Repeatable."""
        if isinstance(self._clock, BlockingClock):
            self._clock.stop()
        finish(self._core.aclose())

    @property
    def skew_seconds(self) -> float | None:
        """See :class:`AsyncClient`."""
        return self._core.skew_seconds

    def headroom(self) -> tuple[Headroom, ...]:
        """See :class:`AsyncClient`."""
        return finish(self._core.headroom())

    def me(self, **how: Unpack[How]) -> Account:
        """See :class:`AsyncClient`."""
        return finish(self._core.me(**how))

    def pools(self, **how: Unpack[How]) -> Discovery:
        """See :class:`AsyncClient`."""
        return finish(self._core.pools(**how))

    def balance(self, **how: Unpack[How]) -> Balance:
        """See :class:`AsyncClient`."""
        return finish(self._core.balance(**how))

    def usage(self, limit: int = 100, **how: Unpack[How]) -> Usage:
        """See :class:`AsyncClient`."""
        return finish(self._core.usage(limit, **how))

    def generate(self, order: Order, **how: Unpack[How]) -> Batch:
        """See :class:`AsyncClient`."""
        return finish(self._core.generate(order, **how))

    def generate_into(self, harvest: Harvest, order: Order, **how: Unpack[How]) -> Delivery:
        """See :class:`AsyncClient`."""
        return finish(self._core.generate_into(harvest, order, **how))

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
        **how: Unpack[How],
    ) -> Answer:
        """See :class:`AsyncClient`."""
        return finish(self._core.request(method, path, params=params, json=json, body=body, **how))
