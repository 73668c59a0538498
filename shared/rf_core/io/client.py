"""The API client: a slot for each attempt, the request, the answer, another try if it pays.

The only module that imports httpx, and only when a client is opened.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from rf_core import parsing, protocol
from rf_core.errors import (
    DeadlineError,
    RateLimitedError,
    ResiFactoryError,
    ResponseError,
    TransportError,
)
from rf_core.governor import Priority
from rf_core.harvest import PIECE_BYTES, Harvest
from rf_core.inventory import Delivery
from rf_core.io.clock import Clock, SystemClock
from rf_core.models import Account, Balance, Batch, Discovery, Order, Usage
from rf_core.protocol import Answer, Call
from rf_core.redaction import redact
from rf_core.retries import ATTEMPTS, pause_before_retry
from rf_core.retry_after import parse_date
from rf_core.settings import Settings

if TYPE_CHECKING:
    import httpx

    from rf_core.io.windows import Ticket, Windows

DEADLINE_SECONDS: Final = 90.0
"""Longer than a whole window, so that a full one can be sat out."""

CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 20.0
_BYTES_PER_SECOND: Final = 1_000_000
_CONNECTIONS: Final = 10
_LARGEST_ANSWER: Final = 128 * 1024 * 1024


class AsyncClient:
    """The five calls of the API, and any other through :meth:`request`.

    Args:
        windows: Where slots come from; None sends without asking, for tests of the wire.
        deadline_seconds: How long one call may take with all its waiting and attempts.
        attempts: How often a call is tried at most; see :mod:`rf_core.retries`.

    An async context manager; closing twice is fine. Redirects are never followed, environment
    proxies never used, TLS always verified.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        windows: Windows | None,
        clock: Clock | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
        attempts: int = ATTEMPTS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._windows = windows
        self._clock = clock or SystemClock()
        self._deadline_seconds = deadline_seconds
        self._attempts = attempts
        self._chance = chance
        self._skew_seconds: float | None = None
        self._http: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"<AsyncClient {self._settings.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Repeatable."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    @property
    def skew_seconds(self) -> float | None:
        """How far the API's clock is ahead of ours, by the newest answer's `Date`, or None."""
        return self._skew_seconds

    async def me(self, *, priority: Priority = "normal") -> Account:
        """Ask who this key is (C-105)."""
        return parsing.account(await self._call(protocol.me(), priority))

    async def pools(self, *, priority: Priority = "normal") -> Discovery:
        """Ask what pools and targeting there are (C-101)."""
        return parsing.discovery(await self._call(protocol.pools(), priority))

    async def fetch_pools(
        self, etag: str = "", priority: Priority = "normal"
    ) -> tuple[Answer, dict[str, Any] | None]:
        """Ask the same for somebody who stores it: the answer, and its document (C-103).

        Args:
            etag: The validator of what is stored; the document is None when that still holds.
        """
        answer, document = await self._exchange(protocol.pools(etag), priority)
        return answer, None if answer.status == 304 else document  # noqa: PLR2004 - not modified

    async def balance(self, *, priority: Priority = "normal") -> Balance:
        """Ask what every pool has left (C-090)."""
        return parsing.balance(await self._call(protocol.balance(), priority))

    async def usage(self, limit: int = 100, *, priority: Priority = "normal") -> Usage:
        """Ask for the top domains (C-095)."""
        return parsing.usage(await self._call(protocol.usage(limit), priority))

    async def generate(self, order: Order, *, priority: Priority = "normal") -> Batch:
        """Order proxies: one slot of `generate`. Demo batches come back marked (C-068)."""
        return (await self.generate_into(Harvest(), order, priority=priority)).batch()

    async def generate_into(
        self, harvest: Harvest, order: Order, *, priority: Priority = "normal"
    ) -> Delivery:
        """Order proxies, and read them as they come, as an inventory and not as objects (C-077).

        Args:
            harvest: Takes the answer in; its `count` tells how far it is.
        """
        _, document = await self._exchange(protocol.proxies(order), priority, harvest)
        for _ in harvest.settle(document):
            await asyncio.sleep(0)
        return harvest.delivery(document)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        priority: Priority = "normal",
    ) -> Answer:
        """Call anything else under the base URL, governed as a read (C-148).

        Returns:
            The answer as it came, a success.
        """
        call = Call(method, path, params=params or {}, body=body)
        answer, _ = await self._exchange(call, priority)
        return answer

    async def _call(self, call: Call, priority: Priority) -> dict[str, Any]:
        _, document = await self._exchange(call, priority)
        return document

    async def _exchange(
        self, call: Call, priority: Priority, harvest: Harvest | None = None
    ) -> tuple[Answer, dict[str, Any]]:
        large = call.answer_bytes / _BYTES_PER_SECOND
        give_up_at = self._clock.monotonic() + self._deadline_seconds + large
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(call, priority, give_up_at, harvest)
            except DeadlineError:
                raise
            except ResiFactoryError as error:
                if attempt >= self._attempts:
                    raise
                pause = pause_before_retry(error, attempt=attempt, chance=self._chance())
                if pause is None or self._clock.monotonic() + pause >= give_up_at:
                    raise
                await self._clock.sleep(pause)

    async def _attempt(
        self, call: Call, priority: Priority, give_up_at: float, harvest: Harvest | None
    ) -> tuple[Answer, dict[str, Any]]:
        timeout = _READ_SECONDS + call.answer_bytes / _BYTES_PER_SECOND
        ticket: Ticket | None = None
        if self._windows is not None and call.group is not None:
            ticket = await self._windows.acquire(
                call.group,
                priority=priority,
                within_seconds=give_up_at - self._clock.monotonic(),
                timeout_seconds=CONNECT_SECONDS + timeout,
            )
        try:
            answer = await self._send(call, timeout, harvest)
        except TransportError as error:
            if ticket is not None and self._windows is not None and not error.sent:
                await self._windows.unsend(ticket)
            raise
        date = parse_date(answer.headers.get("date", ""))
        self._skew_seconds = None if date is None else date - self._clock.wall()
        return answer, await self._settle(call, answer, ticket)

    async def _settle(self, call: Call, answer: Answer, ticket: Ticket | None) -> dict[str, Any]:
        refused_after: float | None = None
        try:
            return protocol.read(answer, call, now=self._clock.wall())
        except RateLimitedError as error:
            refused_after = error.retry_after or 0.0
            raise
        finally:
            if ticket is not None and self._windows is not None:
                await self._windows.settle(
                    ticket, protocol.rate_headers(answer), refused_after=refused_after
                )

    async def _send(self, call: Call, read_seconds: float, harvest: Harvest | None) -> Answer:
        """Send a request and read its answer, both within a bound that the slot's lease knows."""
        import httpx  # noqa: PLC0415 - 136 ms that a command without a call need not pay

        try:
            async with asyncio.timeout(CONNECT_SECONDS + read_seconds):
                http = self._http or self._open()
                return await self._stream(http, call, read_seconds, harvest)
        except TimeoutError:
            error = TimeoutError(f"{CONNECT_SECONDS + read_seconds:.0f} s")
            raise self._unreachable("did not answer in time", error) from None
        except httpx.ConnectError as error:
            raise self._unreachable("cannot be reached", error, sent=False) from None
        except httpx.ConnectTimeout as error:
            raise self._unreachable("does not answer", error, sent=False) from None
        except httpx.TimeoutException as error:
            raise self._unreachable("did not answer in time", error) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise self._unreachable("broke off", error) from None

    async def _stream(
        self, http: httpx.AsyncClient, call: Call, read_seconds: float, harvest: Harvest | None
    ) -> Answer:
        import httpx  # noqa: PLC0415 - see _send

        body = bytearray()
        async with http.stream(
            call.method,
            protocol.join_url(self._settings.base_url, call.path),
            params=dict(call.params),
            content=call.body,
            headers=protocol.request_headers(
                self._settings.require_key(),
                version=_version(),
                body=call.body is not None,
                etag=call.etag,
            ),
            timeout=httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
        ) as response:
            sink = harvest if harvest is not None and response.is_success else None
            if sink is not None:
                sink.begin()
            size = 0
            async for chunk in response.aiter_bytes(PIECE_BYTES):
                size += len(chunk)
                if size > _LARGEST_ANSWER:
                    message = f"The answer to {call.method} /{call.path} is larger than any can be."
                    raise ResponseError(message, status=response.status_code)
                if sink is None:
                    body += chunk
                else:
                    sink.feed(chunk)
                    await asyncio.sleep(0)
            if sink is not None:
                body += sink.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, bytes(body))

    def _unreachable(self, what: str, error: Exception, *, sent: bool = True) -> TransportError:
        detail = redact(str(error)) or type(error).__name__
        message = f"The API at {self._settings.base_url} {what}: {detail}."
        return TransportError(message, sent=sent, way_out="Check the network and RF_BASE_URL.")

    def _open(self) -> httpx.AsyncClient:
        import httpx  # noqa: PLC0415 - see _send

        self._http = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            verify=_tls(),
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )
        return self._http


def _tls() -> ssl.SSLContext:
    """One context for the process: building one takes 20 ms and more."""
    global _context  # noqa: PLW0603 - a cache of an immutable thing
    if _context is None:
        import certifi  # noqa: PLC0415 - comes with httpx, loaded with it

        _context = ssl.create_default_context(cafile=certifi.where())
    return _context


_context: ssl.SSLContext | None = None


def _version() -> str:
    from rf_core import __version__  # noqa: PLC0415 - the package imports this module's errors

    return __version__
