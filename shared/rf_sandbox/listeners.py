"""Ports on loopback: taken before anything is served, so that a port in use is one sentence."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HOST: Final = "127.0.0.1"
_BACKLOG: Final = 1_024


class PortTakenError(OSError):
    """A port that was asked for cannot be had. The user's to solve: `strerror` says how."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports to listen on; 0 takes a free one."""

    api: int = 0
    gateway: int = 0
    control: int = 0
    site: int = 0
    site_tls: int = 0
    api_tls: int = 0


def bind_all(ports: Ports) -> dict[str, socket.socket]:
    """Bind every port or none.

    Raises:
        PortTakenError: naming the port and the option that chooses it.
    """
    sockets: dict[str, socket.socket] = {}
    try:
        for name, port in asdict(ports).items():
            sockets[name] = _bind(name, port)
    except PortTakenError:
        for sock in sockets.values():
            sock.close()
        raise
    return sockets


def _bind(name: str, port: int) -> socket.socket:
    # With the protocol named: asyncio turns Nagle's algorithm off only where it reads TCP here.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        option = f"--{name.replace('_', '-')}-port"
        message = (
            f"Port {port} cannot be had: {error.strerror} ({option}). "
            "Choose another, or 0 for a free one."
        )
        raise PortTakenError(error.errno, message) from None
    sock.setblocking(False)
    return sock


class _OpenHanded(HttpToolsProtocol):
    """HTTP as uvicorn speaks it, with the connection handed on to the application."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = {"transport": self.transport}  # type: ignore[dict-item] # ours


class WebServer(uvicorn.Server):
    """uvicorn in a loop of somebody else's, who also has the signals and the dates."""

    def __init__(self, app: ASGIApp, tls: ssl.SSLContext | None = None) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            http=_OpenHanded,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = tls  # one that is in memory; the configuration knows of files only
        super().__init__(config)
        self.listening = asyncio.Event()
        self._leaving = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when it listens."""
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        """Wait for `leave`; uvicorn itself looks ten times a second whether it should go."""
        await self.on_tick(0)
        await self._leaving.wait()

    def leave(self) -> None:
        """Stop, and wait for nobody. Repeatable."""
        self.should_exit = self.force_exit = True
        self._leaving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield
