"""Whatever is sent to the site gets an answer or a closed connection, and never a traceback."""

import contextlib
import socket
import ssl
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.wire import Wire

from rf_sandbox.pages import Site, some_bytes
from rf_sandbox.sandbox import Sandbox


def address_of(sandbox):
    host, port = sandbox.site_http.removeprefix("http://").split(":")
    return host, int(port)


@pytest.fixture
def line(sandbox, caplog):
    with Wire(address_of(sandbox)) as line:
        yield line
    assert caplog.records == []


@pytest.fixture
def hasty():
    """A site that waits for a fifth of a second only."""
    site = Site(head_seconds=0.2, idle_seconds=0.2)
    with Sandbox(site=site) as sandbox:
        yield sandbox


def request(target, method="GET", *headers):
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""))


def is_closed(line):
    with contextlib.suppress(ConnectionResetError):
        return line.read_to_the_end() == b""
    return True


def test_many_requests_at_once_are_answered_in_order(line):
    line.send("".join(request(f"/bytes/{n}") for n in range(300)))
    for n in range(300):
        assert len(line.read_answer().body) == n


def test_who_asks_for_much_and_reads_nothing_fills_no_memory(sandbox):
    with Wire(address_of(sandbox), small_buffer=True) as line:
        line.send(request("/bytes/200000") * 200)
        deadline = time.monotonic() + 5
        before = -1
        while (sent := sandbox.state()["site"]["sent_bytes"]) != before:
            before = sent
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sent < 12_000_000, "the rest waits until it is read"
        for _ in range(200):
            assert len(line.read_answer().body) == 200_000


def test_who_says_no_more_still_gets_the_answers(line):
    line.send(request("/slow/30") + request("/ip") + request("/bytes/400000"))
    line.say_goodbye()
    assert line.read_answer().body == b"at last\n"
    assert line.read_answer().status == 200
    assert line.read_answer().body == some_bytes(400_000)
    assert is_closed(line)


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("POST", "/items/1", "GET, HEAD, OPTIONS"),
        ("DELETE", "/login", "GET, HEAD, POST, OPTIONS"),
        ("GET", "/checkout", "POST, OPTIONS"),
        ("PROPFIND", "/", "GET, HEAD, OPTIONS"),
        ("TRACE", "/echo", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    ],
)
def test_a_method_that_a_page_does_not_know_is_405(line, method, target, allow):
    for _ in range(2):
        line.send(request(target, method))
        answer = line.read_answer()
        assert (answer.status, answer.headers["allow"]) == (405, allow)


def test_a_method_that_nobody_knows_is_405_and_closed(line):
    line.send(request("/", "FROBNICATE"))
    answer = line.read_answer()
    assert (answer.status, "GET" in answer.headers["allow"]) == (405, True)
    assert is_closed(line)


@pytest.mark.parametrize(
    ("target", "status", "allow"),
    [
        ("/items/1", 204, "GET, HEAD, OPTIONS"),
        ("*", 204, "GET, HEAD, OPTIONS"),
        ("/nowhere", 404, None),
    ],
)
def test_options_tell_what_can_be_done(line, target, status, allow):
    line.send(request(target, "OPTIONS"))
    answer = line.read_answer()
    assert (answer.status, answer.headers.get("allow")) == (status, allow)


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/items/../items/1",
        "/items/%2e%2e/1",
        "//items/1",
        "/items//1",
        "/items/1/",
        "/items/1_0",
        "/items/+1",
        "/items/%31",
        "/items/\u0661",
        "/catalogue/category/",
        "/bytes/1e3",
        "/encoded/gzip/-1",
        "/image/..png",
        "/" + "a/" * 5_000,
        "/pages/1?" + "a=b&" * 10_000 + "page=x",
        "/\x7f\xff",
    ],
    ids=lambda target: target[:24],
)
def test_nonsense_has_no_page(line, target):
    line.send(request(target).encode("utf-8"))
    assert line.read_answer().status in ({404, 400} if "pages" not in target else {200})
    with Wire(line.sock.getpeername()) as other:
        other.send(request("/ip"))
        assert other.read_answer().status == 200


def test_an_absolute_target_is_a_page_too(line):
    for target in ("http://shop.localhost/items/5", "https://x:1/items/5?a#b"):
        line.send(request(target))
        assert b"Item 5" in line.read_answer().body
    line.send(request("http://shop.localhost"))
    assert b"A small site" in line.read_answer().body


@pytest.mark.parametrize(
    "head",
    [
        request("/" + "a" * 70_000),
        request("/", "GET", "X: " + "a" * 70_000),
        request("/", "GET", *(f"X-{n}: {n}" for n in range(10_000))),
        "GET / HTTP/1.1\r\nX: " + "a" * 400_000,
        "GET /" + "a" * 400_000,
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;" + "a" * 400_000,
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + "a" * 400_000,
    ],
    ids=["target", "header", "headers", "endless header", "endless target", "extension", "trailer"],
)
def test_a_head_beyond_64_kb_is_431_and_closed(line, head):
    with contextlib.suppress(ConnectionError):
        line.send(head)
    with contextlib.suppress(ConnectionResetError, EOFError):
        assert line.read_answer().status == 431
    assert is_closed(line)


def test_a_head_of_60_kb_is_read(line):
    line.send(request("/headers", "GET", "X-Long: " + "a" * 60_000))
    assert len(line.read_answer().body) > 60_000


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\x01\n",
        b"POST /echo HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=range(10),
)
def test_what_cannot_be_read_ends_the_connection(line, raw):
    line.send(raw + b"GET /ip HTTP/1.1\r\nHost: x\r\n\r\n")
    statuses = []
    with contextlib.suppress(EOFError, ConnectionResetError):
        while True:
            statuses.append(line.read_answer().status)
    assert 400 in statuses
    assert statuses[-1] == 400


def test_another_protocol_is_politely_not_spoken(line):
    upgrade = request("/ip", "GET", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c")
    line.send(upgrade + request("/bytes/7"))
    assert line.read_answer().status == 200
    assert len(line.read_answer().body) == 7
    line.send(request("other.localhost:443", "CONNECT"))
    assert line.read_answer().status == 404


def test_what_comes_after_the_last_request_is_not_read(line):
    line.send(request("/ip", "GET", "Connection: close") + request("/ip") + "garbage")
    assert line.read_answer().status == 200
    assert is_closed(line)


def test_a_head_that_does_not_come_is_408(hasty):
    with Wire(address_of(hasty)) as line:
        line.send("GET / HTTP/1.1\r\nX: y\r\nY")
        assert line.read_answer().status == 408
        assert is_closed(line)


def test_a_quiet_connection_is_closed_and_a_busy_one_is_not(hasty):
    with Wire(address_of(hasty)) as line:
        line.send(request("/slow/500"))
        assert line.read_answer().body == b"at last\n"
        before = time.monotonic()
        assert is_closed(line)
        assert time.monotonic() - before < 2


def test_who_never_reads_is_dropped(hasty):
    with Wire(address_of(hasty), small_buffer=True) as line:
        line.send(request("/huge"))
        time.sleep(0.1)
        deadline = time.monotonic() + 5
        while hasty._servers.site.connections:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_every_byte_is_counted_for_its_address(sandbox, line):
    line.send(request("/bytes/1000") + request("/chunked/500") + request("/ip", "HEAD"))
    for method in ("GET", "GET", "HEAD"):
        line.read_answer(method)
    counted = sandbox.state()["site"]
    wanted = {"requests": 3, "received_bytes": line.sent, "sent_bytes": line.received}
    assert counted["addresses"]["127.0.0.1"] == wanted
    assert {name: counted[name] for name in wanted} == wanted
    assert (counted["clients"], counted["pages"]) == (1, {"bytes": 1, "chunked": 1, "ip": 1})


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    start=st.sampled_from(
        [b"", b"GET ", b"GET / HTTP/1.1\r\n", b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n"]
    ),
    rest=st.binary(max_size=200)
    | st.text(alphabet="GET /:\r\n\x00HTP1.0aé%?&=;", max_size=80).map(str.encode),
)
def test_any_bytes_are_survived(sandbox, caplog, start, rest):
    with Wire(address_of(sandbox)) as line, contextlib.suppress(ConnectionError):
        line.send(start + rest)
        line.sock.shutdown(socket.SHUT_WR)
        said = line.read_to_the_end()
        assert said == b"" or said.startswith(b"HTTP/1.1 ")
    assert caplog.records == []


def test_garbage_on_the_tls_port_is_closed_without_a_word_in_the_log(sandbox, caplog):
    port = int(sandbox.site_https.rsplit(":", 1)[1])
    for raw in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\x00" * 100, b"\x00" * 600):
        with Wire(("127.0.0.1", port)) as line:
            line.send(raw)
            line.say_goodbye()
            with contextlib.suppress(ConnectionResetError):
                line.read_to_the_end()
    with Wire(("127.0.0.1", port)) as line, pytest.raises(ssl.SSLError):
        line.start_tls(sandbox.ca, "elsewhere.test")
    with Wire(("127.0.0.1", port)) as line:
        line.start_tls(sandbox.ca, "localhost")
        assert line.get_inside("/items/1", "localhost").status == 200
        line.reset()
    assert caplog.records == []
