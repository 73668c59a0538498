"""Stands between the relay and the gateway and writes down who sends what on which connection."""

from __future__ import annotations

import asyncio
import re
import threading

_NAME = re.compile(rb"Proxy-Authorization: Basic (\S+)\r\n", re.IGNORECASE)


class Witness:
    """While it is entered, orders of a sandbox name it as their gateway.

    Attributes:
        connections: For each connection, the credentials of its requests, in turn.
    """

    def __init__(self, sandbox):
        self._sandbox = sandbox
        self._gateway = sandbox.gateway
        self.connections = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        self._sandbox._servers.world.gateway_port = self._port
        return self

    def __exit__(self, *_exc):
        self._sandbox._servers.world.gateway_port = self._gateway[1]
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(60)

    def _run(self):
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()

    async def _pass_on(self, reader, writer):
        names = []
        self.connections.append(names)
        there, back = await asyncio.open_connection(*self._gateway)
        await asyncio.gather(
            self._pump(reader, back, names), self._pump(there, writer, None),
            return_exceptions=True,
        )  # fmt: skip

    async def _pump(self, reader, writer, names):
        held = b""
        while data := await reader.read(65_536):
            if names is not None:
                held += data
                found = list(_NAME.finditer(held))
                names.extend(one[1] for one in found)
                held = held[found[-1].end() :] if found else held[-1_024:]
            writer.write(data)
            await writer.drain()
        writer.close()
