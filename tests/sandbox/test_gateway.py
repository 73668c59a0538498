import contextlib
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sandboxes import proxies_of, settled_of
from support.wire import Wire, absolute, basic

from rf_sandbox.clock import Clock
from rf_sandbox.gateway import Patience
from rf_sandbox.sandbox import Sandbox


def seen_by_the_site(line, sandbox, user):
    return json.loads(line.get(f"{sandbox.site_http}/ip", user).body)["ip"]


def tls_port(sandbox):
    return urlsplit(sandbox.site_https).port


# Exits


def test_every_request_of_a_rotating_credential_leaves_from_another_address(
    sandbox, proxies, wire, settled
):
    """C-160: on one connection, with one credential."""
    [user] = proxies()
    line = wire()
    seen = [seen_by_the_site(line, sandbox, user) for _ in range(50)]
    assert len(set(seen)) == 50
    assert [row["exit"] for row in settled()] == seen


def test_a_tunnel_has_one_exit_and_the_next_tunnel_another(sandbox, proxies, wire):
    """C-161"""
    [user] = proxies()
    seen = []
    for _ in range(3):
        line = wire()
        line.connect("localhost", tls_port(sandbox), user)
        line.start_tls(sandbox.ca, "localhost")
        seen.append({line.get_inside("/ip", "localhost").body for _ in range(3)})
    assert [len(exits) for exits in seen] == [1, 1, 1]
    assert len(set.union(*seen)) == 3


def test_a_sticky_credential_keeps_its_exit_until_its_time_is_over(clock):
    """C-162, C-163: on http and in tunnels alike; then a new exit on the same credential."""
    with Sandbox(clock=Clock(source=clock)) as sandbox:
        order = {"proxyType": "sticky", "sessionDuration": 30}
        one, two = proxies_of(sandbox, 2, **order)
        with Wire(sandbox.gateway) as line, Wire(sandbox.gateway) as tunnel:
            first = seen_by_the_site(line, sandbox, one)
            assert seen_by_the_site(line, sandbox, two) != first
            clock.now += 29 * 60
            tunnel.connect("localhost", tls_port(sandbox), one)
            tunnel.start_tls(sandbox.ca, "localhost")
            assert json.loads(tunnel.get_inside("/ip", "localhost").body)["ip"] == first
            clock.now += 59
            assert seen_by_the_site(line, sandbox, one) == first
            clock.now += 1
            second = seen_by_the_site(line, sandbox, one)
            assert second != first
            clock.now += 29 * 60
            assert seen_by_the_site(line, sandbox, one) == second


def test_without_a_whole_network_of_loopback_everything_works_but_for_the_exits(
    monkeypatch, caplog
):
    """Elsewhere than on Linux."""
    monkeypatch.setattr("rf_sandbox.gateway._PROBE", "203.0.113.1")
    with Sandbox() as sandbox, Wire(sandbox.gateway) as line:
        [user] = proxies_of(sandbox)
        assert seen_by_the_site(line, sandbox, user) == "127.0.0.1"
        assert line.get(f"{sandbox.site_http}/pages/1", user).status == 200
    said = [record.getMessage() for record in caplog.records if "exits" in record.getMessage()]
    assert said == ["this platform has one loopback address: exits are not bound"]


def test_credentials_outlive_the_key_that_ordered_them(sandbox, wire):
    """C-165"""
    made = sandbox.make_key("proxies:generate")
    [user] = proxies_of(sandbox)
    sandbox.revoke_key(made["id"])
    assert wire().get(f"{sandbox.site_http}/ip", user).status == 200


# Who is served


@pytest.mark.parametrize("kind", ["http", "tunnel"])
def test_strangers_are_challenged_and_may_try_again_on_the_same_connection(
    sandbox, proxies, wire, kind
):
    """C-172, C-070"""
    [user] = proxies()
    sandbox.set_balance("premium", 0)
    [demo] = proxies()
    sandbox.set_balance("premium", sandbox.granted["premium"])
    line = wire()
    for stranger in (None, demo, (user[0], "x"), ("x", user[1])):
        answer = (
            line.get(f"{sandbox.site_http}/ip", stranger)
            if kind == "http"
            else line.connect("localhost", tls_port(sandbox), stranger)
        )
        assert answer.status == 407
        assert answer.headers["proxy-authenticate"] == 'Basic realm="sandbox"'
        assert answer.headers["proxy-status"].startswith("sandbox; error=http_request_denied")
        assert "connection" not in answer.headers
    assert line.get(f"{sandbox.site_http}/ip", user).status == 200


@pytest.mark.parametrize(
    "value",
    ["Basic", "Basic !!!", "Basic dXNlcg==", "Bearer abc", "Basic /////w==", "Digest a=b"],
)
def test_a_malformed_authorization_is_407(sandbox, wire, value):
    answer = wire().get(f"{sandbox.site_http}/ip", None, extra=f"Proxy-Authorization: {value}\r\n")
    assert answer.status == 407


def test_two_authorizations_are_none(sandbox, proxies, wire):
    one, two = proxies(2)
    answer = wire().get(f"{sandbox.site_http}/ip", one, extra=basic(*two))
    assert answer.status == 407


@pytest.mark.parametrize(
    "target",
    [
        "http://example.com/",
        "http://127.0.0.1:22/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://localhost.example.com:{site}/",
        "http://notlocalhost:{site}/",
        "http://127.0.0.2:{site}/",
        "http://0.0.0.0:{site}/",
        "http://127.1:{site}/",
        "http://2130706433:{site}/",
        "http://[::ffff:127.0.0.1]:{site}/",
        "http://localhost:{api}/api/v1/me",
        "http://localhost:{control}/state",
        "http://localhost:{gateway}/",
        "http://localhost/",
    ],
)
def test_nothing_but_the_sandboxs_own_site_is_reached(sandbox, proxies, wire, target):
    [user] = proxies()
    url = target.format(
        site=urlsplit(sandbox.site_http).port,
        api=urlsplit(sandbox.api).port,
        control=urlsplit(sandbox.control).port,
        gateway=sandbox.gateway[1],
    )
    line = wire()
    answer = line.get(url, user)
    assert answer.status == 403
    assert "error=http_request_denied" in answer.headers["proxy-status"]
    parts = urlsplit(url)
    assert line.connect(parts.hostname, parts.port or 80, user).status == 403


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1", "[::1]", "shop.localhost", "A.B.localhost"]
)
def test_the_site_is_reached_by_every_name_of_its_own(sandbox, proxies, wire, name):
    [user] = proxies()
    line = wire()
    port = urlsplit(sandbox.site_http).port
    assert line.get(f"http://{name}:{port}/ip", user).status == 200
    tunnel = wire()
    plain = name.strip("[]")
    assert tunnel.connect(plain, tls_port(sandbox), user).status == 200
    tunnel.start_tls(sandbox.ca, plain)
    assert tunnel.get_inside("/ip", name).status == 200


def test_another_target_is_reached_when_the_user_names_it(proxies):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Sandbox(allowed_targets=frozenset({("localhost", port)})) as sandbox:
            [user] = proxies_of(sandbox)
            with Wire(sandbox.gateway) as line:
                assert line.connect("localhost", port, user).status == 200
                accepted, address = listener.accept()
                with accepted:
                    assert address[0] != "127.0.0.1", "from an exit of its own"
                assert line.read_to_the_end() == b""
            with Wire(sandbox.gateway) as line:
                assert line.connect("127.0.0.1", port, user).status == 403


# What is passed on


def test_hop_by_hop_headers_stay_here_and_credentials_never_reach_the_target(
    sandbox, proxies, wire
):
    [user] = proxies()
    extra = (
        "Proxy-Connection: keep-alive\r\nConnection: X-Private, keep-alive\r\nX-Private: 1\r\n"
        "Keep-Alive: timeout=5\r\nTE: trailers\r\nUpgrade: h2c\r\nX-Public: 2\r\nX-Public: 3\r\n"
    )
    answer = wire().get(f"{sandbox.site_http}/headers", user, extra=extra)
    seen = json.loads(answer.body)["headers"]
    port = urlsplit(sandbox.site_http).port
    assert sorted(seen) == [
        ["Connection", "close"],
        ["Host", f"127.0.0.1:{port}"],
        ["X-Public", "2"],
        ["X-Public", "3"],
    ]
    assert user[1].encode() not in answer.body


def test_the_target_is_told_the_host_of_the_request_line(sandbox, proxies, wire):
    [user] = proxies()
    line = wire()
    port = urlsplit(sandbox.site_http).port
    line.send(
        f"GET http://shop.localhost:{port}/headers HTTP/1.1\r\nHost: evil.test\r\n"
        f"{basic(*user)}\r\n"
    )
    seen = dict(json.loads(line.read_answer().body)["headers"])
    assert seen["Host"] == f"shop.localhost:{port}"


def test_credentials_never_reach_the_target_of_a_tunnel(sandbox, proxies, wire):
    [user] = proxies()
    line = wire()
    line.connect("localhost", urlsplit(sandbox.site_http).port, user)
    seen = json.loads(line.get_inside("/headers", "localhost").body)["headers"]
    assert seen == [["Host", "localhost"]]


def test_the_connection_is_kept_for_the_next_request(sandbox, proxies, wire):
    users = proxies(3)
    line = wire()
    for user in users * 5:
        assert line.get(f"{sandbox.site_http}/pages/2", user).status == 200


def test_a_client_that_wants_to_leave_is_let_go(sandbox, proxies, wire):
    [user] = proxies()
    for extra, version in (("Connection: close\r\n", "1.1"), ("", "1.0")):
        line = wire()
        request = absolute(f"{sandbox.site_http}/ip", user, extra=extra)
        line.send(request.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        answer = line.read_answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert line.read_to_the_end() == b""


def test_a_client_that_has_said_all_it_will_is_still_answered(sandbox, proxies, wire, settled):
    """Half-close."""
    [user] = proxies()
    line = wire()
    line.send(absolute(f"{sandbox.site_http}/slow/50", user))
    line.say_goodbye()
    assert line.read_answer().body == b"at last\n"
    assert line.read_to_the_end() == b""
    assert settled()[0]["outcome"] == "completed"


def test_requests_sent_ahead_are_answered_in_order_and_never_mixed(sandbox, proxies, wire, settled):
    """Pipelining."""
    one, two = proxies(2)
    line = wire()
    line.send(
        absolute(f"{sandbox.site_http}/slow/40", one)
        + absolute(f"{sandbox.site_http}/bytes/70000", two)
        + absolute(f"{sandbox.site_http}/echo", one, method="POST", extra="Content-Length: 3\r\n")
        + b"abc"
        + absolute(f"{sandbox.site_http}/status/404", None)
    )
    bodies = [line.read_answer() for _ in range(4)]
    assert bodies[0].body == b"at last\n"
    assert len(bodies[1].body) == 70_000
    assert b'"length": 3' in bodies[2].body
    assert bodies[3].status == 407
    rows = settled()
    assert [row["username"] for row in rows] == [one[0], two[0], one[0], ""]
    assert sum(row["bytes_up"] + row["bytes_down"] for row in rows) == line.total


def test_a_client_that_expects_to_be_told_to_go_on_is_told(sandbox, proxies, wire):
    [user] = proxies()
    line = wire()
    extra = "Content-Length: 5\r\nExpect: 100-continue\r\n"
    line.send(absolute(f"{sandbox.site_http}/echo", user, method="POST", extra=extra))
    assert line.read_head().status == 100
    line.send(b"hello")
    assert b'"length": 5' in line.read_answer().body


def test_an_offer_of_http_2_is_ignored_and_the_request_served(sandbox, proxies, wire):
    [user] = proxies()
    extra = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"
    line = wire()
    assert line.get(f"{sandbox.site_http}/ip", user, extra=extra).status == 200
    assert line.get(f"{sandbox.site_http}/ip", user).status == 200


# Targets that misbehave


def serve(answer, *, hold=False):
    """A target that reads one head and answers with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work():
        with contextlib.suppress(OSError):
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(10)
                data = b""
                while b"\r\n\r\n" not in data:
                    data += accepted.recv(65_536)
                accepted.sendall(answer)
                if hold:
                    accepted.recv(1)

    thread = threading.Thread(target=work)
    thread.start()
    return listener, thread


@contextlib.contextmanager
def target(sandbox, answer, *, hold=False):
    listener, thread = serve(answer, hold=hold)
    port = listener.getsockname()[1]
    world = sandbox._servers.world
    world.allowed_targets = frozenset({("localhost", port)})
    try:
        yield f"http://localhost:{port}/"
    finally:
        world.allowed_targets = frozenset()
        listener.close()
        thread.join(60)


OK = b"HTTP/1.1 200 OK\r\n"


LENGTH = b"Content-Length: 1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
NO_ANSWERS = {
    "nothing": (b"", "connection_terminated"),
    "another protocol": (b"SSH-2.0-OpenSSH\r\n\r\n", "http_protocol_error"),
    "a bad length": (OK + b"Content-Length: x\r\n\r\n", "http_protocol_error"),
    "two lengths": (OK + LENGTH + CHUNKED + b"\r\n", "http_protocol_error"),
    "a switch": (
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "http_upgrade_failed",
    ),
}


@pytest.mark.parametrize("case", NO_ANSWERS)
def test_an_answer_that_is_none_is_502_by_name(sandbox, proxies, wire, settled, case):
    answer, error = NO_ANSWERS[case]
    [user] = proxies()
    with target(sandbox, answer) as url:
        line = wire()
        told = line.get(url, user)
    assert told.status == 502
    assert f"sandbox; error={error};" in told.headers["proxy-status"]
    assert line.read_to_the_end() == b""
    [row] = settled()
    assert (row["outcome"], row["billed"]) == ("failed_502", True)
    assert (row["bytes_up"], row["bytes_down"]) == (line.sent, line.received)


def test_a_reset_before_an_answer_is_502(sandbox, proxies, wire):
    [user] = proxies()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sandbox._servers.world.allowed_targets = frozenset({("localhost", port)})
        line = wire()
        line.send(absolute(f"http://localhost:{port}/", user))
        accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        accepted.close()
        assert line.read_answer().status == 502
    sandbox._servers.world.allowed_targets = frozenset()


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 100\r\n\r\nshort",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense",
    ],
    ids=["length", "chunks", "broken chunks"],
)
def test_an_answer_cut_short_is_cut_short_for_the_client_too(
    sandbox, proxies, wire, settled, answer
):
    [user] = proxies()
    with target(sandbox, answer) as url:
        line = wire()
        with pytest.raises(EOFError):
            line.get(url, user)
    [row] = settled()
    assert row["outcome"] == "truncated"
    assert (row["bytes_up"], row["bytes_down"]) == (line.sent, line.received)


FRAMINGS = {
    "until close": (OK + b"\r\nuntil the end", b"until the end"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
    "chunks": (OK + CHUNKED + b"\r\n3;a=b\r\none\r\n0\r\nX: y\r\n\r\n", b"one"),
    "after a hint": (b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + OK + LENGTH + b"\r\nk", b"k"),
    "with a tail": (OK + LENGTH + b"\r\nk and more", b"k"),
}


@pytest.mark.parametrize("case", FRAMINGS)
def test_every_framing_of_an_answer_arrives(sandbox, proxies, wire, settled, case):
    answer, body = FRAMINGS[case]
    [user] = proxies()
    with target(sandbox, answer) as url:
        line = wire()
        assert line.get(url, user).body == body
    [row] = settled()
    assert row["outcome"] == "completed"
    assert (row["bytes_up"], row["bytes_down"]) == (line.sent, line.received)


def test_an_old_client_gets_no_chunks(sandbox, proxies, wire):
    [user] = proxies()
    with target(sandbox, OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n") as url:
        line = wire()
        line.send(absolute(url, user).replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = line.read_answer()
    assert "transfer-encoding" not in answer.headers
    assert answer.body == b"one"


# Time-outs and limits


@pytest.fixture
def hasty():
    patience = Patience(head=0.4, connect=0.4, answer=0.4, idle=0.8, linger=0.2)
    with Sandbox(patience=patience) as sandbox:
        yield sandbox


def test_a_head_that_never_ends_is_hung_up_on(hasty):
    with Wire(hasty.gateway) as line:
        line.send(b"GET http://localhost/ HTTP/1.1\r\nX:")
        assert line.read_to_the_end() == b""


def test_dripping_a_head_does_not_help(hasty):
    with Wire(hasty.gateway) as line:
        deadline = time.monotonic() + 60
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < deadline:
                line.send(b"G")
                threading.Event().wait(0.02)
        assert time.monotonic() < deadline


def test_a_target_that_never_answers_is_504_and_billed(hasty):
    """C-169"""
    [user] = proxies_of(hasty)
    with target(hasty, b"", hold=True) as url, Wire(hasty.gateway) as line:
        answer = line.get(url, user)
        assert answer.status == 504
        assert "error=connection_read_timeout" in answer.headers["proxy-status"]
    [row] = settled_of(hasty)
    assert (row["outcome"], row["billed"]) == ("failed_504", True)


def test_a_tunnel_where_nothing_moves_is_closed(hasty):
    [user] = proxies_of(hasty)
    with Wire(hasty.gateway) as line:
        line.connect("localhost", urlsplit(hasty.site_http).port, user)
        assert line.read_to_the_end() == b""
    [row] = settled_of(hasty)
    assert row["outcome"] == "idle"


def test_a_slow_but_living_exchange_is_left_alone():
    with Sandbox(patience=Patience(idle=4.0)) as sandbox, Wire(sandbox.gateway) as line:
        [user] = proxies_of(sandbox)
        line.connect("localhost", urlsplit(sandbox.site_http).port, user)
        for _ in range(5):
            threading.Event().wait(0.9)
            assert line.get_inside("/ip", "localhost").status == 200


def test_there_is_room_for_so_many_and_the_next_is_told():
    with Sandbox(patience=Patience(most_connections=3, linger=0.1)) as sandbox:
        lines = [Wire(sandbox.gateway) for _ in range(3)]
        for line in lines:
            assert line.get(f"{sandbox.site_http}/ip", None).status == 407
        with Wire(sandbox.gateway) as late:
            answer = late.read_answer()
            assert answer.status == 503
            assert "error=connection_limit_reached" in answer.headers["proxy-status"]
            assert late.read_to_the_end() == b""
        for line in lines:
            line.close()


# Bad input


NO_REQUESTS = {
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
    "origin form": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "no method": (b"BREW http://localhost/ HTTP/1.1\r\n\r\n", 400),
    "two lengths": (b"POST http://localhost/ HTTP/1.1\r\n" + LENGTH + CHUNKED + b"\r\n", 400),
    "folded": (b"GET http://localhost/ HTTP/1.1\r\nX: a\r\n b\r\n\r\n", 400),
    "huge": (b"GET http://localhost/ HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
}


@pytest.mark.parametrize("case", NO_REQUESTS)
def test_what_is_no_request_is_told_so_and_let_go_for_free(sandbox, wire, settled, case):
    raw, status = NO_REQUESTS[case]
    line = wire()
    line.send(raw)
    answer = line.read_answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert "sandbox; error=http_request_error" in answer.headers["proxy-status"]
    assert line.read_to_the_end() == b""
    line.close()
    [row] = settled()
    assert (row["billed"], row["outcome"]) == (False, f"refused_{status}")
    assert (row["bytes_up"], row["bytes_down"]) == (line.sent, line.received)


def test_a_refused_upload_reads_its_answer_before_the_end(sandbox, wire):
    line = wire()
    size = 3_000_000
    extra = f"Content-Length: {size}\r\n"
    line.send(absolute(f"{sandbox.site_http}/echo", None, method="POST", extra=extra))
    with contextlib.suppress(ConnectionError):
        line.send(b"x" * size)
    assert line.read_answer().status == 407


def test_a_body_that_breaks_midway_is_400_and_the_whole_exchange_free(
    sandbox, proxies, wire, settled
):
    [user] = proxies()
    line = wire()
    extra = "Transfer-Encoding: chunked\r\n"
    line.send(absolute(f"{sandbox.site_http}/echo", user, method="POST", extra=extra))
    line.send(b"5\r\nhello\r\n")
    line.send(b"not a size\r\n")
    assert line.read_answer().status == 400
    assert line.read_to_the_end() == b""
    line.close()
    [row] = settled()
    assert (row["billed"], row["outcome"]) == (False, "refused_400")
    assert sandbox.state()["balances_bytes"]["premium"] == sandbox.granted["premium"]


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=80),
            st.sampled_from(
                [
                    b"GET http://localhost:1/ HTTP/1.1\r\n",
                    b"CONNECT localhost:1 HTTP/1.1\r\n",
                    b"POST http://localhost/ HTTP/1.1\r\nContent-Length: 4\r\n",
                    b"Proxy-Authorization: Basic eDp5\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Upgrade: x\r\nConnection: upgrade\r\n",
                    b"\r\n",
                    b"5\r\nhello\r\n",
                    b"\0",
                ]
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_is_sent_is_answered_well_or_closed(sandbox, pieces):
    """Fuzzing: a well-formed answer or a closed connection, and never a byte billed."""
    with Wire(sandbox.gateway) as line, contextlib.suppress(ConnectionError):
        for piece in pieces:
            if piece:
                line.send(piece)
        line.say_goodbye()
        data = line.read_to_the_end()
        while data:
            head, _, rest = data.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            assert lines[0].split(b" ")[:1] == [b"HTTP/1.1"]
            names = dict(one.lower().split(b": ", 1) for one in lines[1:])
            assert names[b"proxy-status"].startswith(b"sandbox; error=")
            data = rest[int(names[b"content-length"]) :]
    assert sandbox.traffic()["billed_bytes"] == dict.fromkeys(sandbox.granted, 0)


def test_the_loop_never_complains(sandbox, proxies, wire, caplog):
    """No traceback reaches a log, whatever ends how."""
    [user] = proxies()
    for number in range(20):
        line = wire()
        if number % 2:
            line.connect("localhost", tls_port(sandbox), user)
            line.send(b"not TLS at all\r\n\r\n")
        else:
            line.send(absolute(f"{sandbox.site_http}/bytes/3000000", user))
        if number % 3:
            line.reset()
        else:
            line.read()
            line.close()
    settled_of(sandbox)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
