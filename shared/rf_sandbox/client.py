"""One client's connection to the gateway: between requests, in a plain request, or a tunnel.

A request that arrives before the last one is answered waits its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from rf_sandbox.admission import Refused, judge
from rf_sandbox.external import DeniedError
from rf_sandbox.forward import Forward
from rf_sandbox.heads import Head, join_target, own_answer
from rf_sandbox.incoming import HEAD_LIMIT, Broken, Incoming, Wanted
from rf_sandbox.traffic import Row
from rf_sandbox.tunnel import Tunnel

if TYPE_CHECKING:
    from rf_sandbox.gateway import Gateway


class Client(asyncio.Protocol):
    """The client's side of an exchange, and the only way to its socket and to its bill."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.world = gateway.world
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._incoming = Incoming()
        self._leg: Forward | Tunnel | None = None
        self._last_row: Row | None = None
        self._ending = False
        self._client_done = False
        self._patience = 0.0
        self._touched = 0.0
        self._unread = 0
        self._timer: asyncio.TimerHandle | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a client in, if there is room."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows for the type checker
        self._transport = transport
        self._gateway.clients.add(self)
        self._expect(self._gateway.patience.head)
        if len(self._gateway.clients) > self._gateway.most:
            self._refuse(Refused(503, "too many connections"), 0)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client's: of a tunnel, of a body, or of the next head."""
        self._touched = self._loop.time()
        if self._leg is None and not self._incoming and not self._ending:
            self._expect(self._gateway.patience.head)
        self._incoming.feed(data)
        self._advance()

    def eof_received(self) -> bool:
        """A client that has said all it will may still be answered."""
        self._client_done = True
        if self._ending or self._leg is None:
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
        if self._timer is not None:
            self._timer.cancel()
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
        judged = judge(self.world, found.head, found.host, found.port)
        if isinstance(judged, Refused):
            self._refuse(judged, found.size, found)
            return
        row = self._open_row(judged.username, judged.ordered.pool, found, billed=True)
        row.exit = self.world.exits.exit_for(judged.username, judged.ordered, self.world.now())
        leg: Forward | Tunnel
        if found.is_tunnel:
            leg = Tunnel(self, row)
        else:
            authority = join_target(found.host, found.authority_port).encode("latin-1")
            leg = Forward(self, row, found.head, found.path, authority)
            if self._incoming.is_complete:
                leg.request_done()
        self._leg = leg
        patience = self._gateway.patience
        self._expect(patience.idle if found.is_tunnel else patience.answer)
        if self._bill_up(row, found.size):
            task = self._loop.create_task(self._reach(leg, found.host, found.port))
            self._gateway.tasks.add(task)
            task.add_done_callback(self._gateway.tasks.discard)

    async def _reach(self, leg: Forward | Tunnel, host: str, port: int) -> None:
        try:
            await self._gateway.connect(leg, host, port, leg.row.exit)
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
        if piece is None or not self._bill_up(forward.row, piece.size):
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
        """Answer a request here, for free; keep the connection when nothing is left of it."""
        row = self._open_row(refused.username, refused.pool, wanted, billed=False)
        head = Head(keep_alive=False) if wanted is None else wanted.head
        keeps = head.keep_alive and not head.has_body and not self._client_done
        row.status = refused.status
        self.world.traffic.up(row, size)
        self.send(row, own_answer(refused.status, refused.details, keep_alive=keeps))
        self.world.traffic.end(row, f"refused_{refused.status}", self.world.now())
        if keeps:
            self._expect(self._gateway.patience.idle)
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

    def send(self, row: Row, data: bytes) -> None:
        """Bill bytes and hand them to the client; an empty pool ends everything."""
        if self._transport is None or self._transport.is_closing():
            return
        self._touched = self._loop.time()
        self.world.traffic.down(row, len(data))
        self._transport.write(data)
        self._has_balance(row)

    def answered(self, *, keep_alive: bool) -> None:
        """A plain request is over: on to the next, which may be here already."""
        self._leg = None
        if not keep_alive or self._client_done:
            self._end_gently()
            return
        self.resume_reading()
        self._expect(self._gateway.patience.idle)
        self._loop.call_soon(self._advance)

    def fail(self, row: Row, status: int, error: str, details: str) -> None:
        """Answer a request whose target failed: billed, for an exit was used (C-167)."""
        row.status = status
        self.send(row, own_answer(status, details, keep_alive=False, error=error))
        outcome = f"failed_{status}" if row.billed else f"refused_{status}"
        self.world.traffic.end(row, outcome, self.world.now())
        self.answered(keep_alive=False)

    def write_eof(self) -> None:
        """Tell the client that nothing more will come."""
        if self._transport is not None and not self._transport.is_closing():
            with contextlib.suppress(OSError):
                self._transport.write_eof()

    def pause_reading(self) -> None:
        """The target is slow."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """The target has caught up."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close once what has been written is through."""
        self._ending = True
        self._leg = None
        self._expect(self._gateway.patience.linger)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; what is still in our buffers is lost, and stays billed."""
        self._ending = True
        if self._transport is not None:
            self._transport.abort()

    # Endings

    def _bill_up(self, row: Row | None, count: int) -> bool:
        """Bill bytes that were read; False when that was the pool's last."""
        if row is None:
            return True
        self.world.traffic.up(row, count)
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
        self._expect(self._gateway.patience.linger)

    def _expect(self, seconds: float) -> None:
        self._patience = seconds
        self._touched = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        quiet = self._loop.time() - self._touched
        if self._leg is not None and quiet < self._patience:
            self._timer = self._loop.call_later(self._patience - quiet, self._look_at_the_clock)
        elif self._leg is not None:
            self._leg.gone_quiet()
        elif self._ending and self._is_being_read():
            self._timer = self._loop.call_later(
                self._gateway.patience.answer, self._look_at_the_clock
            )
        else:
            self.abort()

    def _is_being_read(self) -> bool:
        """Whether something is left to send, and less of it than when we looked last."""
        size = 0 if self._transport is None else self._transport.get_write_buffer_size()
        before, self._unread = self._unread, size
        return size > 0 and (size < before or not before)
