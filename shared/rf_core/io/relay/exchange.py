"""A plain http request's way through the gateway and back, on its own credential's connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import httptools

from rf_core.io.relay.wire import refusal_answer, request_head
from rf_core.meter import Tally
from rf_core.refusals import Cause, cause_of, is_billed, is_gateways_own, lower_names
from rf_core.targets import domain_of

if TYPE_CHECKING:
    from rf_core.io.relay.local import LocalLeg
    from rf_core.io.relay.relay import Relay
    from rf_core.lanes import Credential


class GatewayConnection(asyncio.Protocol):
    """One connection to the gateway, only ever used with one credential."""

    def __init__(self, relay: Relay, handle: str) -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self.handle = handle
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.exchange: Exchange | None = None
        self.transport: asyncio.Transport | None = None
        self.served = 0
        self._used_at = self._loop.time()

    @property
    def usable(self) -> bool:
        """Whether a request may still be sent on it, as far as one can know."""
        return self.transport is not None and not self.transport.is_closing()

    def idle_seconds(self) -> float:
        """Seconds since it last carried an answer."""
        return self._loop.time() - self._used_at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The gateway is there."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport = transport
        self._relay.opened(self)

    def data_received(self, data: bytes) -> None:
        """Hand the answer to the exchange; bytes nobody asked for end the connection."""
        self._used_at = self._loop.time()
        if self.exchange is None:
            self.close()
        else:
            self.exchange.answer(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell the relay and whoever is waiting."""
        self.transport = None
        self._relay.lost(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.gateway_lost()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The gateway is slow."""
        if self.exchange is not None:
            self.exchange.pause_client()

    def resume_writing(self) -> None:
        """The gateway has caught up."""
        if self.exchange is not None:
            self.exchange.resume_client()

    def close(self) -> None:
        """Close once what has been written is through."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()


class Exchange:
    """One request and its answer.

    The answer is passed on as it comes, once its head shows that the target sent it and not the
    gateway. A connection that had been kept alive and turns out dead is replaced once, when the
    request has no body and nothing of an answer has come.
    """

    def __init__(
        self,
        relay: Relay,
        leg: LocalLeg,
        *,
        lane: int,
        credential: Credential,
        method: bytes,
        url: bytes,
        headers: list[tuple[bytes, bytes]],
        target: str,
    ) -> None:
        self._relay = relay
        self._leg: LocalLeg | None = leg
        self._lane = lane
        self._credential = credential
        self._target = target
        self._is_head = method == b"HEAD"
        self._head = request_head(method, url, headers, credential)
        fields = lower_names(headers)
        self._chunked = "chunked" in fields.get("transfer-encoding", "").lower()
        self._has_body = self._chunked or fields.get("content-length", "0") != "0"
        self._tally = Tally(relay.meter, credential.pool, domain_of(target) or target)
        self._connection: GatewayConnection | None = None
        self._reused = False
        self._waiting: list[bytes] = []
        self._request_done = False
        self._paused = False
        self._reset_answer()
        self._over = False
        self._relay.meter.exchanges += 1

    def _reset_answer(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer_headers: list[tuple[bytes, bytes]] = []
        self._held: list[bytes] = []
        self._status = 0
        self._any_answer = False
        self._passing = False
        self._swallowing = False
        self._complete = False
        self._framed_keep_alive = False

    # The request

    def start(self) -> None:
        """Send the head on a kept-alive connection, or on a new one."""
        connection = self._relay.take_idle(self._credential)
        if connection is not None:
            self._reused = True
            self._attach(connection)
        else:
            self._dial()

    def request_body(self, data: bytes) -> None:
        """Pass on a piece of the body, framed as the client framed it."""
        self._send(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def request_done(self) -> None:
        """The client has sent everything."""
        self._request_done = True
        if self._chunked:
            self._send(b"0\r\n\r\n")

    def _dial(self) -> None:
        if self._leg is not None and self._has_body:
            self._leg.pause_reading()
        loop = asyncio.get_running_loop()
        self._relay.spawn(loop.create_task(self._connect(loop)))

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        proxy = self._credential.proxy
        try:
            async with asyncio.timeout(self._relay.limits.connect):
                _, connection = await loop.create_connection(
                    lambda: GatewayConnection(self._relay, self._credential.handle),
                    proxy.host,
                    proxy.port,
                )
        except TimeoutError:
            self._fail(504, Cause.TIMEOUT)
        except OSError:
            self._fail(502, Cause.UNREACHABLE)
        else:
            if self._over:
                connection.close()
                return
            self._attach(connection)
            if self._leg is not None and self._has_body:
                self._leg.resume_reading()

    def _attach(self, connection: GatewayConnection) -> None:
        self._connection = connection
        connection.exchange = self
        connection.served += 1
        waiting, self._waiting = self._waiting, []
        for data in (self._head, *waiting):
            self._send(data)

    def _send(self, data: bytes) -> None:
        connection = self._connection
        if connection is None:
            self._waiting.append(data)
        elif connection.transport is not None and not connection.transport.is_closing():
            connection.transport.write(data)
            self._tally.up(len(data))

    # The answer

    def answer(self, data: bytes) -> None:
        """Count and pass on a piece of the answer; its head waits until it is known whose it is."""
        self._tally.down(len(data))
        self._any_answer = True
        if self._passing:
            self._pass_on(data)
        else:
            self._held.append(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._cut()
            return
        except httptools.HttpParserError:
            # With HEAD there is no body to read: what the parser makes of the next bytes is moot.
            if not self._complete:
                self._bad_answer()
                return
        if self._complete:
            self._finish()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header of the answer."""
        self._answer_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide whose answer this is."""
        self._status = self._parser.get_status_code()
        if self._complete:
            return
        # The parser forgets this once the message is complete.
        self._framed_keep_alive = bool(self._parser.should_keep_alive())
        headers = lower_names(self._answer_headers)
        if is_gateways_own(self._status, headers):
            self._swallowing = True
        else:
            self._tally.bill()
            self._passing = True
            held, self._held = self._held, []
            for data in held:
                self._pass_on(data)
        if self._is_head and self._status >= 200:  # noqa: PLR2004 - final answers
            self._complete = True

    def on_message_complete(self) -> None:
        """An interim answer (1xx) is followed by another; any other is the whole of it."""
        if self._status < 200:  # noqa: PLR2004 - interim
            self._answer_headers = []
        else:
            self._complete = True

    def _pass_on(self, data: bytes) -> None:
        if self._leg is not None:
            self._leg.write(data)

    def _finish(self) -> None:
        headers = lower_names(self._answer_headers)
        if self._swallowing:
            if is_billed(self._status):
                self._tally.bill()
            self._fail(
                self._status,
                cause_of(self._status, headers),
                retry_after=headers.get("retry-after", ""),
            )
            return
        keep = self._request_done and self._keeps_alive(headers)
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            if self._paused and connection.transport is not None:
                connection.transport.resume_reading()
            if keep and connection.usable:
                self._relay.put_idle(connection)
            else:
                connection.close()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.answered(keep_alive=keep)

    def _keeps_alive(self, headers: dict[str, str]) -> bool:
        if not self._is_head:
            return self._framed_keep_alive
        return "close" not in headers.get("connection", "").lower()

    # Endings

    def client_lost(self) -> None:
        """The client is gone: what is still under way would be paid for nothing."""
        self._leg = None
        self._over = True
        self._tally.bill()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            connection.abort()

    def gateway_lost(self) -> None:
        """The gateway has closed: an answer's end, a dead kept-alive connection, or trouble."""
        self._connection = None
        if self._over:
            return
        if not self._any_answer:
            if self._reused and not self._has_body:
                self._replay()
            else:
                self._tally.bill()
                self._fail(502, Cause.HUNG_UP)
        elif self._passing:
            leg, self._leg = self._leg, None
            self._over = True
            if leg is not None:
                leg.answered(keep_alive=False)
        else:
            self._bad_answer()

    def pause_reading(self) -> None:
        """The client is slow: stop reading from the gateway."""
        connection = self._connection
        if connection is not None and connection.usable and connection.transport is not None:
            self._paused = True
            connection.transport.pause_reading()

    def resume_reading(self) -> None:
        """The client has caught up."""
        connection = self._connection
        self._paused = False
        if connection is not None and connection.usable and connection.transport is not None:
            connection.transport.resume_reading()

    def pause_client(self) -> None:
        """The gateway is slow: stop reading the request's body."""
        if self._leg is not None:
            self._leg.pause_reading()

    def resume_client(self) -> None:
        """The gateway has caught up."""
        if self._leg is not None:
            self._leg.resume_reading()

    def _replay(self) -> None:
        self._tally.waive()
        self._relay.meter.replays += 1
        self._reused = False
        self._reset_answer()
        self._dial()

    def _bad_answer(self) -> None:
        self._tally.bill()
        if self._passing:
            self._cut()
        else:
            self._fail(502, Cause.OTHER)

    def _cut(self) -> None:
        leg, self._leg = self._leg, None
        self.client_lost()
        if leg is not None:
            leg.answered(keep_alive=False)

    def _fail(self, status: int, cause: Cause, *, retry_after: str = "") -> None:
        self._tally.waive()
        self._over = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            connection.close()
        leg, self._leg = self._leg, None
        if leg is None:
            return
        refusal = self._relay.refusals.add(
            lane=self._lane,
            handle=self._credential.handle,
            target=self._target,
            status=status,
            cause=cause,
            retry_after=retry_after,
            tunnel=False,
        )
        leg.answer_and_close(refusal_answer(refusal))
