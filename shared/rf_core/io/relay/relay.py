"""The relay itself: its listener, its rules about descriptors, and what its legs ask of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rf_core.io.relay.dial import Dialler, read_ahead
from rf_core.io.relay.door import Door, lane_user
from rf_core.io.relay.local import LocalLeg
from rf_core.io.relay.probe import Probes
from rf_core.io.relay.riders import Ride, Riders
from rf_core.io.relay.wire import basic
from rf_core.lanes import Credential, Lanes
from rf_core.meter import Meter
from rf_core.redaction import Secret
from rf_core.refusals import Refusals

if TYPE_CHECKING:
    from rf_core.io.relay.gateway import GatewayConnection, GatewaySocket

_BUFFER_BYTES: Final = 256 * 1024
_REMEMBERED: Final = 4_096
_QUIET_SECONDS: Final = 5.0
_DESCRIPTORS_PER_TUNNEL: Final = 4
_DESCRIPTORS_KEPT: Final = 96
_MOST_TUNNELS: Final = 4_096
_SWEEP_SECONDS: Final = 5.0
_NOTICE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """Bounds on waiting and on what is held open. All in seconds unless named otherwise.

    Attributes:
        connect: Reaching the gateway.
        answer: The gateway's answer to CONNECT (finding an exit may take it a while).
        idle: A connection on which nothing moves.
        drain: What is still on its way when one end has said goodbye.
        tunnels: Local connections held at once; None derives it from `RLIMIT_NOFILE`.
        idle_per_credential: Kept-alive plain connections to the gateway for each credential.
    """

    connect: float = 15.0
    answer: float = 60.0
    idle: float = 300.0
    drain: float = 2.0
    tunnels: int | None = None
    idle_per_credential: int = 16


class Relay:
    """One crawl's relay: `await start()`, give requests `url` and `authorization(lane)`, `close()`.

    Args:
        lanes: Which credential a lane stands for right now; None when no request names any.
        meter: Where wire bytes are counted, at the gateway connection.
        riders: Who boards requests that name no lane; without them each must name its own.

    It listens on 127.0.0.1 only and serves nobody without this process's secret, because other
    users of the machine can reach a loopback port too.
    """

    def __init__(
        self,
        lanes: Lanes | None,
        meter: Meter,
        *,
        limits: RelayLimits | None = None,
        riders: Riders | None = None,
    ) -> None:
        self.lanes = lanes
        self.meter = meter
        self.limits = limits or RelayLimits()
        self.riders = riders
        self.refusals = Refusals()
        self.door = Door()
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))
        self.probes = Probes(self)
        self._dialler = Dialler()
        self._authorizations: dict[str, Secret] = {}
        self._server: asyncio.Server | None = None
        self._legs: dict[LocalLeg, None] = {}
        self._waiting: deque[LocalLeg] = deque()
        self._idle: dict[tuple[str, int | None], deque[GatewayConnection]] = {}
        self._idle_count = 0
        self._connections: set[GatewaySocket] = set()
        self.is_held = False
        self._sweeper: asyncio.TimerHandle | None = None
        self._room = self.limits.tunnels or _room_for_tunnels()
        self._port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Relay 127.0.0.1:{self._port} {len(self._legs)} local, {self.lanes!r}>"

    async def start(self, port: int = 0) -> None:
        """Listen on a loopback port, a free one by default.

        Raises:
            OSError: the port could not be bound.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: LocalLeg(self), "127.0.0.1", port)
        self._port = self._server.sockets[0].getsockname()[1]
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)

    @property
    def port(self) -> int:
        """The loopback port; 0 before :meth:`start`."""
        return self._port

    @property
    def url(self) -> str:
        """What a client puts as its proxy; the lane and the secret travel apart from it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def open_legs(self) -> int:
        """Local connections open now."""
        return len(self._legs)

    def authorization(self, lane: int) -> str:
        """The `Proxy-Authorization` value that puts a request on a lane. A secret."""
        return self.door.authorization(lane_user(lane))

    async def hang_up(self, lane: int) -> None:
        """Close what is connected for a lane and return when it is gone.

        The client goes first: a request that it sends on a connection we have just closed is lost.
        One that keeps idle connections without looking at them finds the end there later.
        """
        if (ride := self.ride(lane)) is not None and (idle := self._idle.get(ride.connections)):
            while idle:
                self._drop_oldest(idle)
        legs = [leg for leg in self._legs if leg.lane == lane]
        if not legs:
            return
        for leg in legs:
            leg.say_goodbye()
        await asyncio.wait([leg.closed for leg in legs], timeout=_NOTICE_SECONDS)
        for leg in legs:
            leg.hang_up()
        await asyncio.wait([leg.closed for leg in legs], timeout=self.limits.drain)

    def hold(self) -> None:
        """Read nothing more from the gateway for a moment: it is to be seen who pays for it."""
        self._set_held(is_held=True)

    def go_on(self) -> None:
        """Read on where :meth:`hold` has stopped, unless a client has turned slow meanwhile."""
        self._set_held(is_held=False)

    def _set_held(self, *, is_held: bool) -> None:
        self.is_held = is_held
        for upstream in self._connections:
            upstream.read_if_wanted()

    def cut(self) -> None:
        """End every connection at once, whatever is on its way: the money is spent."""
        for leg in list(self._legs):
            leg.abort()
        for upstream in list(self._connections):
            upstream.abort()

    async def close(self, patience: float | None = None) -> None:
        """Stop listening, let what is on its way arrive for a moment, close the rest. Repeatable.

        Call it after the clients have closed: the last TLS goodbyes are bytes too.

        Args:
            patience: How long a moment is, in seconds; as long as for a goodbye by default.
        """
        patience = self.limits.drain if patience is None else patience
        if self._server is None:
            return
        self._server.close()
        if self._sweeper:
            self._sweeper.cancel()
        if self._legs:
            await asyncio.wait([leg.closed for leg in self._legs], timeout=patience)
        for leg in list(self._legs):
            leg.abort()
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        await self._wait_for_connections(patience)
        for upstream in list(self._connections):
            upstream.abort()
        await self._wait_for_connections(patience)
        for task in self._tasks:
            task.cancel()
        self._server = None

    async def _wait_for_connections(self, patience: float) -> None:
        pending = [upstream.closed for upstream in self._connections]
        if pending:
            await asyncio.wait(pending, timeout=patience)

    # What the legs ask.

    def joined(self, leg: LocalLeg) -> None:
        """A client has connected: make room for it if descriptors are short, or let it wait."""
        self._legs[leg] = None
        if len(self._legs) - len(self._waiting) <= self._room or self._made_room(leg):
            return
        if len(self._waiting) < self._room // 2:
            leg.pause_reading()
            self._waiting.append(leg)
        else:
            leg.turn_away()

    def left(self, leg: LocalLeg) -> None:
        """A client has gone; another may have waited for that."""
        self._legs.pop(leg, None)
        if not self._waiting:
            return
        if leg in self._waiting:
            self._waiting.remove(leg)
        elif len(self._legs) - len(self._waiting) < self._room:
            self._waiting.popleft().resume_reading()

    def used(self, leg: LocalLeg) -> None:
        """Keep the legs in the order of their last new request, oldest first."""
        if leg in self._legs:
            self._legs[leg] = self._legs.pop(leg)

    def ride(self, number: int) -> Ride | None:
        """What a lane stands for right now, or None when it is empty."""
        lane = self.lanes.lane(number) if self.lanes is not None else None
        if lane is None or lane.credential is None:
            return None
        each = lane.share.requests_each if lane.share is not None else None
        return Ride(number, lane.handle, lane.credential, each)

    def authorization_of(self, ride: Ride) -> bytes:
        """The `Proxy-Authorization` value of a ride's credential, written once. A secret."""
        known = self._authorizations.get(ride.handle)
        if known is None:
            if len(self._authorizations) >= _REMEMBERED:
                self._authorizations.clear()
            known = self._authorizations[ride.handle] = Secret(basic(ride.credential).decode())
        return known.reveal().encode()

    async def dial(self, protocol: Callable[[], GatewaySocket], credential: Credential) -> None:
        """Connect to a credential's gateway.

        Raises:
            TimeoutError: nobody answered in time.
            OSError: nobody is there.
        """
        proxy = credential.proxy
        await self._dialler.dial(
            protocol,
            proxy.host,
            proxy.port,
            seconds=self.limits.connect,
            read_ahead=read_ahead(self.meter),
        )

    def write(self, transport: asyncio.Transport, data: bytes | memoryview) -> None:
        """Write what stands in the shared buffer; the transport may keep what it cannot send."""
        transport.write(data)
        if transport.get_write_buffer_size() and isinstance(data, memoryview):
            self.buffer = memoryview(bytearray(_BUFFER_BYTES))

    def opened(self, connection: GatewaySocket) -> None:
        """A connection to the gateway is up."""
        self._connections.add(connection)
        if self.is_held:
            connection.read_if_wanted()
            # uvloop begins to read after this, whatever it is told now.
            asyncio.get_running_loop().call_soon(connection.read_if_wanted)

    def lost(self, connection: GatewaySocket) -> None:
        """A connection to the gateway is gone."""
        self._connections.discard(connection)

    def take_idle(self, ride: Ride) -> GatewayConnection | None:
        """Return a kept-alive plain connection of that very credential, the latest used first."""
        idle = self._idle.get(ride.connections)
        while idle:
            self._idle_count -= 1
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    def put_idle(self, connection: GatewayConnection) -> None:
        """Keep a plain connection for the next request of its credential."""
        kind = connection.kind
        _handle, each = kind
        if each is not None and connection.served >= each:
            connection.close()
            return
        # Put anew at the end: the first of the table is the one that has rested longest.
        idle = self._idle[kind] = self._idle.pop(kind, deque())
        idle.append(connection)
        self._idle_count += 1
        if len(idle) > self.limits.idle_per_credential:
            self._drop_oldest(idle)
        elif self._idle_count > self._room // 2 + 1:
            self._drop_oldest(next(filter(None, self._idle.values())))

    def _drop_oldest(self, idle: deque[GatewayConnection]) -> None:
        self._idle_count -= 1
        idle.popleft().close()

    def spawn(self, task: asyncio.Task[None]) -> None:
        """Hold on to a task of a leg until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _made_room(self, newcomer: LocalLeg) -> bool:
        """Hang up the leg that has been quiet longest; one with a request under way never is."""
        for leg in self._legs:
            if leg.quiet and leg not in (newcomer, *self._waiting) and not self._is_busy(leg):
                leg.hang_up()
                return True
        return False

    def _is_busy(self, leg: LocalLeg) -> bool:
        """Whether a tunnel is in use: its lane knows, or else whether something moved just now."""
        if self.lanes is None:
            return leg.idle_seconds() < _QUIET_SECONDS
        lane = self.lanes.lane(leg.lane) if leg.lane is not None else None
        return bool(lane and lane.targets[leg.target])

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for leg in list(self._legs):
            if leg.idle_seconds() > self.limits.idle:
                leg.abort()
        for kind, idle in list(self._idle.items()):
            while idle and (not idle[0].usable or idle[0].idle_seconds() > self.limits.idle / 10):
                self._drop_oldest(idle)
            if not idle:
                del self._idle[kind]
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)


def _room_for_tunnels() -> int:
    """How many tunnels there are descriptors for, with some left for the crawler.

    A tunnel takes three (client, relay, gateway); the fourth is for half as many that wait, with
    two each.
    """
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ImportError:
        return _MOST_TUNNELS // 8
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft in {resource.RLIM_INFINITY, -1}:
        return _MOST_TUNNELS
    return max(8, min(_MOST_TUNNELS, (soft - _DESCRIPTORS_KEPT) // _DESCRIPTORS_PER_TUNNEL))
