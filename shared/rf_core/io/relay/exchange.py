"""A plain http request's way through the gateway and back, on its own credential's connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httptools

from rf_core.io.relay.gateway import GatewayConnection
from rf_core.io.relay.wire import Asked, framed, refusal_answer
from rf_core.meter import Tally
from rf_core.refusals import (
    OF_ALL_TARGETS,
    OWN_BYTES,
    Cause,
    cause_of,
    is_billed,
    is_gateways_own,
    lower_names,
)
from rf_core.targets import domain_of

if TYPE_CHECKING:
    from rf_core.io.relay.local import LocalLeg
    from rf_core.io.relay.relay import Relay
    from rf_core.io.relay.riders import Ride

_HEAD_BYTES: Final = 4_096


class Exchange:
    """One request and its answer.

    The answer is passed on as it comes, once its head shows that the target sent it and not the
    gateway. A connection that had been kept alive and turns out dead is replaced once, when the
    request has no body and nothing of an answer has come.
    """

    def __init__(self, relay: Relay, leg: LocalLeg, *, asked: Asked, target: str) -> None:
        self._relay = relay
        self._leg: LocalLeg | None = leg
        self.asked = asked
        self.target = target
        self._is_head = asked.method == b"HEAD"
        self._connection: GatewayConnection | None = None
        self._ride: Ride | None = None
        self._tally = Tally(relay.meter, "", "")
        self._reused = False
        self._waiting: list[bytes] = []
        self.request_is_done = False
        self._paused = False
        self._reset_answer()
        self.is_over = False

    def _reset_answer(self) -> None:
        self._parser: httptools.HttpResponseParser | None = None
        self._missing = 0
        self._answer_headers: list[tuple[bytes, bytes]] = []
        self._held = b""
        self._status = 0
        self._any_answer = False
        self._passing = False
        self._swallowing = False
        self._is_asking = False
        self._complete = False
        self._framed_keep_alive = False

    # The request

    def start(self, ride: Ride) -> None:
        """Set out: on a connection that was kept alive, or on a new one."""
        self._ride = ride
        self._tally = Tally(
            self._relay.meter,
            ride.credential.pool,
            domain_of(self.target) or self.target,
            self.asked.flight or None,
        )
        self._relay.meter.exchanges += 1
        self._waiting.insert(0, self.asked.head(self._relay.authorization_of(ride)))
        connection = self._relay.take_idle(ride)
        if connection is not None:
            self._reused = True
            self._attach(connection)
        else:
            self._dial()

    def request_body(self, data: bytes) -> None:
        """Take a piece of the body, framed as the client framed it; :meth:`push` sends it."""
        self._waiting.append(b"%x\r\n%b\r\n" % (len(data), data) if self.asked.chunked else data)

    def request_done(self) -> None:
        """The client has sent everything."""
        self.request_is_done = True
        if self.asked.chunked:
            self._waiting.append(b"0\r\n\r\n")

    def push(self) -> None:
        """Send what has come of the request, in one piece."""
        connection = self._connection
        if connection is None or not self._waiting:
            return
        data = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        if connection.transport is not None and not connection.transport.is_closing():
            connection.transport.write(data)
            self._tally.up(len(data))

    def _dial(self) -> None:
        if self._leg is not None and self.asked.has_body:
            self._leg.pause_reading()
        self._relay.spawn(asyncio.get_running_loop().create_task(self._connect()))

    async def _connect(self) -> None:
        ride = self._ride
        assert ride is not None  # noqa: S101 - set by `start`, narrows for the type checker
        connection = GatewayConnection(self._relay, ride.connections)
        try:
            await self._relay.dial(lambda: connection, ride.credential)
        except TimeoutError:
            self._fail(504, Cause.TIMEOUT)
        except OSError:
            self._fail(502, Cause.UNREACHABLE)
        else:
            if self.is_over:
                connection.close()
                return
            self._attach(connection)
            self.push()
            if self._leg is not None and self.asked.has_body:
                self._leg.resume_reading()

    def _attach(self, connection: GatewayConnection) -> None:
        self._connection = connection
        connection.exchange = self
        connection.served += 1

    # The answer

    def answer(self, data: memoryview) -> None:
        """Count and pass on a piece of the answer; its head waits until it is known whose it is."""
        self._tally.down(len(data))
        if self._missing:
            self._count(data)
            return
        first, self._any_answer = not self._any_answer, True
        if first and not self._is_head and self._is_everyday(data):
            return
        passing = self._passing
        if passing:
            self._pass_on(data)
        if not self._parse(data):
            return
        if not passing:
            if self._swallowing and len(self._held) + len(data) > OWN_BYTES:
                self._believe_target()
            if self._passing:
                held, self._held = self._held, b""
                self._pass_on(held + data if held else data)
            else:
                self._held += data
        if self._complete:
            self._finish()

    def _parse(self, data: memoryview) -> bool:
        """Read on; False when there is nothing to be done with it any more."""
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._cut()
            return False
        except httptools.HttpParserError:
            # With HEAD there is no body to read: what the parser makes of the next bytes is moot.
            if not self._complete:
                self._bad_answer()
            return self._complete
        return True

    def _is_everyday(self, data: memoryview) -> bool:
        """Take an answer whose end is known without a parser."""
        found = framed(bytes(data[:_HEAD_BYTES]))
        if found is None or found.length < len(data):
            return False
        self._status = found.status
        self._framed_keep_alive = found.keeps_alive
        self._tally.bill()
        self._passing = True
        self._missing = found.length
        self._count(data)
        return True

    def _count(self, data: memoryview) -> None:
        """Pass on what belongs to the answer, up to its last byte."""
        missing = self._missing - len(data)
        if missing < 0:
            self._bad_answer()
            return
        self._missing = missing
        self._pass_on(data)
        if not missing:
            self._finish()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header of the answer."""
        self._answer_headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide whose answer this is."""
        parser = self._parser
        if self._complete or parser is None:
            return
        self._status = status = parser.get_status_code()
        # The parser forgets this once the message is complete.
        self._framed_keep_alive = bool(parser.should_keep_alive())
        if status >= 400 and is_gateways_own(status, lower_names(self._answer_headers)):  # noqa: PLR2004 - errors
            self._swallowing = True
        else:
            self._tally.bill()
            self._passing = True
        if self._is_head and status >= 200:  # noqa: PLR2004 - final answers
            self._complete = True

    def on_message_complete(self) -> None:
        """An interim answer (1xx) is followed by another; any other is the whole of it."""
        if self._status < 200:  # noqa: PLR2004 - interim
            self._answer_headers = []
        else:
            self._complete = True

    def _pass_on(self, data: bytes | memoryview) -> None:
        if self._leg is not None:
            self._leg.write(data)

    def _finish(self) -> None:
        if self._swallowing:
            self._finish_refused()
            return
        keep = self.request_is_done and self._keeps_alive()
        self._end()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.rest()
            if self._paused:
                connection.resume_reading()
            if keep and connection.usable:
                self._relay.put_idle(connection)
            else:
                connection.close()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.answered(keep_alive=keep and self.asked.keeps_alive)

    def _finish_refused(self) -> None:
        """Take the gateway's word; of what concerns all targets, ask it once more."""
        headers = lower_names(self._answer_headers)
        cause = cause_of(self._status, headers)
        if cause not in OF_ALL_TARGETS:
            self._refused(self._status, cause, headers.get("retry-after", ""))
        elif self._relay.probes.is_liar(self.target):
            self._believe_target()
            self._answer_whole()
        elif not self._is_asking:
            self._is_asking = True
            self._relay.spawn(asyncio.get_running_loop().create_task(self._ask_gateway()))

    async def _ask_gateway(self) -> None:
        """A credential is retired, or a pool not used any more, by the gateway's own word only."""
        ride = self._ride
        if ride is None:
            return
        word = await self._relay.probes.word(ride, self.target)
        if self.is_over:
            return
        if word.cause is Cause.HUNG_UP or not word.refuses:
            # Nobody knows whose answer it was: once more, and if it comes again it is the target's.
            self._tally.bill()
            self._refused(self._status, Cause.OTHER)
        else:
            self._refused(word.status, word.cause, word.retry_after)

    def _refused(self, status: int, cause: Cause, retry_after: str = "") -> None:
        if is_billed(status):
            self._tally.bill()
        self._fail(status, cause, retry_after=retry_after)

    def _believe_target(self) -> None:
        """What looked like the gateway's answer is the target's, and paid."""
        self._swallowing = False
        self._passing = True
        self._tally.bill()

    def _answer_whole(self) -> None:
        held, self._held = self._held, b""
        self._pass_on(held)
        self._finish()

    def _keeps_alive(self) -> bool:
        if not self._is_head:
            return self._framed_keep_alive
        headers = lower_names(self._answer_headers)
        return "close" not in headers.get("connection", "").lower()

    # Endings

    def _end(self, *, refused: bool = False) -> None:
        self.is_over = True
        ride, self._ride = self._ride, None
        if ride is not None and self._relay.riders is not None:
            taken = None if refused else self._tally.taken_bytes
            self._relay.riders.leave(ride, self.target, taken)

    def client_lost(self) -> None:
        """The client is gone: what is still under way would be paid for nothing."""
        self._leg = None
        self._tally.bill()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            self._tally.down(connection.unread())
            connection.abort()
        self._end()

    def gateway_lost(self) -> None:
        """The gateway has closed: an answer's end, a dead kept-alive connection, or trouble."""
        self._connection = None
        if self.is_over:
            return
        if not self._any_answer:
            if self._reused and not self.asked.has_body:
                self._replay()
            else:
                self._tally.bill()
                self._fail(502, Cause.HUNG_UP)
        elif self._passing:
            leg, self._leg = self._leg, None
            self._end()
            if leg is not None:
                leg.answered(keep_alive=False)
        elif self._swallowing:  # its end was the connection's
            self._finish()
        else:
            self._bad_answer()

    def pause_reading(self) -> None:
        """The client is slow: stop reading from the gateway."""
        if self._connection is not None:
            self._paused = True
            self._connection.pause_reading()

    def resume_reading(self) -> None:
        """The client has caught up."""
        self._paused = False
        if self._connection is not None:
            self._connection.resume_reading()

    def pause_client(self) -> None:
        """The gateway is slow: stop reading the request's body."""
        if self._leg is not None:
            self._leg.pause_reading()

    def resume_client(self) -> None:
        """The gateway has caught up."""
        if self._leg is not None:
            self._leg.resume_reading()

    def _replay(self) -> None:
        ride = self._ride
        if ride is None:
            return
        self._tally.waive()
        self._relay.meter.replays += 1
        self._reused = False
        self._reset_answer()
        self._waiting.insert(0, self.asked.head(self._relay.authorization_of(ride)))
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
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.exchange = None
            connection.close()
        leg, self._leg = self._leg, None
        ride = self._ride
        if leg is None or ride is None:
            self._end(refused=True)
            return
        relay = self._relay
        refusal = relay.refusals.add(
            lane=ride.lane,
            handle=ride.handle,
            target=self.target,
            status=status,
            cause=cause,
            retry_after=retry_after,
            tunnel=False,
        )
        again = relay.riders is not None and relay.riders.refused(ride, refusal)
        self._end(refused=True)
        if again and not self.asked.has_body and self.request_is_done:
            leg.try_again()
        else:
            leg.answer_and_close(refusal_answer(refusal, told=relay.riders is not None))
