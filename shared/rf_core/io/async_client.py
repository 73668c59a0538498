"""The five calls of the API and any other: what each means is said here, once."""

from __future__ import annotations

import json as json_text
import random
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypedDict, TypeVar, Unpack

from rf_core import parsing, protocol
from rf_core.answer import Answer, Answered, answered
from rf_core.call import Call
from rf_core.errors import ResponseError, StateError
from rf_core.governor import Priority
from rf_core.harvest import Harvest
from rf_core.inventory import Delivery
from rf_core.io.calling import Caller
from rf_core.io.clock import Clock, SystemClock
from rf_core.io.configuration import load_settings
from rf_core.io.state import State
from rf_core.io.windows import Windows
from rf_core.models import Account, Balance, Batch, Discovery, Order, Usage
from rf_core.redaction import fingerprint, without_frames
from rf_core.retries import ATTEMPTS
from rf_core.settings import Settings
from rf_core.snapshot import Headroom

if TYPE_CHECKING:
    from rf_core.io.http import AsyncHttp, BlockingHttp

DEADLINE_SECONDS: Final = 90.0
"""Longer than a whole window, so that a full one can be sat out."""

HOLDER: Final = "python"
"""How `rf limits` names the slots of a client that opened the machine's windows by itself."""

_Read = TypeVar("_Read", bound=Answered)


class How(TypedDict, total=False):
    """How to make a call; each may be left out.

    Attributes:
        priority: Who goes first when a window is full: `interactive`, `normal` or `bulk`.
        deadline_seconds: How long it may take with all its waiting and attempts.
    """

    priority: Priority
    deadline_seconds: float | None


class AsyncClient:
    """The five calls of the API, and any other through :meth:`request`.

    Args:
        settings: Whose account; by default found as `rf` finds it: environment, then `config.toml`.
        windows: Where slots come from. By default the machine's own, which all of its processes
            share; None sends without asking.
        deadline_seconds: How long one call may take with all its waiting and attempts.
        attempts: How often a call is tried at most; see :mod:`rf_core.retries`.

    An async context manager; closing twice is fine. Redirects are never followed, environment
    proxies never used, TLS always verified. What a call returns leads to the raw answer by its
    `answer`, and so does what it raises.
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
        self._settings = settings or load_settings()
        clock = clock or self._new_clock()
        self._state: State | None = None
        if windows == "shared":
            self._state = self._new_state()
            key = fingerprint(self._settings.require_key())
            windows = Windows(self._state, key, holder=HOLDER, clock=clock)
        self._windows = windows
        self._lock = threading.Lock()
        self._http: AsyncHttp | BlockingHttp | None = None
        self._closed = False
        self._caller = Caller(
            self._opened,
            windows,
            clock,
            deadline_seconds=deadline_seconds,
            attempts=attempts,
            chance=chance,
        )

    def __repr__(self) -> str:
        return f"<AsyncClient {self._settings.base_url}>"

    async def __aenter__(self) -> Self:
        try:
            if self._state is not None:
                await self._state.open()
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
        """Close the connections, and the windows if they were opened here. Repeatable."""
        with self._lock:
            http, self._http, self._closed = self._http, None, True
        if http is not None:
            await http.aclose()
        if self._state is not None:
            await self._state.close()

    @property
    def skew_seconds(self) -> float | None:
        """How far the API's clock is ahead of ours, by the newest answer's `Date`, or None."""
        return self._caller.skew_seconds

    async def headroom(self) -> tuple[Headroom, ...]:
        """Say what is left of both windows, without a call; nothing when there are none."""
        return () if self._windows is None else await self._windows.headroom()

    async def me(self, **how: Unpack[How]) -> Account:
        """Ask who this key is (C-105)."""
        return await self._read(protocol.me(), parsing.account, how)

    async def pools(self, **how: Unpack[How]) -> Discovery:
        """Ask what pools and targeting there are (C-101)."""
        return await self._read(protocol.pools(), parsing.discovery, how)

    async def fetch_pools(
        self, etag: str = "", priority: Priority = "normal"
    ) -> tuple[Answer, dict[str, Any] | None]:
        """Ask the same for somebody who stores it: the answer, and its document (C-103).

        Args:
            etag: The validator of what is stored; the document is None when that still holds.
        """
        answer, document = await self._caller.call(protocol.pools(etag), priority=priority)
        return answer, None if answer.status == 304 else document  # noqa: PLR2004 - not modified

    async def balance(self, **how: Unpack[How]) -> Balance:
        """Ask what every pool has left (C-090)."""
        return await self._read(protocol.balance(), parsing.balance, how)

    async def usage(self, limit: int = 100, **how: Unpack[How]) -> Usage:
        """Ask for the top domains (C-095)."""
        return await self._read(protocol.usage(limit), parsing.usage, how)

    async def generate(self, order: Order, **how: Unpack[How]) -> Batch:
        """Order proxies: one slot of `generate`. Demo batches come back marked (C-068)."""
        delivery = await self.generate_into(Harvest(), order, **how)
        batch = delivery.batch()
        return batch if delivery.answer is None else answered(batch, delivery.answer)

    async def generate_into(self, harvest: Harvest, order: Order, **how: Unpack[How]) -> Delivery:
        """Order proxies, and read them as they come, as an inventory and not as objects (C-077).

        Args:
            harvest: Takes the answer in; its `count` tells how far it is.
        """
        answer, document = await self._caller.call(protocol.proxies(order), harvest=harvest, **how)
        try:
            for _ in harvest.settle(document):
                await self._opened().give_way()
            return answered(harvest.delivery(document), answer)
        except ResponseError as error:
            failure = error
        failure.answer = answer
        raise without_frames(failure)  # those of the reader hold passwords

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
        **how: Unpack[How],
    ) -> Answer:
        """Call anything under the base URL, in the window that its path counts in (C-148).

        A call that is not idempotent by its method is tried again only when it surely was not made.

        Args:
            json: What to send as JSON; or `body`, as it is.

        Returns:
            The answer as it came, a success.

        Raises:
            ValueError: the path leads elsewhere.
        """
        if json is not None:
            body = json_text.dumps(json).encode()
        call = protocol.other(method, path, params=params, body=body)
        answer, _ = await self._caller.call(call, **how)
        return answer

    async def _read(
        self, call: Call, read: Callable[[Mapping[str, Any]], _Read], how: How
    ) -> _Read:
        answer, document = await self._caller.call(call, **how)
        try:
            return answered(read(document), answer)
        except ResponseError as error:
            error.answer = answer
            raise

    def _opened(self) -> AsyncHttp | BlockingHttp:
        """Return what sends: opened with the first call, for loading it takes a while."""
        with self._lock:
            if self._closed:
                raise StateError("The client has been closed.")
            if self._http is None:
                self._http = self._new_http()
            return self._http

    def _new_clock(self) -> Clock:
        return SystemClock()

    def _new_state(self) -> State:
        return State(self._settings.state_dir)

    def _new_http(self) -> AsyncHttp | BlockingHttp:
        from rf_core.io.http import AsyncHttp  # noqa: PLC0415 - 130 ms

        return AsyncHttp(self._settings)
