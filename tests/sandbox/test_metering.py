"""Ground truth: what the gateway billed against what crossed the client's own socket."""

import contextlib
import re
import socket
import threading

import pytest
from support.sandboxes import assert_nothing_is_lost
from support.wire import absolute, basic


def only(rows):
    assert len(rows) == 1, rows
    return rows[0]


def counts(row):
    return row["bytes_up"], row["bytes_down"]


def port_of(url):
    return int(url.rsplit(":", 1)[1])


def test_kept_alive_http_is_billed_to_the_byte(sandbox, proxies, wire, settled):
    """C-167"""
    [user] = proxies()
    line = wire()
    expected = []
    for path in ("/pages/1", "/bytes/100000", "/status/404", "/status/204", "/items/7"):
        before = line.sent, line.received
        line.get(sandbox.site_http + path, user)
        expected.append((line.sent - before[0], line.received - before[1]))
    rows = settled()
    assert [counts(row) for row in rows] == expected
    assert {row["outcome"] for row in rows} == {"completed"}
    assert [row["status"] for row in rows] == [200, 200, 404, 204, 200]
    assert all(row["billed"] and row["username"] == user[0] for row in rows)
    left = sandbox.state()["balances_bytes"]["premium"]
    assert left == sandbox.granted["premium"] - line.total


def test_a_head_request_and_a_chunked_answer_are_billed_to_the_byte(
    sandbox, proxies, wire, settled
):
    [user] = proxies()
    line = wire()
    answer = line.get(f"{sandbox.site_http}/bytes/50000", user, method="HEAD")
    assert answer.headers["content-length"] == "50000"
    line.get(f"{sandbox.site_http}/ip", user)
    assert sum(sum(counts(row)) for row in settled()) == line.total


def test_a_body_with_a_length_and_one_in_chunks_are_billed_to_the_byte(
    sandbox, proxies, wire, settled
):
    [user] = proxies()
    url = f"{sandbox.site_http}/echo"
    line = wire()
    line.send(absolute(url, user, method="POST", extra="Content-Length: 70000\r\n"))
    line.send(b"a" * 70_000)
    assert line.read_answer().status == 200
    line.send(absolute(url, user, method="POST", extra="Transfer-Encoding: chunked\r\n"))
    for piece in (b"5\r\nhello\r\n", b"6;note=1\r\n world\r\n", b"0\r\nTrailer: x\r\n\r\n"):
        line.send(piece)
    assert b'"length": 11' in line.read_answer().body
    assert sum(sum(counts(row)) for row in settled()) == line.total


def test_a_tls_tunnel_is_billed_to_the_byte_from_connect_to_close(sandbox, proxies, wire, settled):
    """C-167"""
    [user] = proxies()
    port = port_of(sandbox.site_https)
    line = wire()
    assert line.connect("localhost", port, user).status == 200
    line.start_tls(sandbox.ca, "localhost")
    for path in ("/pages/1", "/bytes/300000", "/ip"):
        assert line.get_inside(path, "localhost").status == 200
    line.say_goodbye()
    line.read_to_the_end()
    row = only(settled())
    assert counts(row) == (line.sent, line.received)
    assert (row["method"], row["target"], row["status"]) == ("CONNECT", f"localhost:{port}", 200)
    assert row["outcome"] == "completed"
    left = sandbox.state()["balances_bytes"]["premium"]
    assert left == sandbox.granted["premium"] - line.total


def test_bytes_sent_along_with_the_connect_are_the_tunnels(sandbox, proxies, wire, settled):
    [user] = proxies()
    port = port_of(sandbox.site_http)
    line = wire()
    line.send(
        f"CONNECT localhost:{port} HTTP/1.1\r\n{basic(*user)}\r\n"
        "GET /ip HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    assert line.read_answer("CONNECT").status == 200
    assert line.read_answer().status == 200
    line.read_to_the_end()
    line.close()
    assert counts(only(settled())) == (line.sent, line.received)


def test_refusals_are_free_and_recorded(sandbox, proxies, wire, settled):
    """C-167"""
    [user] = proxies()
    line = wire()
    statuses = [
        line.get(f"{sandbox.site_http}/ip", None).status,
        line.get(f"{sandbox.site_http}/ip", (user[0], "wrong")).status,
        line.get("http://example.com/", user).status,
        line.connect("localhost", port_of(sandbox.site_https), None).status,
        line.get(f"{sandbox.site_http}/ip", user).status,
    ]
    assert statuses == [407, 407, 403, 407, 200]
    rows = settled()
    assert [row["billed"] for row in rows] == [False] * 4 + [True]
    assert [row["outcome"] for row in rows[:4]] == [
        "refused_407",
        "refused_407",
        "refused_403",
        "refused_407",
    ]
    assert sum(sum(counts(row)) for row in rows) == line.total
    spent = sandbox.granted["premium"] - sandbox.state()["balances_bytes"]["premium"]
    assert spent == sum(counts(rows[4]))


def test_refused_requests_in_one_segment_are_each_counted(sandbox, proxies, wire, settled):
    [user] = proxies()
    url = f"{sandbox.site_http}/ip"
    line = wire()
    line.send(absolute(url, None) + absolute(url, user) + absolute(url, None))
    assert [line.read_answer().status for _ in range(3)] == [407, 200, 407]
    rows = settled()
    sizes = [len(absolute(url, one)) for one in (None, user, None)]
    assert [row["bytes_up"] for row in rows] == sizes
    assert [row["billed"] for row in rows] == [False, True, False]


def test_an_unreachable_target_is_billed_for_an_exit_was_used(sandbox, proxies, wire, settled):
    """C-167, C-169"""
    [user] = proxies()
    sandbox._servers.world.allowed_targets = frozenset({("localhost", 1)})
    try:
        line = wire()
        answer = line.get("http://localhost:1/", user)
        line.read_to_the_end()
        tunnel = wire()
        refused = tunnel.connect("localhost", 1, user)
        tunnel.read_to_the_end()
    finally:
        sandbox._servers.world.allowed_targets = frozenset()
    assert (answer.status, refused.status) == (502, 502)
    assert "error=connection_refused" in answer.headers["proxy-status"]
    rows = settled()
    assert [row["outcome"] for row in rows] == ["failed_502", "failed_502"]
    assert all(row["billed"] for row in rows)
    assert counts(rows[0]) == (line.sent, line.received)
    assert counts(rows[1]) == (tunnel.sent, tunnel.received)


def test_an_empty_pool_is_402_and_free(sandbox, proxies, wire, settled):
    """C-166, C-168"""
    [user] = proxies()
    sandbox.set_balance("premium", 0)
    sandbox.granted["premium"] = 0
    line = wire()
    answer = line.get(f"{sandbox.site_http}/ip", user)
    assert answer.status == 402
    assert answer.headers["proxy-status"] == (
        'sandbox; error=proxy_internal_response; details="balance exhausted"'
    )
    assert line.connect("localhost", port_of(sandbox.site_https), user).status == 402
    assert {row["billed"] for row in settled()} == {False}
    assert sandbox.state()["balances_bytes"]["premium"] == 0
    sandbox.top_up("premium", 1_000_000)
    sandbox.granted["premium"] = 1_000_000
    assert line.get(f"{sandbox.site_http}/ip", user).status == 200


@pytest.mark.parametrize("kind", ["http", "tunnel"])
def test_a_balance_that_ends_midway_cuts_the_transfer(sandbox, proxies, wire, settled, kind):
    """C-166"""
    [user] = proxies()
    sandbox.set_balance("premium", 500_000)
    sandbox.granted["premium"] = 500_000
    line = wire()
    if kind == "http":
        line.send(absolute(f"{sandbox.site_http}/bytes/5000000", user))
    else:
        line.connect("localhost", port_of(sandbox.site_http), user)
        line.send("GET /bytes/5000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with contextlib.suppress(ConnectionResetError):  # cut is cut
        line.read_to_the_end()
    row = only(settled())
    assert row["outcome"] == "exhausted"
    assert line.received <= row["bytes_down"] < 1_000_000, "what was cut off stays billed"
    left = sandbox.state()["balances_bytes"]["premium"]
    assert left == 500_000 - sum(counts(row))
    assert left <= 0
    assert wire().get(f"{sandbox.site_http}/ip", user).status == 402


def test_one_byte_of_balance_is_enough_to_begin_and_not_to_go_on(sandbox, proxies, wire, settled):
    """C-166"""
    [user] = proxies()
    sandbox.set_balance("premium", 1)
    sandbox.granted["premium"] = 1
    line = wire()
    line.send(absolute(f"{sandbox.site_http}/ip", user))
    with contextlib.suppress(ConnectionResetError):
        assert line.read_to_the_end() == b""
    assert only(settled())["outcome"] == "exhausted"


@pytest.mark.parametrize("how", ["http closed", "http reset", "tunnel closed", "tunnel reset"])
def test_an_aborted_transfer_is_billed_for_at_least_what_arrived(
    sandbox, proxies, wire, settled, how
):
    kind, ending = how.split()
    [user] = proxies()
    line = wire(small_buffer=True)
    if kind == "http":
        line.send(absolute(f"{sandbox.site_http}/bytes/50000000", user))
    else:
        line.connect("localhost", port_of(sandbox.site_http), user)
        line.send("GET /bytes/50000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    while line.received < 300_000:
        line.read()
    line.close() if ending == "closed" else line.reset()
    row = only(settled())
    assert row["outcome"] in {"aborted", "completed", "reset"}
    assert row["bytes_up"] == line.sent
    assert line.received <= row["bytes_down"] < 50_000_000
    assert sandbox.traffic()["billed_bytes"]["premium"] == sum(counts(row))


def test_rows_of_living_exchanges_are_there_and_agree_with_the_balance(sandbox, proxies, wire):
    [user] = proxies()
    line = wire(small_buffer=True)
    line.send(absolute(f"{sandbox.site_http}/bytes/20000000", user))
    while line.received < 100_000:
        line.read()
    document = sandbox.traffic()
    row = only(document["traffic"])
    assert (row["outcome"], row["ended"], row["bytes_up"]) == ("live", None, line.sent)
    spent = sandbox.granted["premium"] - document["balances_bytes"]["premium"]
    assert spent == sum(counts(row))
    assert row["bytes_down"] >= line.received


def ask_for_much(sandbox, line, user, kind):
    if kind == "http":
        line.send(absolute(f"{sandbox.site_http}/bytes/200000000", user))
    else:
        line.connect("localhost", port_of(sandbox.site_http), user)
        line.send("GET /bytes/200000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")


@pytest.mark.parametrize("kind", ["http", "tunnel"])
def test_a_slow_reader_is_not_read_ahead_of_for_ever(sandbox, proxies, wire, kind):
    """Back-pressure: what waits in the gateway is bounded, whatever the target would give."""
    [user] = proxies()
    line = wire(small_buffer=True)
    ask_for_much(sandbox, line, user, kind)
    line.read_head()
    seen = -1
    while (now := only(sandbox.traffic()["traffic"])["bytes_down"]) != seen:
        seen = now
        threading.Event().wait(0.05)
    assert seen < 20_000_000
    while line.received < seen + 1_000_000:
        assert line.read(), "reading on lets it go on"
    line.reset()


def test_a_tunnel_to_a_slow_target_holds_the_sender_back(sandbox, proxies, wire, settled):
    [user] = proxies()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sandbox._servers.world.allowed_targets = frozenset({("localhost", port)})
        line = wire()
        assert line.connect("localhost", port, user).status == 200
        target, _ = listener.accept()
        line.sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while line.sent < 100_000_000:
                line.sent += line.sock.send(b"x" * 100_000)
        assert line.sent < 100_000_000
        line.sock.settimeout(10)
        read = only(sandbox.traffic()["traffic"])["bytes_up"]
        assert read < 20_000_000
        line.say_goodbye()
        taken = 0
        with target:
            target.settimeout(10)
            while piece := target.recv(1 << 20):
                taken += len(piece)
            target.sendall(b"thank you")
        assert line.read_to_the_end() == b"thank you"
    sandbox._servers.world.allowed_targets = frozenset()
    row = only(settled())
    assert counts(row) == (line.sent, line.received)
    assert taken < line.sent, "the CONNECT was not for the target"
    assert row["outcome"] == "completed"


def test_a_slow_target_holds_the_sender_back(sandbox, proxies, wire, settled):
    """Back-pressure the other way: uploads are read as fast as the target takes them."""
    [user] = proxies()
    size = 8_000_000
    line = wire()
    extra = f"Content-Length: {size}\r\n"
    line.send(absolute(f"{sandbox.site_http}/echo", user, method="POST", extra=extra))
    sender = threading.Thread(target=line.send, args=(b"x" * size,))
    sender.start()
    answer = line.read_answer()
    sender.join()
    assert f'"length": {size}'.encode() in answer.body
    assert counts(only(settled())) == (line.sent, line.received)


def test_nothing_is_lost_while_many_clients_come_and_go(sandbox, proxies, wire, settled):
    """C-167: the sum holds at every look, not only at the end."""
    users = proxies(6) + proxies(6, pool="mobile", proxyType="mobile_sticky")
    stop = threading.Event()
    troubles = []

    def crawl(user, line):
        try:
            for number in range(12):
                line.get(f"{sandbox.site_http}/items/{number + 1}", user)
            line.connect("localhost", port_of(sandbox.site_http), user)
            line.get_inside("/bytes/200000", "localhost")
        except (OSError, EOFError) as error:
            troubles.append(error)
        finally:
            line.close()

    def look():
        while not stop.is_set():
            try:
                assert_nothing_is_lost(sandbox, sandbox.granted)
            except AssertionError as error:
                troubles.append(error)

    looker = threading.Thread(target=look)
    lines = [wire() for _ in users]
    crawlers = [
        threading.Thread(target=crawl, args=pair) for pair in zip(users, lines, strict=True)
    ]
    for thread in (looker, *crawlers):
        thread.start()
    for thread in crawlers:
        thread.join()
    stop.set()
    looker.join()
    assert troubles == []
    rows = settled()
    assert len(rows) == 12 * 13
    assert sum(sum(counts(row)) for row in rows) == sum(line.total for line in lines)


def test_usage_is_by_the_name_that_was_asked_for(sandbox, proxies, wire, api, settled):
    """C-100, C-171, C-099, C-098"""
    [user] = proxies()
    [mobile] = proxies(pool="mobile", proxyType="mobile_rotating")
    port = port_of(sandbox.site_http)
    line = wire()
    for name in ("shop.localhost", "SHOP.localhost", "news.localhost", "127.0.0.1"):
        assert line.get(f"http://{name}:{port}/ip", user).status == 200
    line.get("http://example.com/", user)
    tunnel = wire()
    tunnel.connect("Shop.Localhost", port_of(sandbox.site_https), mobile)
    tunnel.start_tls(sandbox.ca, "shop.localhost")
    assert tunnel.get_inside("/pages/3", "shop.localhost").status == 200
    tunnel.close()
    rows = [row for row in settled() if row["billed"]]
    expected = {}
    for row in rows:
        name = re.sub(r":\d+$", "", row["target"])
        got = expected.setdefault(name, {"domain": name, "bytes": 0, "requests": 0})
        got["bytes"] += sum(counts(row))
        got["requests"] += 1
    told = api.get("/usage").json()["top_domains"]
    assert told == sorted(expected.values(), key=lambda one: (-one["bytes"], one["domain"]))
    assert [one["requests"] for one in told if one["domain"] == "shop.localhost"] == [3]
    assert "example.com" not in expected


def test_rows_are_told_from_a_number_on(sandbox, proxies, wire, settled):
    [user] = proxies()
    line = wire()
    for _ in range(5):
        line.get(f"{sandbox.site_http}/ip", user)
    settled()
    assert [row["seq"] for row in sandbox.traffic(since=3)["traffic"]] == [4, 5]
    assert sandbox.traffic(since=99)["traffic"] == []
