"""How requests travel: httpx, waiting or blocking. The only module that imports it.

It takes 130 ms to load, so this one is loaded with the first call. Requests go straight to a
transport: nothing there follows a redirect, keeps a cookie or knows a proxy of the environment,
and it costs half of a whole client. TLS is always verified, in one context for the process. The key
is put on a request here and nowhere else; what goes wrong leaves without the frames that held it.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
import traceback
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

import certifi
import httpcore
import httpx

from rf_core import __version__, protocol
from rf_core.answer import Answer
from rf_core.call import Call
from rf_core.errors import ResiFactoryError, ResponseError, TransportError
from rf_core.harvest import PIECE_BYTES, Harvest
from rf_core.io.calling import CONNECT_SECONDS, Bounds
from rf_core.redaction import redact, without_frames
from rf_core.settings import Settings

_CONNECTIONS: Final = 10
_LIMITS: Final = httpx.Limits(max_connections=_CONNECTIONS)
LARGEST_ANSWER: Final = 128 * 1024 * 1024

_Failures = tuple[tuple[tuple[type[BaseException], ...], str, bool], ...]

_FAILURES: Final[_Failures] = (
    ((httpx.ConnectError,), "cannot be reached", False),
    ((httpx.ConnectTimeout,), "does not answer", False),
    ((httpx.PoolTimeout,), "is being called too often at once", False),
    ((httpx.TimeoutException, TimeoutError), "did not answer in time", True),
    ((httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError), "broke off", True),
)
"""What was raised → what happened, and whether the request may have reached the server."""


class AsyncHttp:
    """Sends requests in an event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = httpx.AsyncHTTPTransport(verify=_tls(), limits=_LIMITS, trust_env=False)

    async def send(self, call: Call, bounds: Bounds, harvest: Harvest | None) -> Answer:
        """See :class:`~rf_core.io.calling.Http`."""
        try:
            async with asyncio.timeout(bounds.whole):
                return await self._exchange(call, bounds, harvest)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure = _failure(error, self._settings, bounds)
        try:
            raise failure
        finally:
            del failure  # no cycle of an error and its frame

    async def _exchange(self, call: Call, bounds: Bounds, harvest: Harvest | None) -> Answer:
        request = _request(self._settings, call, bounds)
        response = await self._http.handle_async_request(request)
        try:
            intake = _Intake(call, response, harvest)
            async for chunk in response.aiter_bytes(PIECE_BYTES):
                if intake.take(chunk):
                    await asyncio.sleep(0)
            return intake.answer()
        finally:
            await response.aclose()

    async def give_way(self) -> None:
        """See :class:`~rf_core.io.calling.Http`."""
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


class BlockingHttp:
    """Sends requests in the caller's own thread. None of its coroutines ever waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = _BoundedTransport()

    async def send(self, call: Call, bounds: Bounds, harvest: Harvest | None) -> Answer:
        """See :class:`~rf_core.io.calling.Http`."""
        bound = _give_up_at.set(time.monotonic() + bounds.whole)
        try:
            return self._exchange(call, bounds, harvest)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failure = _failure(error, self._settings, bounds)
        finally:
            _give_up_at.reset(bound)
        try:
            raise failure
        finally:
            del failure  # no cycle of an error and its frame

    def _exchange(self, call: Call, bounds: Bounds, harvest: Harvest | None) -> Answer:
        response = self._http.handle_request(_request(self._settings, call, bounds))
        try:
            intake = _Intake(call, response, harvest)
            for chunk in response.iter_bytes(PIECE_BYTES):
                intake.take(chunk)
            return intake.answer()
        finally:
            response.close()

    async def give_way(self) -> None:
        """See :class:`~rf_core.io.calling.Http`."""

    async def aclose(self) -> None:
        """Close the connections."""
        self._http.close()


class _Intake:
    """Takes in an answer as it comes."""

    def __init__(self, call: Call, response: httpx.Response, harvest: Harvest | None) -> None:
        self._call = call
        self._response = response
        self._harvest = harvest if response.is_success else None
        self._body = bytearray()
        self._size = 0
        if self._harvest is not None:
            self._harvest.begin()

    def take(self, chunk: bytes) -> bool:
        """Take in a piece; True when that was work."""
        self._size += len(chunk)
        if self._size > LARGEST_ANSWER:
            call = self._call
            message = f"The answer to {call.method} /{call.path} is larger than any can be."
            raise ResponseError(message, status=self._response.status_code)
        if self._harvest is None:
            self._body += chunk
            return False
        self._harvest.feed(chunk)
        return True

    def answer(self) -> Answer:
        """Return the whole of it, a harvest's part left out."""
        if self._harvest is not None:
            self._body += self._harvest.close()
        headers = {name.lower(): value for name, value in self._response.headers.items()}
        return Answer(self._response.status_code, headers, bytes(self._body))


def _request(settings: Settings, call: Call, bounds: Bounds) -> httpx.Request:
    headers = protocol.request_headers(
        settings.require_key(), version=__version__, body=call.body is not None, etag=call.etag
    )
    url = _url(settings.base_url, call.path)
    connect = min(CONNECT_SECONDS, bounds.whole)
    return httpx.Request(
        call.method,
        url.copy_merge_params(call.params) if call.params else url,
        headers=headers,
        content=call.body,
        extensions={
            "timeout": {
                "connect": connect,
                "pool": bounds.silent,
                "read": bounds.silent,
                "write": bounds.silent,
            }
        },
    )


@functools.lru_cache(maxsize=64)
def _url(base_url: str, path: str) -> httpx.URL:
    """Return the address of an endpoint; there are few, and reading one takes 0.1 ms."""
    return httpx.URL(protocol.join_url(base_url, path))


def _failure(error: BaseException, settings: Settings, bounds: Bounds) -> BaseException:
    """Return what to raise instead: ours, or the same, with nothing that leads to the key.

    Frames of httpx and what is below it hold the authorization as text, and a traceback that
    prints variables would show it. What nobody expected keeps its traceback, as text.
    """
    error = _told(error, settings, bounds)
    if isinstance(error, Exception) and not isinstance(error, ResiFactoryError):
        error.add_note("".join(traceback.format_tb(error.__traceback__)))
    return without_frames(error)


def _told(error: BaseException, settings: Settings, bounds: Bounds) -> BaseException:
    if isinstance(error, ResiFactoryError):
        return error
    for kinds, what, sent in _FAILURES:
        if isinstance(error, kinds):
            detail = redact(str(error)) or f"{type(error).__name__} ({bounds.whole:.0f} s)"
            message = f"The API at {settings.base_url} {what}: {detail}."
            return TransportError(message, sent=sent, way_out="Check the network and RF_BASE_URL.")
    return error


def _tls() -> ssl.SSLContext:
    """One context for the process: building one takes 20 ms and more."""
    global _context  # noqa: PLW0603 - a cache of an immutable thing
    if _context is None:
        _context = ssl.create_default_context(cafile=certifi.where())
    return _context


_context: ssl.SSLContext | None = None

_give_up_at: ContextVar[float] = ContextVar("give_up_at", default=float("inf"))


class _BoundedTransport(httpx.HTTPTransport):
    """Ends an exchange at its time, also when bytes keep dripping in.

    httpx bounds each read of a socket and not all of them together; an event loop can do that from
    outside, a thread cannot.
    """

    def __init__(self) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(), max_connections=_CONNECTIONS, network_backend=_Bounded()
        )


class _Bounded(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, _left(timeout), local_address, socket_options)
        return _BoundedStream(stream)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float:
    """Return the shorter one of a time-out and of what is left of the exchange's time."""
    left = _give_up_at.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left if timeout is None else min(timeout, left)
