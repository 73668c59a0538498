"""C-167: what is billed is what a relay in between has counted that knows nothing of HTTP."""

import contextlib
import socket
import ssl
import threading
from urllib.parse import quote, urlsplit

import httpx
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.between import Between
from support.sandboxes import assert_nothing_is_lost, proxies_of, settled_of
from support.wire import Wire, absolute, basic

from rf_sandbox.gateway import Patience
from rf_sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def counted():
    with Sandbox(seed=17, patience=Patience(head=1.0, linger=0.3, idle=5.0)) as running:
        yield running


@pytest.fixture
def twin(counted):
    counted.granted = counted.reset()["balances_bytes"]
    yield counted
    settled_of(counted)
    assert_nothing_is_lost(counted, counted.granted)


@pytest.fixture
def between(twin):
    with Between(twin.gateway) as relay:
        yield relay


def crossed(twin):
    return sum(row["bytes_up"] + row["bytes_down"] for row in settled_of(twin))


def billed(twin):
    return sum(row["billed_bytes"] for row in settled_of(twin))


def url_through(between, user):
    name, password = (quote(part, safe="") for part in user)
    return f"http://{name}:{password}@127.0.0.1:{between.port}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_requests_and_httpx_are_billed_what_passed(twin, between, scheme):
    [user] = proxies_of(twin)
    proxy = url_through(between, user)
    base = twin.site_http if scheme == "http" else twin.site_https
    trust = ssl.create_default_context(cafile=twin.ca)
    with (
        httpx.Client(timeout=60, proxy=proxy, verify=trust, trust_env=False) as one,
        requests.Session() as two,
    ):
        two.trust_env = False
        two.proxies = {"http": proxy, "https": proxy}
        for path in ("/bytes/50000", "/chunked/3000", "/gzip", "/status/404"):
            assert one.get(base + path).status_code in {200, 404}
            assert two.get(base + path, verify=twin.ca, timeout=60).status_code in {200, 404}
        assert two.post(f"{base}/echo", data=b"x" * 9_000, verify=twin.ca, timeout=60).ok
    between.settle()
    assert billed(twin) == between.total == crossed(twin)


@contextlib.contextmanager
def stalling(count):
    """A target that sends so much of an answer, and then no more."""

    def serve():
        with listener.accept()[0] as sock:
            sock.recv(65_536)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + bytes(count))
            with contextlib.suppress(OSError):
                sock.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


@pytest.mark.parametrize("tunnels", [False, True], ids=["http", "tunnel"])
def test_who_hangs_up_in_the_middle_is_billed_what_passed(tunnels):
    """The answer stalls, so nothing is on its way when the client goes."""
    with stalling(20_000) as port:
        allowed = frozenset({("127.0.0.1", port)})
        with Sandbox(allowed_targets=allowed) as twin, Between(twin.gateway) as between:
            [user] = proxies_of(twin)
            with Wire(between.address) as line:
                if tunnels:
                    assert line.connect("127.0.0.1", port, user).status == 200
                    line.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                else:
                    line.send(absolute(f"http://127.0.0.1:{port}/", user))
                line.read_head()
                assert line._exactly(20_000) == bytes(20_000)
                line.reset()
            between.settle()
            [row] = settled_of(twin)
            assert row["outcome"] == "aborted"
            assert row["billed_bytes"] == between.total
            assert between.down == line.received


@pytest.mark.parametrize("after", [0, 1, 5_000, 70_000])
def test_a_transfer_that_the_gateway_resets_is_billed_what_passed(twin, between, after):
    [user] = proxies_of(twin)
    twin.faults({"where": "gateway", "match": {}, "what": {"kind": "reset", "bytes": after}})
    with Wire(between.address) as line, contextlib.suppress(EOFError, ConnectionError):
        line.get(f"{twin.site_http}/bytes/200000", user)
    between.settle()
    [row] = settled_of(twin)
    assert row["outcome"] == "fault_reset"
    assert row["billed_bytes"] == between.total
    assert row["bytes_down"] == after


def test_a_transfer_that_empties_its_pool_is_billed_what_passed(twin, between):
    [user] = proxies_of(twin)
    twin.set_balance("premium", 30_000)
    twin.granted["premium"] = 30_000
    what = {"kind": "drip", "bytes": 7_000, "milliseconds": 5}
    twin.faults({"where": "site", "match": {}, "what": what})
    with Wire(between.address) as line, contextlib.suppress(EOFError, ConnectionError):
        line.get(f"{twin.site_http}/bytes/90000", user)
    between.settle()
    [row] = settled_of(twin)
    assert row["outcome"] == "exhausted"
    assert row["billed_bytes"] == between.total >= 30_000


def heads(twin, user):
    port = urlsplit(twin.site_http).port
    auth = basic(*user)
    good = f"GET http://127.0.0.1:{port}/bytes/50 HTTP/1.1\r\nHost: x\r\n{auth}\r\n"
    post = f"POST http://127.0.0.1:{port}/echo HTTP/1.1\r\n{auth}Content-Length: 5\r\n\r\nhello"
    tunnel = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n{auth}\r\nGET /ip HTTP/1.1\r\nHost: x\r\n\r\n"
    return [good.encode(), post.encode(), tunnel.encode(), good.replace("GET", "HEAD").encode(),
            b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"hello", b"\x00", b"0\r\n\r\n"]  # fmt: skip


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_is_sent_the_counts_are_those_of_the_relay(counted, data):
    """What never reached the gateway's eyes, after an end of its own making, is in no row."""
    [user] = proxies_of(counted)
    counted.limit(generate=1_000_000)
    sent = b"".join(data.draw(st.lists(st.sampled_from(heads(counted, user)), min_size=1)))
    at = data.draw(st.integers(0, len(sent)))
    sent = sent[:at] + data.draw(st.binary(max_size=3)) + sent[at:]
    before = len(counted.traffic()["traffic"])
    with Between(counted.gateway) as relay, Wire(relay.address) as line:
        with contextlib.suppress(ConnectionError):
            line.send(sent)
            line.say_goodbye()
            line.read_to_the_end()
        relay.settle()
        rows = settled_of(counted)[before:]
        assert sum(row["bytes_down"] for row in rows) == relay.down
        assert sum(row["bytes_up"] for row in rows) <= relay.up == len(sent)
