"""One client's connection to the gateway: between requests, in a plain request, or a tunnel.

A request that arrives before the last one is answered waits its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, cast

from rf_sandbox.admission import Admitted, Refused, judge
from rf_sandbox.external import DeniedError
from rf_sandbox.forward import Forward
from rf_sandbox.heads import Head, join_target, own_answer
from rf_sandbox.incoming import HEAD_LIMIT, Broken, Incoming, Wanted
from rf_sandbox.mishaps import BrokenTls, Drip, Plight
from rf_sandbox.traffic import Row
from rf_sandbox.tunnel import Tunnel
from rf_sandbox.upstream import Upstream, Way
from rf_sandbox.watch import Watch

if TYPE_CHECKING:
    from rf_sandbox.gateway import Gateway


class Client(asyncio.Protocol):
    """The client's side of an exchange, and the only way to its socket and to its bill."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.world = gateway.world
        self._loop = gateway.loop
        self._transport: asyncio.Transport | None = None
        self._incoming = Incoming()
        self._leg: Forward | Tunnel | None = None
        self._last_row: Row | None = None
        self._way = Way("", "", 0)
        self.plight: Plight | None = None
        self._drip: Drip | None = None
        self._ending = False
        self._client_done = False
        self._is_paused = False
        self._unread = 0
        self._watch = Watch(self._waited_enough, gateway.loop)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a client in, if there is room."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport = transport
        self._gateway.clients.add(self)
        self._watch.expect(self._gateway.patience.head)
        if len(self._gateway.clients) > self._gateway.most:
            self._refuse(Refused(503, "too many connections"), 0)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client's: of a tunnel, of a body, or of the next head."""
        begins = not self._incoming
        if self._leg is not None:
            self._watch.touch()
        self._incoming.feed(data)
        self._advance()
        if begins and self._leg is None and not self._ending and self._incoming:
            self._watch.expect(self._gateway.patience.head)

    def eof_received(self) -> bool:
        """A client that has said all it will may still be answered."""
        self._client_done = True
        if self._ending or self._leg is None or (self.plight is not None and self.plight.hangs):
            return False
        if isinstance(self._leg, Tunnel):
            self._leg.client_done()
            return True
        return self._incoming.is_complete

    def connection_lost(self, _exc: Exception | None) -> None:
        """Let go of everything."""
        self._gateway.clients.discard(self)
        self._transport = None
        self._ending = True
        self._watch.stop()
        if self._drip is not None:
            self._drip.stop()
        if self._leg is not None:
            self._leg.client_lost()
            self._leg = None

    def pause_writing(self) -> None:
        """The client is slow."""
        if self._leg is not None:
            self._leg.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        if self._leg is not None:
            self._leg.resume_reading()

    # Requests

    def _advance(self) -> None:
        """Serve what has arrived, as far as it goes."""
        while self._incoming:
            if self._ending:
                self._bill_up(self._last_row, len(self._incoming.rest()))
            elif self._leg is None:
                found = self._incoming.next_head()
                if found is None:
                    return
                self._serve(found)
            elif isinstance(self._leg, Tunnel):
                data = self._incoming.rest()
                if self._bill_up(self._leg.row, len(data)):
                    self._leg.from_client(data)
            elif self._incoming.is_complete:
                if len(self._incoming) > HEAD_LIMIT:
                    self.pause_reading()
                return
            else:
                self._pass_on_body(self._leg)

    def _serve(self, found: Wanted | Broken) -> None:
        if isinstance(found, Broken):
            self._refuse(Refused(found.status, found.details), found.size)
            return
        self._forget_plight()
        judged = judge(self.world, found.head, found.host, found.port)
        if isinstance(judged, Admitted) and self.world.faults.rules:
            judged = self._strike(judged, found)
        if isinstance(judged, Refused):
            self._refuse(judged, found.size, found)
            return
        row = self._open_row(judged.username, judged.ordered.pool, found, billed=True)
        row.exit = self.world.exits.exit_for(judged.username, judged.ordered, self.world.now())
        leg: Forward | Tunnel
        if found.is_tunnel:
            breaks = self.plight is not None and self.plight.has("tls_failure")
            leg = BrokenTls(self, row) if breaks else Tunnel(self, row)
        else:
            authority = join_target(found.host, found.authority_port).encode("latin-1")
            keeps = judged.ordered.is_sticky
            leg = Forward(self, row, found.head, found.path, authority, keeps=keeps)
            if self._incoming.is_complete:
                leg.request_done()
        self._leg = leg
        self._way = Way(row.exit, found.host, found.port)
        patience = self._gateway.patience
        self._watch.expect(patience.idle if found.is_tunnel else patience.answer)
        reading = self.world.switches.metering
        is_free = reading == "payload" or (reading == "after_connect" and found.is_tunnel)
        if not self._bill_up(row, found.size, found.size if is_free else 0):
            return
        if self.plight is None:
            self._set_out(leg)
        else:
            self._set_out_with_trouble(leg, self.plight)

    def _strike(self, admitted: Admitted, found: Wanted) -> Admitted | Refused:
        """Let faults strike; a failure below 500 is a refusal, and free as such."""
        faults = self.world.faults.strike(
            "gateway",
            path=found.path.decode("latin-1"),
            method=found.head.method.decode("latin-1"),
            username=admitted.username,
            domain=found.host,
            pool=admitted.ordered.pool,
        )
        if not faults:
            return admitted
        self.plight = Plight(faults)
        self._drip = self.plight.drip(self._hand_over)
        failure = self.plight.failure()
        if failure is None or failure.status >= 500:  # noqa: PLR2004 - the 5xx class
            return admitted
        pool = admitted.ordered.pool
        return Refused(failure.status, failure.details, admitted.username, pool, failure.error)

    def _forget_plight(self) -> None:
        self.plight = self._drip = None

    def _set_out_with_trouble(self, leg: Forward | Tunnel, plight: Plight) -> None:
        """Do what is to be done, late, or never, or something else."""
        if plight.hangs == "before":
            return
        failure = plight.failure()
        if failure is not None:
            error = failure.error or "proxy_internal_response"
            work = partial(leg.give_up, failure.status, error, failure.details)
        elif isinstance(leg, BrokenTls):
            work = partial(leg.stand)
        else:
            work = partial(self._set_out, leg)
        self._loop.call_later(plight.latency_seconds, self._when_due, leg, work)

    def _when_due(self, leg: Forward | Tunnel, work: partial[None]) -> None:
        if self._leg is leg:
            work()

    def _set_out(self, leg: Forward | Tunnel) -> None:
        if leg is self._leg:
            kept = None if isinstance(leg, Tunnel) else self._gateway.kept.take(self._way)
            if kept is not None and isinstance(leg, Forward):
                leg.attach(kept, reused=True)
            else:
                self.reach(leg)

    def reach(self, leg: Forward | Tunnel) -> None:
        """Connect a leg to its target."""
        task = self._loop.create_task(self._reach(leg, self._way))
        self._gateway.tasks.add(task)
        task.add_done_callback(self._gateway.tasks.discard)

    async def _reach(self, leg: Forward | Tunnel, way: Way) -> None:
        try:
            protocol = leg if isinstance(leg, Tunnel) else Upstream(self._gateway.kept, way, leg)
            await self._gateway.connect(protocol, way.host, way.port, way.exit)
        except DeniedError as denied:
            self.world.traffic.excuse(leg.row)
            leg.give_up(403, "destination_ip_prohibited", str(denied))
        except TimeoutError:
            leg.give_up(504, "connection_timeout", "the target did not accept in time")
        except ConnectionRefusedError:
            leg.give_up(502, "connection_refused", "the target refuses connections")
        except socket.gaierror:
            leg.give_up(502, "dns_error", "the name of the target does not resolve")
        except (OSError, ValueError):
            leg.give_up(502, "destination_unavailable", "the target cannot be reached")

    def _pass_on_body(self, forward: Forward) -> None:
        piece = self._incoming.next_piece()
        if piece is None:
            return
        framing = piece.size - len(piece.data)
        free = framing if self.world.switches.metering == "payload" else 0
        if not self._bill_up(forward.row, piece.size, free):
            return
        if piece.is_broken:
            self.world.traffic.excuse(forward.row)
            forward.give_up(400, "http_request_error", "the body of the request is broken")
            return
        if piece.data:
            forward.request_body(piece.data)
        if piece.is_last and self._leg is forward:
            forward.request_done()

    def _refuse(self, refused: Refused, size: int, wanted: Wanted | None = None) -> None:
        """Answer a request here; keep the connection when nothing is left of it.

        It is free, unless refusals are billed and there is somebody to pay (C-167).
        """
        has_payer = bool(refused.pool) and self.world.traffic.has_balance(refused.pool)
        billed = has_payer and self.world.switches.refusals == "billed"
        row = self._open_row(refused.username, refused.pool, wanted, billed=billed)
        head = Head(keep_alive=False) if wanted is None else wanted.head
        keeps = head.keep_alive and not head.has_body and not self._client_done
        row.status = refused.status
        self.world.traffic.up(row, size)
        answer = own_answer(
            refused.status,
            refused.details,
            keep_alive=keeps,
            error=refused.error,
            changes=self.plight.header_changes if self.plight else None,
        )
        self.send(row, answer, framing=len(answer))
        self.world.traffic.end(row, f"refused_{refused.status}", self.world.now())
        if keeps:
            self._watch.expect(self._gateway.patience.idle)
        else:
            self._end_gently()

    def _open_row(self, username: str, pool: str, wanted: Wanted | None, *, billed: bool) -> Row:
        self._last_row = self.world.traffic.begin(
            username=username,
            pool=pool,
            domain="" if wanted is None else wanted.host,
            target="" if wanted is None else join_target(wanted.host, wanted.port),
            method="" if wanted is None else wanted.head.method.decode("latin-1"),
            now=self.world.now(),
            billed=billed,
        )
        return self._last_row

    # What the legs ask

    def send(self, row: Row, data: bytes, *, framing: int = 0, connects: int = 0) -> None:
        """Bill bytes and hand them to the client; an empty pool ends everything.

        Args:
            row: Whose bytes they are.
            data: All of them.
            framing: How many are heads and chunk sizes, and no payload (C-167).
            connects: How many belong to the CONNECT exchange.
        """
        reading = self.world.switches.metering
        free = 0 if reading == "wire" else connects
        if reading == "payload":
            free += framing
        if self.plight is None:
            self._hand_over(row, data, free)
        else:
            self._send_with_trouble(self.plight, row, data, free)

    def _hand_over(self, row: Row, data: bytes, free: int) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._leg is not None:
            self._watch.touch()
        self.world.traffic.down(row, len(data), free)
        self._transport.write(data)
        self._has_balance(row)

    def _send_with_trouble(self, plight: Plight, row: Row, data: bytes, free: int) -> None:
        if plight.hangs == "after":
            self.world.traffic.end(row, "fault_hang", self.world.now())
            return
        data, ending = plight.pass_down(row.bytes_down, data)
        if self._drip is not None:
            self._drip.add(row, data, min(free, len(data)))
            if self._drip.is_full and self._leg is not None:
                self._leg.pause_reading()
                self._drip.then(self.resume_writing)
        elif data:
            self._hand_over(row, data, min(free, len(data)))
        if ending:
            self._end_badly(row, ending)

    def _end_badly(self, row: Row, ending: str) -> None:
        """End an exchange and its connection as a fault has it."""
        self.world.traffic.end(row, f"fault_{ending}", self.world.now())
        leg, self._leg = self._leg, None
        self.plight = None
        if leg is not None:
            leg.client_lost()
        if ending == "close":
            self.close()
            return
        sock = self._transport.get_extra_info("socket") if self._transport else None
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    def answered(self, *, keep_alive: bool) -> None:
        """A plain request is over: on to the next, which may be here already."""
        if self._drip is not None and self._drip.then(lambda: self.answered(keep_alive=keep_alive)):
            return
        self._leg = None
        if self.plight is not None and self.plight.hangs == "after":
            self._ending = True
            self._watch.expect(self._gateway.patience.answer)
            return
        if not keep_alive or self._client_done:
            self._end_gently()
            return
        self.resume_reading()
        self._watch.expect(self._gateway.patience.idle)
        if self._incoming:
            self._loop.call_soon(self._advance)

    def fail(self, row: Row, status: int, error: str, details: str) -> None:
        """Answer a request whose target failed: billed, for an exit was used (C-167)."""
        row.status = status
        changes = self.plight.header_changes if self.plight else None
        answer = own_answer(status, details, keep_alive=False, error=error, changes=changes)
        self.send(row, answer, framing=len(answer))
        outcome = f"failed_{status}" if row.billed else f"refused_{status}"
        self.world.traffic.end(row, outcome, self.world.now())
        self.answered(keep_alive=False)

    def write_eof(self) -> None:
        """Tell the client that nothing more will come."""
        if self._drip is not None and self._drip.then(self.write_eof):
            return
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                self._transport.write_eof()

    def pause_reading(self) -> None:
        """The target is slow."""
        if self._transport is not None and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The target has caught up."""
        if self._is_paused and self._transport is not None and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """Close once what has been written is through."""
        if self._drip is not None and self._drip.then(self.close):
            return
        self._ending = True
        self._leg = None
        self._watch.expect(self._gateway.patience.linger)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what is still in our buffers is lost, and stays billed."""
        self._ending = True
        if self._transport is not None:
            self._transport.abort()

    # Endings

    def _bill_up(self, row: Row | None, count: int, free: int = 0) -> bool:
        """Bill bytes that were read; False when that was the pool's last."""
        if row is None:
            return True
        self.world.traffic.up(row, count, free)
        return self._has_balance(row)

    def _has_balance(self, row: Row) -> bool:
        if not row.billed or self.world.traffic.has_balance(row.pool):
            return True
        self.world.traffic.end(row, "exhausted", self.world.now())
        self.abort()
        return False

    def _end_gently(self) -> None:
        """Say goodbye and read on for a moment: a reset would take our last answer with it."""
        self._ending = True
        self._bill_up(self._last_row, len(self._incoming.rest()))
        if self._client_done:
            self.close()
            return
        self.resume_reading()
        self.write_eof()
        self._watch.expect(self._gateway.patience.linger)

    def _waited_enough(self) -> None:
        """Nothing has come for too long."""
        if self._leg is not None:
            self._leg.gone_quiet()
        elif self._ending and self._is_being_read():
            self._watch.expect(self._gateway.patience.answer)
        else:
            self.abort()

    def _is_being_read(self) -> bool:
        """Whether something is left to send, and less of it than when we looked last."""
        size = 0 if self._transport is None else self._transport.get_write_buffer_size()
        before, self._unread = self._unread, size
        return size > 0 and (size < before or not before)
