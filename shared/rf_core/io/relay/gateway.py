"""The gateway's side of the relay: sockets that count, and connections kept for plain requests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final, cast

from rf_core.io.relay.kernel import unread_bytes

if TYPE_CHECKING:
    from rf_core.io.relay.exchange import Exchange
    from rf_core.io.relay.relay import Relay

_AT_ONCE: Final = struct.pack("ii", 1, 0)


class GatewaySocket(asyncio.BufferedProtocol):
    """One connection to the gateway, read into the buffer that all of a relay's sockets share.

    What is read is used up, or copied, before anything else is read.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.transport: asyncio.Transport | None = None
        self._read_bytes = 0
        self._client_is_slow = False

    @property
    def usable(self) -> bool:
        """Whether something may still be sent on it, as far as one can know."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The gateway is there."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport = transport
        self._relay.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to read to."""
        return self._relay.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Count what was read and hand it on."""
        self._read_bytes += nbytes
        self.received(self._relay.buffer[:nbytes])

    def received(self, data: memoryview) -> None:
        """Take what was read."""
        raise NotImplementedError

    def gone(self) -> None:
        """The connection is lost, and everybody told of it."""
        self.transport = None
        self._relay.lost(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def unread(self) -> int:
        """Bytes that have arrived and will not be read."""
        return unread_bytes(self.transport, self._read_bytes)

    def pause_reading(self) -> None:
        """The client is slow: stop reading what is meant for it."""
        self._client_is_slow = True
        self.read_if_wanted()

    def resume_reading(self) -> None:
        """The client has caught up."""
        self._client_is_slow = False
        self.read_if_wanted()

    def read_if_wanted(self) -> None:
        """Read, unless the client is slow or the relay is held."""
        if self.transport is None or self.transport.is_closing():
            return
        if self._client_is_slow or self._relay.is_held:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def close(self) -> None:
        """Close once what has been written is through."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close at once, by a reset: a gateway that is told goodbye may go on sending."""
        if self.transport is not None:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                with contextlib.suppress(OSError):  # it is gone already
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self.transport.abort()


class GatewayConnection(GatewaySocket):
    """A connection for plain http requests, only ever used with one credential."""

    def __init__(self, relay: Relay, kind: tuple[str, int | None]) -> None:
        super().__init__(relay)
        self.kind = kind
        self.exchange: Exchange | None = None
        self.served = 0
        self._used_at = self._loop.time()

    def idle_seconds(self) -> float:
        """Seconds since it last carried an answer."""
        return self._loop.time() - self._used_at

    def rest(self) -> None:
        """An exchange is over; another may follow."""
        self.exchange = None
        self._used_at = self._loop.time()

    def received(self, data: memoryview) -> None:
        """Hand the answer to the exchange; bytes nobody asked for end the connection."""
        if self.exchange is not None:
            self.exchange.answer(data)
        else:
            self._relay.meter.unbilled_bytes += len(data)
            self.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell the relay and whoever is waiting."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.gateway_lost()
        self.gone()

    def pause_writing(self) -> None:
        """The gateway is slow."""
        if self.exchange is not None:
            self.exchange.pause_client()

    def resume_writing(self) -> None:
        """The gateway has caught up."""
        if self.exchange is not None:
            self.exchange.resume_client()
