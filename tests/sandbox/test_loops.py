"""What is counted does not hang on the event loop: uvloop's and asyncio's own tell the same."""

import asyncio
import socket
import sys
from urllib.parse import urlsplit

import pytest
from support.sandboxes import assert_nothing_is_lost, proxies_of, settled_of
from support.wire import Wire, absolute

from rf_sandbox.loops import new_loop
from rf_sandbox.sandbox import Sandbox

LOOPS = ["uvloop", "asyncio"] if sys.platform != "win32" else ["asyncio"]


@pytest.fixture(params=LOOPS)
def loop(request, monkeypatch):
    if request.param == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    return request.param


@pytest.fixture
def twin(loop):
    with Sandbox(seed=11) as running:
        assert type(running._loop).__module__.split(".")[0] == loop
        running.granted = running.state()["balances_bytes"]
        yield running
        settled_of(running)
        assert_nothing_is_lost(running, running.granted)


def test_the_fastest_loop_there_is_is_made(loop):
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert type(runner.get_loop()).__module__.split(".")[0] == loop


def test_http_and_https_are_metered_to_the_byte(twin):
    [user] = proxies_of(twin)
    port = urlsplit(twin.site_https).port
    with Wire(twin.gateway) as plain, Wire(twin.gateway) as tunnel:
        for path in ("/bytes/70000", "/chunked/5000", "/bytes/0"):
            assert plain.get(f"{twin.site_http}{path}", user).status == 200
        assert tunnel.connect("localhost", port, user).status == 200
        tunnel.start_tls(twin.ca, "localhost")
        assert len(tunnel.get_inside("/bytes/70000", "localhost").body) == 70_000
        tunnel.say_goodbye()
        tunnel.read_to_the_end()
        rows = settled_of(twin)
        assert sum(row["billed_bytes"] for row in rows) == plain.total + tunnel.total
        assert {row["outcome"] for row in rows} == {"completed"}


def test_who_resets_pays_for_what_was_handed_to_the_socket_and_no_less(twin):
    [user] = proxies_of(twin)
    with Wire(twin.gateway, small_buffer=True) as line:
        line.send(absolute(f"{twin.site_http}/bytes/9000000", user))
        line.read()
        line.reset()
        [row] = settled_of(twin)
        assert row["outcome"] == "aborted"
        assert line.total <= row["billed_bytes"] <= 9_000_000 + 2_000
        assert row["billed_bytes"] == row["bytes_up"] + row["bytes_down"]


def test_an_empty_pool_ends_a_transfer_that_runs(twin):
    [user] = proxies_of(twin)
    twin.set_balance("premium", 300_000)
    twin.granted["premium"] = 300_000
    with Wire(twin.gateway) as line:
        with pytest.raises((EOFError, ConnectionResetError)):
            line.get(f"{twin.site_http}/bytes/5000000", user)
        [row] = settled_of(twin)
        assert row["outcome"] == "exhausted"
        assert max(line.total, 300_000) <= row["billed_bytes"]


def test_small_answers_wait_for_nobody(twin):
    """Nagle's algorithm is off on every connection, taken in or made."""
    [user] = proxies_of(twin, proxyType="sticky")
    with Wire(twin.gateway) as line:
        line.get(f"{twin.site_http}/ip", user)
        servers = twin._servers

        def delays():
            kept = [one for idle in servers._gateway.kept._idle.values() for one in idle]
            transports = [one.transport for one in kept]
            transports += [one._transport for one in servers._gateway.clients]
            transports += [one._transport for one in servers.site.connections]
            return [
                bool(
                    one.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                )
                for one in transports
            ]

        assert twin._ask(delays) == [True, True, True]
