"""Anything sent to the gateway is answered well or not at all, silently, and counted exactly."""

import logging
import random
import re
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sandboxes import api_of, assert_nothing_is_lost, proxies_of, settled_of
from support.wire import Wire, basic

from rf_sandbox.gateway import Patience
from rf_sandbox.sandbox import Sandbox

ANSWER = re.compile(rb"HTTP/1\.1 \d{3} [^\r\n]*\r\n(?:[!-9;-~]+: [^\r\n]*\r\n)*\r\n")
BOUNDED = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def fuzzed():
    with Sandbox(seed=31, patience=Patience(head=1.0, linger=0.3, idle=2.0)) as sandbox:
        sandbox.credential = proxies_of(sandbox)[0]
        sandbox.granted = sandbox.state()["balances_bytes"]
        yield sandbox


def tokens(sandbox):
    """What heads are made of, right and wrong."""
    port = sandbox.site_http.rpartition(":")[2]
    auth = basic(*sandbox.credential).encode()
    return [
        f"GET http://127.0.0.1:{port}/bytes/50 HTTP/1.1\r\n".encode(),
        f"POST http://127.0.0.1:{port}/echo HTTP/1.1\r\n".encode(),
        f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n".encode(),
        b"GET / HTTP/1.1\r\n", b"GET http://", b"PRI * HTTP/2.0\r\n", b"OPTIONS * HTTP/1.0\r\n",
        b"Host: x\r\n", auth, auth, b"Proxy-Authorization: Basic !!\r\n",
        b"Content-Length: 5\r\n", b"Content-Length: 7\r\n", b"Content-Length: -1\r\n",
        b"Content-Length: 5, 5\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding : chunked\r\n",
        b"Connection: close\r\n", b"Connection: keep-alive, Host\r\n", b"Upgrade: h2c\r\n",
        b"Expect: 100-continue\r\n", b" folded: yes\r\n", b"X\x00: y\r\n", b": empty\r\n",
        b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n",
        b"ffffffffffffffffff\r\n", b"\x16\x03\x01\x02\x00\x01", b"\xff\xfe", b"A" * 70_000,
    ]  # fmt: skip


def exchange(sandbox, data):
    """Send bytes and a goodbye; return what came, and the connection."""
    with Wire(sandbox.gateway) as wire:
        try:
            wire.send(data)
            wire.say_goodbye()
            answer = wire.read_to_the_end()
        except (ConnectionError, TimeoutError):
            answer = b""
        return answer, wire


def assert_answered_well(sandbox, data, caplog):
    before = len(settled_of(sandbox))
    with caplog.at_level(logging.INFO):
        answer, wire = exchange(sandbox, data)
    rows = settled_of(sandbox, 10.0)[before:]
    if answer:
        assert ANSWER.match(answer), answer[:200]
    assert [
        record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG
    ] == []
    assert sum(row["bytes_down"] for row in rows) >= wire.received
    assert sum(row["bytes_up"] for row in rows) <= wire.sent
    if answer and rows:
        assert sum(row["bytes_down"] for row in rows) == wire.received


@BOUNDED
@given(data=st.data())
def test_heads_put_together_at_random(fuzzed, caplog, data):
    """C-167"""
    known = tokens(fuzzed)
    starts, lines, bodies = known[:7], [*known[7:24], *known[8:10] * 6], known[24:]
    heads = st.lists(st.sampled_from(lines), max_size=6)
    request = st.tuples(
        st.sampled_from(starts), heads, st.lists(st.sampled_from(bodies), max_size=3)
    )
    sent = b"".join(
        start + b"".join(head) + b"\r\n" + b"".join(body)
        for start, head, body in data.draw(st.lists(request, min_size=1, max_size=3))
    )
    assert_answered_well(fuzzed, sent, caplog)
    assert_nothing_is_lost(fuzzed, fuzzed.granted)


@BOUNDED
@given(raw=st.binary(min_size=1, max_size=400))
def test_bytes_that_mean_nothing(fuzzed, caplog, raw):
    assert_answered_well(fuzzed, raw, caplog)


@BOUNDED
@given(
    damage=st.tuples(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000)),
    chunked=st.booleans(),
)
def test_a_good_request_with_one_byte_changed_or_its_end_cut_off(fuzzed, caplog, damage, chunked):
    at, change, cut = damage
    url = f"{fuzzed.site_http}/echo"
    framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 60"
    body = b"3c\r\n" + b"x" * 60 + b"\r\n0\r\n\r\n" if chunked else b"x" * 60
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\n{framing}\r\n{basic(*fuzzed.credential)}\r\n"
    good = bytearray(head.encode() + body)
    good[at % len(good)] = change
    assert_answered_well(fuzzed, bytes(good[: 1 + cut % len(good)]), caplog)
    assert_nothing_is_lost(fuzzed, fuzzed.granted)


def test_after_all_that_it_serves_as_before(fuzzed):
    with Wire(fuzzed.gateway) as wire:
        assert len(wire.get(f"{fuzzed.site_http}/bytes/1000", fuzzed.credential).body) == 1_000
    with api_of(fuzzed) as api:
        assert api.get("/me").status_code == 200


def test_the_other_ports_stand_garbage_too(fuzzed, caplog):
    chance = random.Random(3)
    ports = [
        int(fuzzed.ready[name].split(":")[2].split("/")[0])
        for name in ("api", "api_tls", "control")
    ]
    ports += [int(url.rpartition(":")[2]) for url in fuzzed.ready["site"].values()]

    def send(port):
        for _ in range(15):
            with Wire(("127.0.0.1", port)) as wire:
                try:
                    wire.send(chance.randbytes(chance.randint(1, 3_000)) + b"\r\n\r\n")
                    wire.say_goodbye()
                    answer = wire.read_to_the_end()
                except ConnectionError:
                    continue
                assert not answer or answer.startswith((b"HTTP/1.1 400", b"\x15\x03")), answer[:80]

    with caplog.at_level(logging.INFO):
        threads = [threading.Thread(target=send, args=(port,)) for port in ports]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [record.getMessage() for record in caplog.records] == []
