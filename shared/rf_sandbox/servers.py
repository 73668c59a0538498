"""The servers of one sandbox, started and stopped together in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any, Final

from starlette.types import ASGIApp

from rf_sandbox.accounts import Pool
from rf_sandbox.api import BASE, make_api
from rf_sandbox.certificates import Authority
from rf_sandbox.clock import Clock
from rf_sandbox.control import Control
from rf_sandbox.control_api import make_control
from rf_sandbox.external import External
from rf_sandbox.gateway import Gateway, Patience
from rf_sandbox.listeners import HOST, Ports, WebServer, bind_all
from rf_sandbox.pages import Site
from rf_sandbox.pages.faults import Strikes
from rf_sandbox.persistence import Persistence, chosen
from rf_sandbox.site import SiteConnection
from rf_sandbox.store import Store
from rf_sandbox.world import make_world

STOP_SECONDS: Final = 5.0


class Servers:
    """The servers of one sandbox. Everything here runs in the loop that starts them."""

    def __init__(
        self,
        *,
        seed: int | None = None,
        ports: Ports | None = None,
        pools: dict[str, Pool] | None = None,
        site: Site | None = None,
        clock: Clock | None = None,
        profile: str | None = None,
        patience: Patience | None = None,
        allowed_targets: frozenset[tuple[str, int]] = frozenset(),
        external: External | None = None,
        state: Path | None = None,
    ) -> None:
        store = None if state is None else Store(state)
        seed, profile = chosen(store, seed, profile)
        self.world = make_world(seed, pools, clock, profile)
        self.world.allowed_targets = allowed_targets
        self.world.external = external
        self._strikes = Strikes(self.world.faults)
        self.site = site or Site()
        self.site.join(self.world.now, self._strikes)
        self.control = Control(self.world, self.site)
        self.control_token = secrets.token_urlsafe(24)
        self.ready: dict[str, Any] = {}
        self._ports = ports or Ports()
        self._patience = patience
        self._folder: Path | None = None
        self._persistence: Persistence | None = None
        if store is not None:
            self._persistence = Persistence(store, self.world, self.control_token)
            self.control_token = self._persistence.wake()
        self._gateway: Gateway | None = None
        self._listeners: list[asyncio.Server] = []
        self._web: list[tuple[WebServer, asyncio.Task[None]]] = []

    async def start(self) -> dict[str, Any]:
        """Listen everywhere; return the ready document.

        Raises:
            PortTakenError: naming the port.
            StateError: the kept authority is damaged.
        """
        authority = self._authority()
        sockets = bind_all(self._ports)
        port = {name: sock.getsockname()[1] for name, sock in sockets.items()}
        site_tls = authority.context(self._strikes.on_handshake)
        self.site.plain = f"http://{HOST}:{port['site']}"
        self.site.secure = f"https://localhost:{port['site_tls']}"
        self.world.gateway_port = port["gateway"]
        self.world.site_ports = frozenset({port["site"], port["site_tls"]})
        self._gateway = Gateway(self.world, self._patience)
        loop = asyncio.get_running_loop()
        self._listeners = [
            await loop.create_server(self._gateway.protocol, sock=sockets["gateway"]),
            await loop.create_server(
                lambda: SiteConnection(self.site, "http"), sock=sockets["site"]
            ),
            await loop.create_server(
                lambda: SiteConnection(self.site, "https"), sock=sockets["site_tls"], ssl=site_tls
            ),
        ]
        api = make_api(self.world)
        self.world.api_tls = f"https://localhost:{port['api_tls']}"
        await self._serve(api, sockets["api"])
        await self._serve(api, sockets["api_tls"], authority.context())
        await self._serve(make_control(self.control, self.control_token), sockets["control"])
        self.ready = self._document(port, authority.path)
        return self.ready

    async def stop(self) -> None:
        """Close everything. Repeatable."""
        for listener in self._listeners:
            listener.close()
        if self._gateway is not None:
            self._gateway.close()
        for connection in list(self.site.connections):
            connection.abort()
        for server, _task in self._web:
            server.leave()
        for _server, task in self._web:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(task, STOP_SECONDS)
        self._listeners.clear()
        self._web.clear()
        if self._persistence is not None:
            self._persistence.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _authority(self) -> Authority:
        if self._persistence is not None:
            return Authority(self._persistence.folder, keeps=True)
        self._folder = Path(tempfile.mkdtemp(prefix="rf-sandbox-"))
        return Authority(self._folder)

    async def _serve(
        self, app: ASGIApp, sock: socket.socket, tls: ssl.SSLContext | None = None
    ) -> None:
        server = WebServer(app, tls)
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        self._web.append((server, task))
        await server.listening.wait()

    def _document(self, port: dict[str, int], ca_path: Path) -> dict[str, Any]:
        api = f"http://{HOST}:{port['api']}{BASE}"
        keys = self.world.account.keys
        key = next((key for key in keys if not key.revoked), keys[0]).secret
        return {
            "api": api,
            "api_tls": f"{self.world.api_tls}{BASE}",
            "key": key,
            "gateway": {"host": HOST, "port": port["gateway"]},
            "control": f"http://{HOST}:{port['control']}",
            "control_token": self.control_token,
            "site": {"http": self.site.plain, "https": self.site.secure},
            "ca": str(ca_path),
            "env": {"RF_BASE_URL": api, "RF_API_KEY": key},
            "pid": os.getpid(),
        }
