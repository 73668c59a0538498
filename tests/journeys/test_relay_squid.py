"""The relay's count against a pipe's, with squid for a gateway: neither is of our making."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest
from support.relays import PATIENT
from support.transfers import KINDS, Traveller

from rf_core.io.relay import Relay
from rf_core.lanes import Credential, Lanes
from rf_core.meter import Meter
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_sandbox.sandbox import Sandbox

CONFIGURATION = """
http_port 127.0.0.1:{port}
http_access allow all
cache deny all
access_log none
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
shutdown_lifetime 0 seconds
via off
forwarded_for delete
"""
READ_BYTES = 65_536


class Pipe:
    """Passes bytes on to squid and counts them: a third hand."""

    def __init__(self, port):
        self.squid_port = port
        self.up = self.down = self.port = 0
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc):
        self._server.close()
        await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), 20)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.squid_port)

        async def passes(source, sink, name):
            try:
                while data := await source.read(READ_BYTES):
                    setattr(self, name, getattr(self, name) + len(data))
                    sink.write(data)
                    await sink.drain()
                sink.write_eof()
            except OSError:
                sink.close()

        await asyncio.gather(passes(reader, far_writer, "up"), passes(far_reader, writer, "down"))
        for end in (writer, far_writer):
            end.close()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def listens(port):
    with socket.socket() as sock:
        return not sock.connect_ex(("127.0.0.1", port))


@contextmanager
def running(program, folder):
    folder.chmod(0o777)
    port = free_port()
    (folder / "squid.conf").write_text(CONFIGURATION.format(port=port, folder=folder))
    with subprocess.Popen([program, "-N", "-f", folder / "squid.conf"]) as process:
        try:
            until = time.monotonic() + 20
            while not listens(port):
                assert time.monotonic() < until, (folder / "cache.log").read_text()
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def squid(tmp_path_factory):
    program = shutil.which("squid", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail("this journey needs squid: install it, or run make test instead")
    folder = tmp_path_factory.mktemp("squid")
    for parent in folder.parents[:2]:
        parent.chmod(0o755)
    with running(program, folder) as port:
        yield port


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=22) as site:
        yield site


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_every_kind_of_transfer_differs_by_nothing(kind, squid, sandbox):
    async with Pipe(squid) as pipe:
        lanes = Lanes(1)
        proxy = Proxy("127.0.0.1", pipe.port, "user", Secret("password"))
        lanes.add([Credential(proxy, "premium")])
        relay = Relay(lanes, Meter(), limits=PATIENT)
        await relay.start()
        token = relay.authorization(0).partition(" ")[2]
        user, password = base64.b64decode(token).decode().split(":")
        sites = {"http": sandbox.site_http, "https": sandbox.site_https, "ca": sandbox.ca}
        async with Traveller(relay.port, user, password, **sites) as traveller:
            await kind(traveller)
        await relay.close()
    assert relay.meter.wire_bytes > 1_000
    assert (relay.meter.up_bytes, relay.meter.down_bytes) == (pipe.up, pipe.down)
    assert relay.meter.unbilled_bytes == 0
