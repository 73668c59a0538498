"""The gateway: what its connections share, and the way out of an exit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import Final

from rf_sandbox.client import Client
from rf_sandbox.external import DeniedError
from rf_sandbox.reach import Denied, Here
from rf_sandbox.upstream import KeptUpstreams
from rf_sandbox.world import World

logger = logging.getLogger(__name__)

_DESCRIPTORS_EACH: Final = 3
_DESCRIPTORS_KEPT: Final = 100
_ENOUGH: Final = 16_384
_PROBE: Final = "127.64.0.1"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the gateway waits, in seconds, and for how many."""

    head: float = 20.0
    connect: float = 10.0
    answer: float = 120.0
    idle: float = 300.0
    linger: float = 2.0
    most_connections: int = 4_096


class Gateway:
    """What the connections of one gateway share."""

    def __init__(self, world: World, patience: Patience | None = None) -> None:
        self.world = world
        self.patience = patience or Patience()
        self.clients: set[Client] = set()
        self.loop = asyncio.get_running_loop()  # asking for it costs a system call each time
        self.kept = KeptUpstreams(self.loop)
        self.tasks: set[asyncio.Task[None]] = set()
        self.most = min(self.patience.most_connections, _room())
        self._binds = _can_bind()
        if not self._binds:
            logger.warning("this platform has one loopback address: exits are not bound")

    def protocol(self) -> Client:
        """Make the protocol of a new connection."""
        return Client(self)

    def close(self) -> None:
        """End every connection."""
        for client in list(self.clients):
            client.abort()
        for task in list(self.tasks):
            task.cancel()
        self.kept.close()

    async def connect(
        self, protocol: asyncio.Protocol, host: str, port: int, exit_address: str
    ) -> None:
        """Reach a target: on this machine from an exit's address, beyond it from our own.

        Raises:
            DeniedError: it leads where we do not go.
            TimeoutError: it did not answer in time.
            OSError: it cannot be reached.
        """
        way, external = self.world.way(host, port), self.world.external
        loop = self.loop
        async with asyncio.timeout(self.patience.connect):
            if isinstance(way, Here):
                binds = self._binds and way.address.startswith("127.")
                bound = (exit_address, 0) if binds else None
                await loop.create_connection(lambda: protocol, way.address, port, local_addr=bound)
            elif isinstance(way, Denied) or external is None:
                raise DeniedError("not reached any more")
            else:
                sock = await external.open(way.name, port)
                await loop.create_connection(lambda: protocol, sock=sock)


def _can_bind() -> bool:
    """Whether all of 127/8 is this machine's, as on Linux; elsewhere exits are not real."""
    with socket.socket() as probe:
        try:
            probe.bind((_PROBE, 0))
        except OSError:
            return False
    return True


def make_room() -> None:
    """Take as many descriptors as this user may have; for a process that is ours alone."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - next to its only use

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _room() -> int:
    """How many clients the descriptors suffice for: client, target, and the site's own end."""
    with contextlib.suppress(ImportError):  # not on Windows
        import resource  # noqa: PLC0415 - next to its only use

        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            return max(8, (soft - _DESCRIPTORS_KEPT) // _DESCRIPTORS_EACH)
    return 1 << 20
