"""The client's side: reads requests, admits those that know the secret, sends them on their way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

import httptools

from rf_core.io.relay.door import lane_of
from rf_core.io.relay.exchange import Exchange
from rf_core.io.relay.riders import Denied, Ride
from rf_core.io.relay.tunnel import Tunnel
from rf_core.io.relay.wire import HEAD_LIMIT, Asked, own_answer
from rf_core.targets import authority_of, bracketed, domain_of, spelled

if TYPE_CHECKING:
    from rf_core.io.relay.relay import Relay
    from rf_core.io.relay.riders import Riders

_TRIES: Final = 5


class LocalLeg(asyncio.BufferedProtocol):
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
        self._user = ""
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._tunnel: Tunnel | None = None
        self._exchange: Exchange | None = None
        self._active_at = self._loop.time()
        self._asked = Asked()
        self._head_bytes = 0
        self._tries = 0
        self._refused = False
        self._turned_away = False
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

    def turn_away(self) -> None:
        """There is no room, neither now nor in a moment: say so when it asks for something."""
        self._turned_away = True

    def hang_up(self) -> None:
        """Close once what has been written is through."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the relay."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport = transport
        self._relay.joined(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to read to."""
        return self._relay.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass a tunnel's bytes on, or read requests."""
        data = self._relay.buffer[:nbytes]
        self._active_at = self._loop.time()
        if self._tunnel is not None:
            self._tunnel.from_client(data)
            return
        if self._refused:
            return
        self._head_bytes += nbytes
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._open_tunnel(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError:
            self._refuse(400, "this is not a request a proxy can serve")
        else:
            if self._exchange is not None:
                self._exchange.push()
            elif self._head_bytes > HEAD_LIMIT:
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
        self._asked = Asked()
        self._tries = 0

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self._asked.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._asked.add(name, value)

    def on_headers_complete(self) -> None:
        """Start a plain exchange; a tunnel starts when the parser has let go."""
        asked = self._asked
        asked.method = self._parser.get_method()
        if self._refused or asked.method == b"CONNECT":
            return
        asked.version = self._parser.get_http_version().encode()
        asked.keeps_alive = self._parser.should_keep_alive()
        if not self._admit():
            return
        if asked.host.startswith(b"["):
            asked.url = bracketed(asked.url, asked.host)
        authority = authority_of(asked.url)
        if authority is None:
            self._refuse(400, "only absolute http URLs are served here")
            return
        self.target = authority
        self._exchange = Exchange(self._relay, self, asked=asked, target=authority)
        self._board(self._exchange)

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

    def write(self, data: bytes | memoryview) -> None:
        """Send bytes to the client."""
        self._active_at = self._loop.time()
        if self._transport is not None and not self._transport.is_closing():
            self._relay.write(self._transport, data)

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

    def try_again(self, early: bytes = b"") -> None:
        """A credential was refused and nothing of the request is lost: send it on another."""
        if self._tunnel is not None:
            domain = domain_of(self.target) or self.target
            self._tunnel = Tunnel(self._relay, self, target=self.target, domain=domain)
            if early:
                self._tunnel.from_client(early)
            self._board(self._tunnel)
        elif self._exchange is not None:
            self._exchange = Exchange(
                self._relay, self, asked=self._exchange.asked, target=self.target
            )
            self._exchange.request_done()
            self._board(self._exchange)

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

    # Boarding

    def _admit(self) -> bool:
        user = self._relay.door.user(self._asked.authorization)
        if user is None:
            self._refuse(407, "this relay serves its own process only")
            return False
        if self._turned_away:
            self._refuse(503, "too many connections at once")
            return False
        self._user = user
        return True

    def _board(self, carrier: Exchange | Tunnel) -> None:
        """Put a request on the lane it names, or have somebody find one for it."""
        relay = self._relay
        self._tries += 1
        if relay.riders is not None:
            work = self._ask_riders(relay.riders, carrier)
            relay.spawn(self._loop.create_task(work))
            return
        lane = lane_of(self._user)
        ride = None if lane is None else relay.ride(lane)
        if ride is None:
            self._deny(carrier, Denied(503, "no credential on this lane"))
        else:
            self._set_out(carrier, ride)

    async def _ask_riders(self, riders: Riders, carrier: Exchange | Tunnel) -> None:
        if self._tries > _TRIES:
            answer: Ride | Denied = Denied(502, "no proxy was accepted by the gateway")
        else:
            answer = await riders.board(self._user, carrier.target)
        if isinstance(answer, Denied):
            self._deny(carrier, answer)
        elif carrier.is_over:
            riders.leave(answer, carrier.target, None)
        else:
            self._set_out(carrier, answer)
            if isinstance(carrier, Exchange):
                carrier.push()

    def _set_out(self, carrier: Exchange | Tunnel, ride: Ride) -> None:
        self.lane = ride.lane
        self._relay.used(self)
        carrier.start(ride)

    def _deny(self, carrier: Exchange | Tunnel, denied: Denied) -> None:
        if carrier is self._tunnel:
            self._tunnel = None
        if carrier is self._exchange:
            self._exchange = None
        self._refuse(denied.status, denied.reason)

    def _open_tunnel(self, early: bytes) -> None:
        if not self._admit():
            return
        target = self._asked.url.decode("latin-1")
        domain = domain_of(target)
        if domain is None or not target.isascii():
            self._refuse(400, "CONNECT needs host:port")
            return
        self.target = target = spelled(target)
        self._tunnel = Tunnel(self._relay, self, target=target, domain=domain)
        if early:
            self._tunnel.from_client(early)
        self._board(self._tunnel)
