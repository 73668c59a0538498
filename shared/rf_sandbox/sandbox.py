"""A whole sandbox: its servers on loopback in one event loop, in a thread or in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import uvicorn
from starlette.types import ASGIApp

from rf_sandbox.accounts import Pool
from rf_sandbox.api import BASE, make_api
from rf_sandbox.certificates import make_certificates
from rf_sandbox.control import Control, make_control
from rf_sandbox.gateway import Gateway
from rf_sandbox.pages import Site
from rf_sandbox.site import SiteConnection
from rf_sandbox.world import make_world

HOST: Final = "127.0.0.1"
_STOP_SECONDS: Final = 5.0
_Result = TypeVar("_Result")


class PortTakenError(OSError):
    """A port that was asked for is in use."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports to listen on; 0 takes a free one."""

    api: int = 0
    gateway: int = 0
    control: int = 0
    site: int = 0
    site_tls: int = 0


class _WebServer(uvicorn.Server):
    """uvicorn in a loop of somebody else's, who also has the signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when it listens."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


class Servers:
    """The servers of one sandbox. Everything here runs in the loop that started them."""

    def __init__(
        self,
        *,
        seed: int = 0,
        ports: Ports | None = None,
        pools: dict[str, Pool] | None = None,
        allowed_targets: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:
        self.world = make_world(seed, pools)
        self.world.allowed_targets = allowed_targets
        self.site = Site(now=self.world.now)
        self.control = Control(self.world, self.site)
        self.control_token = hashlib.blake2b(os.urandom(32), digest_size=16).hexdigest()
        self.ready: dict[str, Any] = {}
        self._ports = ports or Ports()
        self._folder = Path(tempfile.mkdtemp(prefix="rf-sandbox-"))
        self._gateway = Gateway(self.world)
        self._servers: list[asyncio.Server] = []
        self._web: list[tuple[_WebServer, asyncio.Task[None]]] = []

    async def start(self) -> dict[str, Any]:
        """Listen everywhere; return the ready document.

        Raises:
            PortTakenError: naming the port.
        """
        context, ca_path = make_certificates(self._folder)
        loop = asyncio.get_running_loop()
        sockets = {
            name: _bind(name, getattr(self._ports, name))
            for name in ("api", "gateway", "control", "site", "site_tls")
        }
        port = {name: sock.getsockname()[1] for name, sock in sockets.items()}
        self.site.plain = f"http://{HOST}:{port['site']}"
        self.site.secure = f"https://localhost:{port['site_tls']}"
        self.world.gateway_port = port["gateway"]
        self.world.site_ports = frozenset({port["site"], port["site_tls"]})
        self._servers = [
            await loop.create_server(self._gateway.protocol, sock=sockets["gateway"]),
            await loop.create_server(
                lambda: SiteConnection(self.site, "http"), sock=sockets["site"]
            ),
            await loop.create_server(
                lambda: SiteConnection(self.site, "https"), sock=sockets["site_tls"], ssl=context
            ),
        ]
        await self._serve(make_api(self.world), sockets["api"])
        await self._serve(make_control(self.control, self.control_token), sockets["control"])
        api = f"http://{HOST}:{port['api']}{BASE}"
        key = self.world.account.keys[0].secret
        self.ready = {
            "api": api,
            "key": key,
            "gateway": {"host": HOST, "port": port["gateway"]},
            "control": f"http://{HOST}:{port['control']}",
            "control_token": self.control_token,
            "site": {"http": self.site.plain, "https": self.site.secure},
            "ca": str(ca_path),
            "env": {"RF_BASE_URL": api, "RF_API_KEY": key},
            "pid": os.getpid(),
        }
        return self.ready

    async def stop(self) -> None:
        """Close everything. Repeatable."""
        for listener in self._servers:
            listener.close()
        self._gateway.close()
        for server, task in self._web:
            server.should_exit = True
            server.force_exit = True
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(task, _STOP_SECONDS)
        self._servers.clear()
        self._web.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self, app: ASGIApp, sock: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            server_header=False,
            http="httptools",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        server = _WebServer(config)
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        self._web.append((server, task))
        await server.listening.wait()


def _bind(name: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError as error:
        sock.close()
        option = f"--{name.replace('_', '-')}-port"
        message = f"Port {port} is in use ({option}). Choose another, or 0 for a free one."
        raise PortTakenError(error.errno, message) from None
    sock.listen(1024)
    sock.setblocking(False)
    return sock


class Sandbox:
    """A sandbox in this process, in a thread of its own: `with Sandbox() as sb:`.

    Attributes:
        ready: What `rf sandbox` prints, as a dict.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        pools: dict[str, Pool] | None = None,
        allowed_targets: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:
        self._servers = Servers(seed=seed, pools=pools, allowed_targets=allowed_targets)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        self.ready = asyncio.run_coroutine_threadsafe(self._servers.start(), self._loop).result(30)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it. Repeatable."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._servers.stop(), loop).result(_STOP_SECONDS * 3)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        loop = self._loop
        if loop is None:
            return
        asyncio.set_event_loop(loop)
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def _ask(self, work: Callable[[], _Result]) -> _Result:
        if self._loop is None:
            message = "the sandbox is not running"
            raise RuntimeError(message)

        async def call() -> _Result:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_STOP_SECONDS * 2)

    @property
    def api(self) -> str:
        """Base URL of the API."""
        return str(self.ready["api"])

    @property
    def key(self) -> str:
        """The default key."""
        return str(self.ready["key"])

    @property
    def gateway(self) -> tuple[str, int]:
        """Host and port of the gateway."""
        return self.ready["gateway"]["host"], self.ready["gateway"]["port"]

    @property
    def site_http(self) -> str:
        """The site without TLS."""
        return str(self.ready["site"]["http"])

    @property
    def site_https(self) -> str:
        """The site with TLS."""
        return str(self.ready["site"]["https"])

    @property
    def ca(self) -> str:
        """Path of the authority that the TLS site's certificate comes from."""
        return str(self.ready["ca"])

    @property
    def control(self) -> str:
        """Base URL of the control API; its token is in `control_token`."""
        return str(self.ready["control"])

    @property
    def control_token(self) -> str:
        """The control API's bearer token."""
        return str(self.ready["control_token"])

    def state(self) -> dict[str, Any]:
        """As `GET /state`."""
        return self._ask(self._servers.control.state)

    def traffic(self, since: int = 0) -> dict[str, Any]:
        """As `GET /traffic?since=`."""
        return self._ask(lambda: self._servers.control.traffic(since))

    def journal(self, since: int = 0) -> dict[str, Any]:
        """As `GET /journal?since=`."""
        return self._ask(lambda: self._servers.control.journal(since))

    def top_up(self, pool: str, count: int) -> dict[str, Any]:
        """As `POST /top-up`."""
        return self._ask(lambda: self._servers.control.top_up({"pool": pool, "bytes": count}))

    def set_balance(self, pool: str, count: int) -> dict[str, Any]:
        """As `PATCH /pools/{id}`."""
        return self._ask(lambda: self._servers.control.patch_pool(pool, {"balance_bytes": count}))

    def disable_account(self, *, disabled: bool = True) -> dict[str, Any]:
        """As `POST /account`."""
        return self._ask(lambda: self._servers.control.patch_account({"disabled": disabled}))

    def make_key(self, *scopes: str, name: str = "key") -> dict[str, Any]:
        """As `POST /keys`."""
        return self._ask(
            lambda: self._servers.control.make_key({"name": name, "scopes": list(scopes)})
        )

    def revoke_key(self, number: int) -> dict[str, Any]:
        """As `POST /keys/{id}/revoke`."""
        return self._ask(lambda: self._servers.control.revoke_key(number))

    def limit(self, **limits: float) -> dict[str, Any]:
        """As `PATCH /limits`."""
        return self._ask(lambda: self._servers.control.patch_limits(dict(limits)))

    def reset(self) -> dict[str, Any]:
        """As `POST /reset`."""
        return self._ask(self._servers.control.reset)


def run_foreground(
    *,
    seed: int,
    ports: Ports,
    allowed_targets: frozenset[tuple[str, int]],
    announce: Callable[[dict[str, Any]], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        PortTakenError: naming the port.
    """

    async def serve() -> None:
        servers = Servers(seed=seed, ports=ports, allowed_targets=allowed_targets)
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        try:
            announce(await servers.start())
            await stopping.wait()
        finally:
            await servers.stop()

    asyncio.run(serve())


def write_ready_file(path: Path, ready: dict[str, Any]) -> None:
    """Write the ready document where only its owner reads it, whole or not at all."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(ready) + "\n")
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
