"""A CONNECT tunnel's gateway side: the handshake, then bytes both ways until the goodbyes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from rf_core.io.relay.wire import HEAD_LIMIT, connect_head, parse_head, refusal_answer
from rf_core.meter import Tally
from rf_core.refusals import Cause, cause_of, is_billed

if TYPE_CHECKING:
    from rf_core.io.relay.local import LocalLeg
    from rf_core.io.relay.relay import Relay
    from rf_core.io.relay.wire import Head
    from rf_core.lanes import Credential

_ESTABLISHED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
_DRAIN_BYTES: Final = 64 * 1024


class Tunnel(asyncio.Protocol):
    """One tunnel through the gateway for one client connection.

    When the client goes, the gateway is told and the rest of what is under way is still read and
    counted, for a moment and up to 64 KiB: the TLS goodbye is on both meters. More than that is
    cut, because it would be paid for nothing.
    """

    def __init__(
        self,
        relay: Relay,
        leg: LocalLeg,
        *,
        lane: int,
        credential: Credential,
        target: str,
        domain: str,
    ) -> None:
        self._relay = relay
        self._leg: LocalLeg | None = leg
        self._lane = lane
        self._credential = credential
        self._target = target
        self._tally = Tally(relay.meter, credential.pool, domain)
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._answer = b""
        self._head: Head | None = None
        self._body_missing = 0
        self._timer: asyncio.TimerHandle | None = None
        self._client_done = False
        self._gateway_done = False
        self._drained = 0
        self.is_open = False

    def start(self, early: bytes) -> None:
        """Set out for the gateway; `early` came right behind the client's CONNECT."""
        if early:
            self._early.append(early)
        if self._leg is not None:
            self._leg.pause_reading()
        self._relay.spawn(self._loop.create_task(self._connect()))

    async def _connect(self) -> None:
        proxy = self._credential.proxy
        try:
            async with asyncio.timeout(self._relay.limits.connect):
                await self._loop.create_connection(lambda: self, proxy.host, proxy.port)
        except TimeoutError:
            self._refuse(504, Cause.TIMEOUT)
        except OSError:
            self._refuse(502, Cause.UNREACHABLE)

    # asyncio.Protocol, towards the gateway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the tunnel."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport = transport
        self._relay.opened(self)
        if self._leg is None:
            transport.close()
            return
        self._send(connect_head(self._target, self._credential))
        self._timer = self._loop.call_later(self._relay.limits.answer, self._no_answer)

    def data_received(self, data: bytes) -> None:
        """Count, and pass on; before the tunnel stands, read the gateway's answer."""
        self._tally.down(len(data))
        if not self.is_open:
            self._read_answer(data)
        elif self._leg is not None:
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
        if self._client_done or self._leg is None:
            self._finish()
        else:
            self._leg.write_eof()
            self._expire_in(self._relay.limits.drain)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The gateway is gone."""
        self._cancel_timer()
        if not self.is_open:
            self._gateway_hung_up()
        elif self._leg is not None:
            leg, self._leg = self._leg, None
            leg.abort() if exc else leg.hang_up()
        self._transport = None
        self._relay.lost(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The gateway is slow: stop reading from the client."""
        if self._leg is not None:
            self._leg.pause_reading()

    def resume_writing(self) -> None:
        """The gateway has caught up."""
        if self._leg is not None:
            self._leg.resume_reading()

    # What the client's side asks

    def from_client(self, data: bytes) -> None:
        """Pass on the client's bytes, or keep them until the tunnel stands."""
        if self.is_open:
            self._send(data)
        else:
            self._early.append(data)

    def client_done(self) -> None:
        """The client has said goodbye: pass it on and wait for the answer, for a moment."""
        self._client_done = True
        if self._gateway_done or not self.is_open:
            self._finish()
        elif self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()
            self._expire_in(self._relay.limits.drain)

    def client_lost(self) -> None:
        """The client is gone."""
        self._leg = None
        if not self._client_done:
            self.client_done()

    def pause_reading(self) -> None:
        """The client is slow: stop reading from the gateway."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The client has caught up."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

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
            length = head.headers.get("content-length", "0")
            self._body_missing = (int(length) if length.isdecimal() else 0) - len(rest)
        if self._body_missing <= 0:
            self._refused_by_gateway()

    def _stand(self, rest: bytes) -> None:
        self._cancel_timer()
        self._tally.bill()
        self._relay.meter.tunnels += 1
        self.is_open = True
        if self._leg is None:
            self._finish()
            return
        self._leg.write(_ESTABLISHED + rest)
        for data in self._early:
            self._send(data)
        self._early.clear()
        self._leg.resume_reading()

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
        if leg is not None:
            refusal = self._relay.refusals.add(
                lane=self._lane,
                handle=self._credential.handle,
                target=self._target,
                status=status,
                cause=cause,
                retry_after=retry_after,
            )
            leg.answer_and_close(refusal_answer(refusal))
        self.close()

    # Endings

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
            self._tally.up(len(data))

    def _finish(self) -> None:
        self._cancel_timer()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.hang_up()
        self.close()

    def _expired(self) -> None:
        # When the gateway has finished, what the client has yet to read is still delivered.
        if self._gateway_done:
            self._finish()
        else:
            self.abort()

    def close(self) -> None:
        """Close the gateway's end once what has been written is through."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close both ends at once."""
        self._cancel_timer()
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.abort()
        if self._transport is not None:
            self._transport.abort()

    def _expire_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._expired)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
