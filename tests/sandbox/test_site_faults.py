"""Faults at the site do what their kind says, to whom the rule says, and are in the log."""

import socket
import ssl
import time

import pytest
from support.sites import ask, header
from support.wire import Wire, basic

from rf_sandbox.faults import Faults
from rf_sandbox.pages import Site, some_bytes
from rf_sandbox.pages.faults import Strikes
from rf_sandbox.rules import read_rules


def rule(kind, match=None, **what):
    return {"where": "site", "match": match or {}, "what": {"kind": kind, **what}}


def site_with(*rules):
    return Site(now=lambda: 0.0, strikes=Strikes(Faults(read_rules(list(rules), 0))))


@pytest.fixture
def line(sandbox, caplog):
    host, port = sandbox.site_http.removeprefix("http://").split(":")
    with Wire((host, int(port))) as line:
        yield line
    assert caplog.records == []


def send(line, target, method="GET", host="shop.localhost"):
    line.send(f"{method} {target} HTTP/1.1\r\nHost: {host}:80\r\n\r\n")


def peer_of(connection):
    return connection._transport.get_extra_info("peername")


def log(sandbox):
    visits = sandbox._ask(lambda: sandbox._servers.site.log_since(0))
    return [(visit["target"], visit["status"], visit["faults"]) for visit in visits]


def shaken_with(sandbox, port, name):
    """Shake hands and ask for a page; return its status."""
    context = ssl.create_default_context(cafile=sandbox.ca)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as sock,
        context.wrap_socket(sock, server_hostname=name) as tls,
    ):
        tls.sendall(f"GET /ip HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
        return int(tls.recv(65_536).split()[1])


def test_latency_comes_before_the_answer(sandbox, line):
    sandbox.faults(rule("latency", milliseconds=120))
    before = time.monotonic()
    send(line, "/bytes/5")
    assert line.read_answer().body == some_bytes(5)
    assert time.monotonic() - before > 0.11
    assert log(sandbox) == [("/bytes/5", 200, ("latency",))]


def test_a_drip_sends_head_and_body_in_pieces(sandbox, line):
    sandbox.faults(rule("drip", bytes=50, milliseconds=5))
    send(line, "/bytes/400")
    first = line.read()
    assert len(first) <= 100
    before = time.monotonic()
    line._buffer = first
    assert line.read_answer().body == some_bytes(400)
    assert time.monotonic() - before > 0.02


@pytest.mark.parametrize("count", [0, 1, 100, 50_000])
def test_a_reset_comes_after_so_many_bytes(sandbox, line, count):
    sandbox.faults(rule("reset", bytes=count))
    send(line, "/bytes/100000")
    with pytest.raises(ConnectionResetError):
        line.read_to_the_end()
    assert line.received == count
    assert log(sandbox) == [("/bytes/100000", 200 if count else 0, ("reset",))]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hang_says_nothing_and_ends_when_the_client_leaves(sandbox, line, when):
    sandbox.faults(rule("hang", {"path": "/login"}, when=when))
    site = sandbox._servers.site
    send(line, "/login")
    line.sock.settimeout(0.1 if when == "before" else 1)
    with pytest.raises(TimeoutError):
        line.read()
    assert len(site.members.forms) == (0 if when == "before" else 1)
    who = line.sock.getsockname()
    [ours] = sandbox._ask(lambda: [one for one in site.connections if peer_of(one) == who])
    line.close()
    deadline = time.monotonic() + 5
    while sandbox._ask(lambda: ours in site.connections):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert log(sandbox) == [("/login", 0, ("hang",))]


@pytest.mark.parametrize(("count", "left"), [(0, 0), (10, 10), (999, 400)])
def test_a_truncated_body_ends_in_order(sandbox, line, count, left):
    sandbox.faults(rule("truncate", bytes=count))
    send(line, "/bytes/400")
    head = line.read_head()
    assert head.headers["content-length"] == "400"
    assert head.headers["connection"] == "close"
    assert line.read_to_the_end() == some_bytes(left)


@pytest.mark.parametrize("delta", [7, -7])
def test_a_wrong_length_is_announced(sandbox, line, delta):
    sandbox.faults(rule("wrong_length", delta=delta))
    send(line, "/bytes/400")
    assert int(line.read_head().headers["content-length"]) == 400 + delta
    assert line.read_to_the_end() == some_bytes(400)


def test_a_status_comes_instead_of_the_page(sandbox, line):
    sandbox.faults(
        rule(
            "status", {"first": 1}, status=503, body="<h1>down</h1>", headers={"Retry-After": "9"}
        ),
        rule("status", {"first": 1, "path": "/logout"}, status=418),
    )
    send(line, "/login")
    answer = line.read_answer()
    assert (answer.status, answer.body) == (503, b"<h1>down</h1>")
    assert answer.headers["retry-after"] == "9"
    assert answer.headers["content-type"].startswith("text/html")
    assert sandbox._servers.site.members.forms == {}, "the page was never asked"
    send(line, "/logout")
    assert line.read_answer().body == b"status 418\n"
    send(line, "/login")
    assert line.read_answer().status == 200


def test_headers_are_set_and_dropped(sandbox, line):
    headers = {"ETag": None, "content-type": "text/csv", "Date": None, "X-New": "1"}
    sandbox.faults(rule("headers", headers=headers))
    send(line, "/items/1")
    answer = line.read_answer()
    assert not {"etag", "date"} & answer.headers.keys()
    assert [value for name, value in answer.raw_headers if name.lower() == "content-type"] == [
        "text/csv"
    ]
    assert answer.headers["x-new"] == "1"
    assert len(answer.body) == int(answer.headers["content-length"])
    sandbox.faults(rule("headers", headers={"Content-Length": None}))
    send(line, "/bytes/50")
    answer = line.read_answer()
    assert "content-length" not in answer.headers
    assert answer.body == some_bytes(50), "up to the end of the connection"


def test_faults_add_up(sandbox, line):
    sandbox.faults(
        rule("latency", milliseconds=30),
        rule("headers", headers={"X-Odd": "1"}),
        rule("truncate", bytes=5),
    )
    send(line, "/chunked/100?piece=3")
    assert line.read_head().headers["x-odd"] == "1"
    assert (
        line.read_to_the_end()
        == b"3\r\n" + some_bytes(3) + b"\r\n2\r\n" + some_bytes(5)[3:] + b"\r\n"
    )


def test_what_is_kept_ready_is_not_spoiled():
    site = site_with(
        rule("truncate", {"first": 1}, bytes=3),
        rule("headers", {"first": 1}, headers={"ETag": None}),
    )
    struck, whole = ask(site, "/items/1"), ask(site, "/items/1")
    assert struck.delivery.body_bytes == 3
    assert header(struck, "ETag") is None
    assert header(whole, "ETag") is not None
    assert whole.head is not None


def test_rules_are_for_some_by_path_method_and_domain():
    site = site_with(
        rule("status", {"path": "/items/*", "method": "HEAD", "domain": "*.localhost"}, status=500)
    )
    assert ask(site, "/items/1?x=1", "HEAD").status == 500
    assert ask(site, "/items/1", "GET").status == 200
    assert ask(site, "/ip", "HEAD").status == 200
    assert ask(site, "/items/1", "HEAD", Host="127.0.0.1:80").status == 200
    assert ask(site, "/items/1", "HEAD", Host="Shop.LocalHost").status == 500


def test_the_same_seed_tells_the_same_story():
    rules = [rule("status", {"probability": 0.3}, status=500), rule("reset", {"probability": 0.2})]
    stories = [
        [ask(site_with_seed, "/ip").status for _ in range(50)]
        for site_with_seed in (site_with(*rules), site_with(*rules))
    ]
    assert stories[0] == stories[1]
    assert {200, 500} <= set(stories[0])


def test_a_handshake_fails_for_the_name_that_the_rule_says(sandbox, caplog):
    sandbox.faults(
        rule("tls_failure", {"domain": "bad.localhost", "nth": [1, 3]}),
        rule("latency", {"nth": 99}),
    )
    port = int(sandbox.site_https.rsplit(":", 1)[1])

    def shake(name):
        try:
            return shaken_with(sandbox, port, name)
        except ssl.SSLError:
            return "refused"

    assert [shake("bad.localhost") for _ in range(4)] == ["refused", 200, "refused", 200]
    assert shake("good.localhost") == shake("127.0.0.1") == 200
    shaken, asked = sandbox._ask(sandbox._servers.control.faults)["rules"]
    assert (shaken["calls"], shaken["fired"]) == (4, 2)
    assert asked["calls"] == 4, "handshakes are no requests"
    assert caplog.records == []


def test_a_handshake_without_a_name_can_fail_and_the_api_is_another_server(sandbox):
    sandbox.faults(rule("tls_failure"))
    port = int(sandbox.site_https.rsplit(":", 1)[1])
    with pytest.raises(ssl.SSLError):
        shaken_with(sandbox, port, "127.0.0.1")
    api_port = int(sandbox.ready["api_tls"].split(":")[2].split("/")[0])
    assert shaken_with(sandbox, api_port, "localhost") == 404


def test_a_fault_at_the_site_is_not_one_of_the_gateways(sandbox, wire, proxies, settled):
    """The exit's bytes are billed as they went, whatever the site did to them."""
    sandbox.faults(rule("truncate", {"domain": "shop.localhost"}, bytes=1_000))
    [user] = proxies()
    line = wire()
    port = sandbox.site_http.rsplit(":", 1)[1]
    line.send(f"GET http://shop.localhost:{port}/bytes/5000 HTTP/1.1\r\nHost: shop.localhost\r\n")
    line.send(basic(*user) + "\r\n")
    assert line.read_head().status == 200
    assert len(line.read_to_the_end()) == 1_000
    [row] = settled()
    assert (row["bytes_up"], row["bytes_down"]) == (line.sent, line.received)


def test_the_log_tells_who_came_in_which_order(sandbox, wire, proxies):
    """Addresses, methods, paths and answers, as they came; a number asks for what is new."""
    users = proxies(2, proxyType="sticky")
    for target in ("/ip", "/status/404"):
        for user in users:
            wire().get(f"{sandbox.site_http}{target}", user)
    site = sandbox._servers.site
    visits = sandbox._ask(lambda: site.log_since(0))
    assert [visit["seq"] for visit in visits] == [1, 2, 3, 4]
    assert [visit["status"] for visit in visits] == [200, 200, 404, 404]
    exits = [visit["client"] for visit in visits]
    assert exits[:2] == exits[2:]
    assert len(set(exits)) == 2
    assert {visit["scheme"] for visit in visits} == {"http"}
    assert [one["target"] for one in sandbox._ask(lambda: site.log_since(3))] == ["/status/404"]
    assert sandbox._ask(lambda: site.log_since(99)) == []


def test_the_log_keeps_the_last_ten_thousand():
    site = Site(now=lambda: 0.0)
    for n in range(10_050):
        ask(site, f"/items/{n}?{'x' * 600}" if n == 10_049 else "/ip")
    log = site.log_since(0)
    assert (len(log), log[0]["seq"], log[-1]["seq"]) == (10_000, 51, 10_050)
    assert len(log[-1]["target"]) == 512
    assert [one["seq"] for one in site.log_since(10_048)] == [10_049, 10_050]
