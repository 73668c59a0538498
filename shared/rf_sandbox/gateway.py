"""The gateway: authenticates, sends each request out of its own exit, and meters every byte.

One port serves absolute-form http and CONNECT. A plain request goes to its target on a connection
of its own, bound to its exit, so that "a new exit for every request" is true; the client's
connection is kept alive across them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Coroutine
from typing import Any, Final

import httptools

from rf_sandbox.forward import Forward
from rf_sandbox.heads import Head, basic_credentials, own_answer, split_target
from rf_sandbox.traffic import Row
from rf_sandbox.tunnel import Tunnel
from rf_sandbox.world import World, is_own_name

logger = logging.getLogger(__name__)

HEAD_LIMIT: Final = 64 * 1024
CONNECT_SECONDS: Final = 10.0
HEAD_SECONDS: Final = 20.0
IDLE_SECONDS: Final = 300.0
MOST_CONNECTIONS: Final = 4_096


class Gateway:
    """What the connections of one gateway share."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clients: set[Client] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.binds = True

    def protocol(self) -> Client:
        """Make the protocol of a new connection."""
        return Client(self)

    def close(self) -> None:
        """End every connection."""
        for client in list(self.clients):
            client.abort()
        for task in list(self.tasks):
            task.cancel()

    async def connect(
        self, factory: asyncio.Protocol, host: str, port: int, exit_address: str
    ) -> None:
        """Reach a target from an exit address.

        Raises:
            OSError: it cannot be reached.
            TimeoutError: it did not answer in time.
        """
        loop = asyncio.get_running_loop()
        address = "127.0.0.1" if is_own_name(host) and host != "::1" else host
        async with asyncio.timeout(CONNECT_SECONDS):
            if self.binds and address == "127.0.0.1":
                try:
                    await loop.create_connection(
                        lambda: factory, address, port, local_addr=(exit_address, 0)
                    )
                except OSError as error:
                    if error.errno != errno.EADDRNOTAVAIL and "bind" not in str(error):
                        raise
                    self.binds = False
                    logger.warning("this platform has one loopback address: exits are not bound")
                else:
                    return
            await loop.create_connection(lambda: factory, address, port)


class Client(asyncio.Protocol):
    """One client's connection: between requests, in a plain request, or a tunnel for good."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.world = gateway.world
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._head = Head()
        self._head_bytes = 0
        self._unclaimed = 0
        self._forward: Forward | None = None
        self._tunnel: Tunnel | None = None
        self._answered_early = False
        self._done = False
        self._timer: asyncio.TimerHandle | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a client in, if there is room."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows for the type checker
        self.transport = transport
        self.gateway.clients.add(self)
        if len(self.gateway.clients) > MOST_CONNECTIONS:
            self._end_with(503, "too many connections")
            return
        self._expect(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Read requests, or pass a tunnel's bytes on. Bytes are billed where they are claimed."""
        if self._tunnel is not None:
            self._tunnel.from_client(data)
            return
        if self._done:
            return
        self._unclaimed += len(data)
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._begin_tunnel(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._end_with(400, "not a request a proxy can serve")
            return
        if self._forward is not None:
            self._claim(self._forward.row)
        elif self._head_bytes > HEAD_LIMIT:
            self._end_with(431, "the request head is too large")

    def eof_received(self) -> bool:
        """A tunnel's target is told; a client that ends elsewhere is gone."""
        if self._tunnel is not None:
            self._tunnel.client_done()
            return True
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        """Let go of everything."""
        self.gateway.clients.discard(self)
        self._expect(None)
        self.transport = None
        if self._tunnel is not None:
            self._tunnel.client_lost()
        if self._forward is not None:
            self._forward.client_lost()

    def pause_writing(self) -> None:
        """The client is slow."""
        source = self._tunnel or self._forward
        if source is not None:
            source.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        source = self._tunnel or self._forward
        if source is not None:
            source.resume_reading()

    # httptools

    def on_message_begin(self) -> None:
        """Start a request; one that comes before the last is answered ends the connection."""
        if self._forward is not None:
            self._end_with(400, "requests are not pipelined here")
        self._head = Head()
        self._answered_early = False

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        self._head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._head.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide on a plain request; a tunnel is decided on when the parser has let go."""
        self._head.method = self._parser.get_method()
        self._expect(IDLE_SECONDS)
        if self._done or self._head.method == b"CONNECT":
            return
        self._begin_forward()

    def on_body(self, data: bytes) -> None:
        """Pass on a piece of a body."""
        if self._forward is not None:
            self._forward.request_body(data)

    def on_message_complete(self) -> None:
        """The request is all there."""
        self._head_bytes = 0
        if self._forward is not None:
            self._forward.request_done()
        elif self._answered_early:
            self._unclaimed = 0

    # Decisions

    def _begin_forward(self) -> None:
        try:
            parts = httptools.parse_url(self._head.url)
        except httptools.HttpParserInvalidURLError:
            self._end_with(400, "not an absolute URL")
            return
        if (parts.schema or b"").lower() != b"http" or not parts.host:
            self._end_with(400, "not an absolute http URL")
            return
        host, port = parts.host.decode("latin-1").lower(), parts.port or 80
        row = self._admit(host, port)
        if row is None:
            return
        path = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
        self._forward = Forward(self, row, self._head, path, self._parser.should_keep_alive())
        self._start(self._reach(self._forward, host, port, row))

    def _begin_tunnel(self, early: bytes) -> None:
        if self._done:
            return
        target = split_target(self._head.url.decode("latin-1"))
        if target is None:
            self._end_with(400, "CONNECT needs host:port")
            return
        self._unclaimed -= len(early)
        row = self._admit(*target)
        if row is None:
            # A refused CONNECT keeps the connection: the parser starts anew on the next request.
            self._parser = httptools.HttpRequestParser(self)
            self._unclaimed = self._head_bytes = 0
            if early:
                self.data_received(early)
            return
        self._claim(row)
        self._tunnel = Tunnel(self, row)
        if early:
            self._tunnel.from_client(early)
        self._start(self._reach(self._tunnel, *target, row))

    def _admit(self, host: str, port: int) -> Row | None:
        """Authenticate and authorise a request; None when it has been refused."""
        world = self.world
        given = basic_credentials(self._head.get(b"proxy-authorization"))
        username = given[0] if given else ""
        ordered = world.credentials.check(*given) if given else None
        refusal: tuple[int, str] | None = None
        if ordered is None or ordered.pool not in world.account.pools:
            refusal = (407, "unknown user name or password")
        elif not world.traffic.has_balance(ordered.pool):
            refusal = (402, "balance exhausted")
        elif not world.may_reach(host, port):
            refusal = (403, "this sandbox reaches its own site only")
        row = world.traffic.begin(
            username=username if ordered else "",
            pool=ordered.pool if ordered else "",
            domain=host,
            target=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            method=self._head.method.decode("latin-1"),
            now=world.now(),
            billed=refusal is None,
        )
        if refusal is not None or ordered is None:
            self._refuse(row, *(refusal or (407, "")))
            return None
        row.exit = world.exits.exit_for(username, ordered, world.now())
        return row

    def _refuse(self, row: Row, status: int, details: str) -> None:
        """Answer a request ourselves, for free, and keep the connection."""
        self._claim(row)
        self._answered_early = True
        row.status = status
        has_body = self._head.get(b"content-length") or self._head.get(b"transfer-encoding")
        answer = own_answer(status, details, keep_alive=not has_body)
        self.world.traffic.down(row, len(answer))
        self.world.traffic.end(row, f"refused_{status}", self.world.now())
        self._write(answer)
        if has_body:
            self._finish()

    async def _reach(self, leg: Forward | Tunnel, host: str, port: int, row: Row) -> None:
        try:
            await self.gateway.connect(leg, host, port, row.exit)
        except TimeoutError:
            leg.unreachable(504, "the target did not answer in time")
        except OSError:
            leg.unreachable(502, "the target cannot be reached")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self.gateway.tasks.add(task)
        task.add_done_callback(self.gateway.tasks.discard)

    # What the legs ask

    def claim_rest(self, row: Row) -> None:
        """Bill what has been read and belongs to this row."""
        self._claim(row)

    def send(self, row: Row, data: bytes) -> None:
        """Bill bytes and hand them to the client; an empty pool ends everything."""
        if self.transport is None or self.transport.is_closing():
            return
        self.world.traffic.down(row, len(data))
        self.transport.write(data)
        self.check_balance(row)

    def check_balance(self, row: Row) -> None:
        """Cut the client off when its pool is empty (C-166)."""
        if row.billed and not self.world.traffic.has_balance(row.pool):
            self.world.traffic.end(row, "exhausted", self.world.now())
            self.abort()

    def answered(self, *, keep_alive: bool) -> None:
        """A plain request is over."""
        self._forward = None
        if not keep_alive:
            self._finish()
        else:
            self._expect(IDLE_SECONDS)

    def fail(self, row: Row, status: int, details: str) -> None:
        """Answer a request whose target failed: billed, because exits cost money (C-167)."""
        row.status = status
        self.send(row, own_answer(status, details, keep_alive=False))
        self.world.traffic.end(row, f"failed_{status}", self.world.now())
        self._forward = None
        self._finish()

    def write_eof(self) -> None:
        """Tell the client that nothing more will come."""
        if self.transport is not None and not self.transport.is_closing():
            with contextlib.suppress(OSError):
                self.transport.write_eof()

    def pause_reading(self) -> None:
        """The target is slow."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """The target has caught up."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def close(self) -> None:
        """Close once what has been written is through."""
        self._finish()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    def _claim(self, row: Row) -> None:
        count, self._unclaimed = self._unclaimed, 0
        if count:
            self.world.traffic.up(row, count)
            self.check_balance(row)

    def _end_with(self, status: int, details: str) -> None:
        if self._done:
            return
        forward, self._forward = self._forward, None
        if forward is not None:
            forward.client_lost()
        self._write(own_answer(status, details, keep_alive=False))
        self._finish()

    def _write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def _finish(self) -> None:
        self._done = True
        if self.transport is not None:
            self.transport.close()

    def _expect(self, seconds: float | None) -> None:
        """Bound the wait for the next request; a tunnel watches itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, self._idle)

    def _idle(self) -> None:
        if self._tunnel is None and self._forward is None:
            self._finish()
