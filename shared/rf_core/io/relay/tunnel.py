"""A CONNECT tunnel's gateway side: the handshake, then bytes both ways until the goodbyes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rf_core.io.relay.gateway import GatewaySocket
from rf_core.io.relay.wire import HEAD_LIMIT, connect_head, parse_head, refusal_answer
from rf_core.meter import Tally
from rf_core.refusals import Cause, cause_of, is_billed

if TYPE_CHECKING:
    from rf_core.io.relay.local import LocalLeg
    from rf_core.io.relay.relay import Relay
    from rf_core.io.relay.riders import Ride
    from rf_core.io.relay.wire import Head

_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_DRAIN_BYTES: Final = 64 * 1024
_EARLY_BYTES: Final = 64 * 1024
_TLS_HANDSHAKE: Final = 22


class Tunnel(GatewaySocket):
    """One tunnel through the gateway for one client connection.

    When the client goes, the gateway is told and the rest of what is under way is still read and
    counted, for a moment and up to 64 KiB: the TLS goodbye is on both meters. More than that is
    cut, because it would be paid for nothing. An end that has only said goodbye still gets what the
    other has to say, for as long as something moves.
    """

    def __init__(self, relay: Relay, leg: LocalLeg, *, target: str, domain: str) -> None:
        super().__init__(relay)
        self._leg: LocalLeg | None = leg
        self.target = target
        self._domain = domain
        self._ride: Ride | None = None
        self._tally = Tally(relay.meter, "", domain)
        self._early: list[bytes] = []
        self._early_bytes = 0
        self._answer = b""
        self._head: Head | None = None
        self._body_missing = 0
        self._timer: asyncio.TimerHandle | None = None
        self._client_done = False
        self._gateway_done = False
        self._drained = 0
        self._moved = False
        self._has_heard = False
        self._has_greeted = False
        self._says_hello = False
        self.is_open = False
        self.is_over = False

    def start(self, ride: Ride) -> None:
        """Set out for the gateway."""
        self._ride = ride
        self._tally = Tally(
            self._relay.meter,
            ride.credential.pool,
            self._domain,
            (ride.handle, self.target.lower()),
        )
        self._relay.spawn(self._loop.create_task(self._connect(ride)))

    async def _connect(self, ride: Ride) -> None:
        try:
            await self._relay.dial(lambda: self, ride.credential)
        except TimeoutError:
            self._refuse(504, Cause.TIMEOUT)
        except OSError:
            self._refuse(502, Cause.UNREACHABLE)

    # asyncio.BufferedProtocol, towards the gateway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the tunnel."""
        super().connection_made(transport)
        if self._leg is None or self._ride is None:
            self.close()
            return
        self._send(connect_head(self.target, self._relay.authorization_of(self._ride)))
        self._timer = self._loop.call_later(self._relay.limits.answer, self._no_answer)

    def received(self, data: memoryview) -> None:
        """Count, and pass on; before the tunnel stands, read the gateway's answer."""
        self._tally.down(len(data))
        if not self.is_open:
            self._read_answer(bytes(data))
        elif self._leg is not None:
            self._moved = self._has_heard = True
            self._leg.write(data)
        else:
            self._drained += len(data)
            if self._drained > _DRAIN_BYTES:
                self.abort()

    def eof_received(self) -> bool:
        """The gateway has nothing more to say."""
        if not self.is_open:
            self._gateway_hung_up()
            return False
        self._gateway_done = True
        self._note_silence()
        if self._client_done or self._leg is None:
            self._finish()
        else:
            self._leg.write_eof()
            self._expire_in(self._relay.limits.drain)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The gateway is gone; what had come of it and was not read is paid, too."""
        self._cancel_timer()
        self._tally.down(self.unread())
        if not self.is_open:
            self._gateway_hung_up()
        else:
            self._tally.tunnel_ends()
            if not self._gateway_done:
                self._note_silence()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.abort() if exc else leg.hang_up()
        self._end()
        self.gone()

    def pause_writing(self) -> None:
        """The gateway is slow: stop reading from the client."""
        if self._leg is not None:
            self._leg.pause_reading()

    def resume_writing(self) -> None:
        """The gateway has caught up."""
        if self._leg is not None:
            self._leg.resume_reading()

    # What the client's side asks

    def from_client(self, data: memoryview | bytes) -> None:
        """Pass on the client's bytes, or keep them until the tunnel stands."""
        if self.is_open:
            self._moved = True
            if not self._has_greeted:
                self._greet(data)
            self._send(data)
            return
        self._early.append(bytes(data))
        self._early_bytes += len(data)
        if self._early_bytes > _EARLY_BYTES and self._leg is not None:
            self._leg.pause_reading()

    def client_done(self) -> None:
        """The client has said goodbye: pass it on and wait for the answer."""
        self._client_done = True
        if self._gateway_done or not self.is_open:
            self._finish()
        elif self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()
            self._expire_in(self._relay.limits.drain)

    def client_lost(self) -> None:
        """The client is gone."""
        self._leg = None
        if not self._client_done:
            self.client_done()

    # The handshake

    def _read_answer(self, data: bytes) -> None:
        if self._head is not None:
            self._body_missing -= len(data)
        else:
            self._answer += data
            raw, end, rest = self._answer.partition(b"\r\n\r\n")
            if not end:
                if len(self._answer) > HEAD_LIMIT:
                    self._refuse(502, Cause.OTHER)
                return
            head = parse_head(raw)
            if head is None:
                self._refuse(502, Cause.OTHER)
                return
            if 100 <= head.status < 200:  # noqa: PLR2004 - informational, the answer is to come
                self._answer = b""
                self._read_answer(rest)
                return
            if 200 <= head.status < 300:  # noqa: PLR2004 - the tunnel stands
                self._stand(rest)
                return
            self._head = head
            self._body_missing = head.body_bytes - len(rest)
        if self._body_missing <= 0:
            self._refused_by_gateway()

    def _stand(self, rest: bytes) -> None:
        self._cancel_timer()
        self._tally.tunnel_stands()
        self.is_open = True
        if self._leg is None:
            self._finish()
            return
        self._has_heard = bool(rest)
        self._leg.write(_ESTABLISHED + rest)
        if self._early:
            self._greet(self._early[0])
            self._send(b"".join(self._early))
            self._early.clear()
        self._leg.resume_reading()

    def _greet(self, data: memoryview | bytes) -> None:
        """Before the client speaks for the second time TLS stands; without TLS, before the first.

        Its hello and all of the server's answer are behind it then (RFC 8446, 2).
        """
        if not self._says_hello:
            self._says_hello = data[0] == _TLS_HANDSHAKE
            if self._says_hello:
                return
        elif not self._has_heard:
            return
        self._has_greeted = True
        self._tally.handshake_done()

    def _refused_by_gateway(self) -> None:
        head = self._head
        if head is None:
            return
        if is_billed(head.status):
            self._tally.bill()
        self._refuse(
            head.status,
            cause_of(head.status, head.headers),
            retry_after=head.headers.get("retry-after", ""),
        )

    def _gateway_hung_up(self) -> None:
        if self.is_over:
            return
        if self._head is not None:
            self._refused_by_gateway()
        else:
            self._tally.bill()
            self._refuse(502, Cause.HUNG_UP)

    def _no_answer(self) -> None:
        self._tally.bill()
        self._refuse(504, Cause.TIMEOUT)

    def _refuse(self, status: int, cause: Cause, *, retry_after: str = "") -> None:
        self._cancel_timer()
        self._tally.waive()
        leg, self._leg = self._leg, None
        ride = self._ride
        relay = self._relay
        if leg is not None and ride is not None:
            refusal = relay.refusals.add(
                lane=ride.lane,
                handle=ride.handle,
                target=self.target,
                status=status,
                cause=cause,
                retry_after=retry_after,
            )
            again = relay.riders is not None and relay.riders.refused(ride, refusal)
            self._end(refused=True)
            if again:
                leg.try_again(b"".join(self._early))
            else:
                leg.answer_and_close(refusal_answer(refusal, told=relay.riders is not None))
        self._end(refused=True)
        self.close()

    def _note_silence(self) -> None:
        """A tunnel that was granted and ends without a byte: no status is left to say it with."""
        ride = self._ride
        if self._has_heard or self._leg is None or self._client_done or ride is None:
            return
        refusals = self._relay.refusals
        refusals.leave_untold(
            refusals.add(
                lane=ride.lane,
                handle=ride.handle,
                target=self.target,
                status=502,
                cause=Cause.HUNG_UP,
            )
        )

    # Endings

    def _send(self, data: bytes | memoryview) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self._tally.up(len(data))
            self._relay.write(self.transport, data)

    def _end(self, *, refused: bool = False) -> None:
        self.is_over = True
        ride, self._ride = self._ride, None
        if ride is not None and self._relay.riders is not None:
            taken = None if refused else self._tally.taken_bytes
            self._relay.riders.leave(ride, self.target, taken)

    def _finish(self) -> None:
        self._cancel_timer()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.hang_up()
        self.close()
        if self.transport is None:  # it was not reached yet
            self._end()

    def _expired(self) -> None:
        self._timer = None
        if self._leg is not None and self._moved:
            self._expire_in(self._relay.limits.drain)
        # When the gateway has finished, what the client has yet to read is still delivered.
        elif self._gateway_done:
            self._finish()
        else:
            self.abort()

    def abort(self) -> None:
        """Close both ends at once."""
        self._cancel_timer()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.abort()
        super().abort()

    def _expire_in(self, seconds: float) -> None:
        if self._timer is None:
            self._moved = False
            self._timer = self._loop.call_later(seconds, self._expired)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
