"""A CONNECT tunnel on the gateway: bytes both ways, each billed, until both ends say goodbye."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from rf_sandbox.client import Client
    from rf_sandbox.traffic import Row

ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_LINGER_SECONDS: Final = 30.0
_MOST_HELD: Final = 256 * 1024


class Tunnel(asyncio.Protocol):
    """The target's side of a tunnel."""

    def __init__(self, client: Client, row: Row) -> None:
        self._client: Client | None = client
        self._world = client.world
        self.row = row
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._client_done = False
        self._target_done = False
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The target is there: tell the client."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport = transport
        if self._client is None:
            transport.abort()
            return
        self.row.status = 200
        self._client.send(self.row, ESTABLISHED, connects=len(ESTABLISHED))
        if self._early:
            transport.write(bytes(self._early))
            self._early.clear()
            self._client.resume_reading()
        if self._client_done:
            self._pass_on_eof()

    def data_received(self, data: bytes) -> None:
        """Bytes of the target's."""
        if self._client is not None:
            self._client.send(self.row, data)

    def eof_received(self) -> bool:
        """The target has nothing more to say."""
        self._target_done = True
        if self._client_done or self._client is None:
            self._finish("completed")
        else:
            self._client.write_eof()
            self._wait_for_the_other_end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The target is gone."""
        self._transport = None
        if self._linger is not None:
            self._linger.cancel()
        self._world.traffic.end(self.row, "reset" if exc else "completed", self._world.now())
        client, self._client = self._client, None
        if client is not None and exc is not None:
            client.abort()
        elif client is not None:
            client.close()

    def pause_writing(self) -> None:
        """The target is slow."""
        if self._client is not None:
            self._client.pause_reading()

    def resume_writing(self) -> None:
        """The target has caught up."""
        if self._client is not None:
            self._client.resume_reading()

    def from_client(self, data: bytes) -> None:
        """Bytes of the client's, billed already."""
        if self._transport is None:
            self._early += data
            if len(self._early) > _MOST_HELD and self._client is not None:
                self._client.pause_reading()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def client_done(self) -> None:
        """The client has said goodbye."""
        self._client_done = True
        if self._target_done:
            self._finish("completed")
        elif self._transport is not None:
            self._pass_on_eof()

    def client_lost(self) -> None:
        """The client is gone: an end, if it had said goodbye, and an abort if not."""
        self._client = None
        outcome = "completed" if self._client_done else "aborted"
        self._world.traffic.end(self.row, outcome, self._world.now())
        if self._linger is not None:
            self._linger.cancel()
        if self._transport is not None:
            self._transport.close() if self._client_done else self._transport.abort()

    def gone_quiet(self) -> None:
        """Nothing has moved for too long."""
        self._finish("idle")

    def pause_reading(self) -> None:
        """The client is slow."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The client has caught up."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def give_up(self, status: int, error: str, details: str) -> None:
        """There is no target."""
        client, self._client = self._client, None
        if client is not None:
            client.fail(self.row, status, error, details)

    def _pass_on_eof(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                self._transport.write_eof()
        self._wait_for_the_other_end()

    def _wait_for_the_other_end(self) -> None:
        if self._linger is None:
            loop = asyncio.get_running_loop()
            self._linger = loop.call_later(_LINGER_SECONDS, self._finish, "lingered")

    def _finish(self, outcome: str) -> None:
        self._world.traffic.end(self.row, outcome, self._world.now())
        if self._linger is not None:
            self._linger.cancel()
        client, self._client = self._client, None
        if client is not None:
            client.close()
        if self._transport is not None:
            self._transport.close()
