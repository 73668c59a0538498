"""The monitor in a browser of this machine: textual-serve behind a guard.

Whoever opens the page can do what the monitor can, so everything lies below a path that nobody can
guess and that changes with each run. `Host` and `Origin` are checked: a page of somebody else's in
the same browser reaches neither the page nor its socket, whatever name leads here. A cookie would
not do: browsers send it to every port of this machine.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web
from textual_serve.server import Server

HOST: Final = "127.0.0.1"
MOST_VIEWERS: Final = 4
"""Each of them is a process of its own."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_RUN: Final = "from rf_tui.cli.main import run; raise SystemExit(run())"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_CONTENT: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; connect-src 'self' ws://{host}; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
"""What the page may load: nothing from outside this machine, the fonts it names included."""


class WebMonitor(Server):
    """Serves `rf monitor` to browsers of this machine.

    Args:
        port: 0 takes a free one.
        options: Of `rf monitor`, for each viewer's.

    Attributes:
        url: What to open; it holds the secret of this run.

    Raises:
        OSError: the port cannot be had.
    """

    def __init__(self, port: int = 0, options: Sequence[str] = ()) -> None:
        self._socket = socket.create_server((HOST, port))
        port = self._socket.getsockname()[1]
        command = shlex.join([sys.executable, "-c", _RUN, "monitor", *options])
        super().__init__(command, host=HOST, port=port, title="ResiFactory")
        self._authorities = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
        self._secret = secrets.token_urlsafe(24)
        self._viewers = 0
        self.url = f"{self.public_url}/{self._secret}/"

    def __repr__(self) -> str:
        return f"<WebMonitor {self.public_url}>"

    async def serve_until(self, stopped: asyncio.Event) -> None:
        """Serve until somebody says stop; viewers' processes end with it."""
        outer = web.Application(middlewares=[self._guard])
        outer.on_response_prepare.append(self._add_headers)
        outer.add_subapp(f"/{self._secret}", await self._make_app())
        runner = web.AppRunner(outer, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self._socket).start()
            await stopped.wait()
        finally:
            await runner.cleanup()

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: whoever started this says where it is."""

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run a monitor for one viewer, unless there are enough of them."""
        if not web.WebSocketResponse().can_prepare(request):
            raise web.HTTPUpgradeRequired(
                headers={"Upgrade": "websocket"},  # RFC 9110, section 15.5.22
                text="This is where the page's own socket goes.\n",
            )
        if self._viewers >= MOST_VIEWERS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_VIEWERS} are watching already.\n")
        self._viewers += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self._viewers -= 1

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Let nobody in who was led here by another page or another name."""
        if request.host not in self._authorities:
            raise web.HTTPMisdirectedRequest(text=f"This is {self.host}:{self.port}.\n")
        origin = request.headers.get("Origin")
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if (origin is None and is_socket) or (
            origin is not None and origin.removeprefix("http://") not in self._authorities
        ):
            raise web.HTTPForbidden(text="Open the page itself.\n")
        return await handler(request)

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = _CONTENT.format(host=request.host)
