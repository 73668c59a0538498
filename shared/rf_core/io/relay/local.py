"""The client's side: reads requests, admits those that know the secret, sends them on their way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httptools

from rf_core.io.relay.exchange import Exchange
from rf_core.io.relay.tunnel import Tunnel
from rf_core.io.relay.wire import HEAD_LIMIT, own_answer
from rf_core.lanes import Credential
from rf_core.targets import authority_of, domain_of

if TYPE_CHECKING:
    from rf_core.io.relay.relay import Relay


class LocalLeg(asyncio.Protocol):
    """One connection from a client on this machine.

    It is in one of three states: between requests, in a plain exchange, or a tunnel for good.
    Requests are never pipelined: a second one before the answer to the first ends the connection.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.lane: int | None = None
        self.target = ""
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._tunnel: Tunnel | None = None
        self._exchange: Exchange | None = None
        self._active_at = self._loop.time()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._refused = False
        self._leaving = False

    # What the relay asks.

    @property
    def quiet(self) -> bool:
        """Whether nothing is known to be under way here."""
        if self._tunnel is not None:
            return self._tunnel.is_open
        return self._exchange is None

    def idle_seconds(self) -> float:
        """Seconds since a byte last moved."""
        return self._loop.time() - self._active_at

    def say_goodbye(self) -> None:
        """Tell a client that has nothing under way that this is over, and wait for it to go."""
        self._leaving = True
        self.write_eof()
        self.resume_reading()

    def hang_up(self) -> None:
        """Close once what has been written is through."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the relay."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport = transport
        self._relay.joined(self)

    def data_received(self, data: bytes) -> None:
        """Pass a tunnel's bytes on, or read requests."""
        self._active_at = self._loop.time()
        if self._tunnel is not None:
            self._tunnel.from_client(data)
            return
        if self._refused:
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._open_tunnel(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "this is not a request a proxy can serve")
        else:
            if self._exchange is None and self._head_bytes > HEAD_LIMIT:
                self._refuse(431, "the request head is too large")

    def eof_received(self) -> bool:
        """Tell a tunnel's other end; a client that ends in mid-request is gone."""
        if self._tunnel is not None and not self._leaving:
            self._tunnel.client_done()
            return True
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        """Leave the relay and let the other side go."""
        self._relay.left(self)
        if self._tunnel is not None:
            self._tunnel.client_lost()
        if self._exchange is not None:
            self._exchange.client_lost()
            self._exchange = None
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The client is slow: stop reading what is meant for it."""
        source = self._tunnel or self._exchange
        if source is not None:
            source.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        source = self._tunnel or self._exchange
        if source is not None:
            source.resume_reading()

    # httptools

    def on_message_begin(self) -> None:
        """Start a request, unless one is still being answered."""
        if self._exchange is not None:
            self._refuse(400, "requests are not pipelined here")
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start a plain exchange; a tunnel starts when the parser has let go."""
        if self._refused or self._parser.get_method() == b"CONNECT":
            return
        lane = self._admit()
        if lane is None:
            return
        authority = authority_of(self._url)
        if authority is None:
            self._refuse(400, "only absolute http URLs are served here")
            return
        lane_credential = self._credential(lane, authority)
        if lane_credential is None:
            return
        self._relay.used(self)
        self._exchange = Exchange(
            self._relay,
            self,
            lane=lane,
            credential=lane_credential,
            method=self._parser.get_method(),
            url=self._url,
            headers=self._headers,
            target=authority,
        )
        self._exchange.start()

    def on_body(self, data: bytes) -> None:
        """Pass on a piece of the request's body."""
        if self._exchange is not None:
            self._exchange.request_body(data)

    def on_message_complete(self) -> None:
        """The request is all there."""
        self._head_bytes = 0
        if self._exchange is not None:
            self._exchange.request_done()

    # What tunnels and exchanges ask.

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._active_at = self._loop.time()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def write_eof(self) -> None:
        """Tell the client that nothing more will come."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def pause_reading(self) -> None:
        """The gateway is slow: stop reading from the client."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The gateway has caught up."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def answered(self, *, keep_alive: bool) -> None:
        """A plain exchange is over."""
        self._exchange = None
        self.lane = None
        self.target = ""
        if not keep_alive:
            self.hang_up()

    def answer_and_close(self, answer: bytes) -> None:
        """Send the relay's own answer and end the connection."""
        self._exchange = None
        self._refused = True
        self.write(answer)
        self.hang_up()

    def _refuse(self, status: int, reason: str) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_lost()
        if not self._refused:
            self.answer_and_close(own_answer(status, reason, challenge=status == 407))  # noqa: PLR2004

    def _admit(self) -> int | None:
        authorization = next(
            (value for name, value in self._headers if name.lower() == b"proxy-authorization"), b""
        )
        lane = self._relay.admit(authorization.decode("latin-1"))
        if lane is None:
            self._refuse(407, "this relay serves its own process only")
        return lane

    def _credential(self, lane: int, target: str) -> Credential | None:
        place = self._relay.lanes.lane(lane)
        if place is None or place.credential is None:
            self._refuse(503, "no credential on this lane")
            return None
        self.lane = lane
        self.target = target
        return place.credential

    def _open_tunnel(self, early: bytes) -> None:
        lane = self._admit()
        if lane is None:
            return
        target = self._url.decode("latin-1")
        domain = domain_of(target)
        if domain is None:
            self._refuse(400, "CONNECT needs host:port")
            return
        credential = self._credential(lane, target)
        if credential is None:
            return
        self._relay.used(self)
        self._tunnel = Tunnel(
            self._relay, self, lane=lane, credential=credential, target=target, domain=domain
        )
        self._tunnel.start(early)
