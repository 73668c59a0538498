"""The way out to real sites, with a name server and an internet of our own making."""

import asyncio
import contextlib
import http.server
import json
import socket
import ssl
import threading
import time

import pytest
import trustme
from support.sandboxes import assert_nothing_is_lost, proxies_of, settled_of
from support.wire import Wire

from rf_sandbox.external import DeniedError, External, connect, look_up, source_of
from rf_sandbox.gateway import Patience
from rf_sandbox.reach import refuses
from rf_sandbox.sandbox import Sandbox

PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:2800:21f:cb07::1"


class Internet:
    """Names with the addresses they have at each look-up, and addresses that answer or do not."""

    def __init__(self, names=None, dead=(), silent=()):
        self.names = names or {}
        self.dead = set(dead)
        self.silent = set(silent)
        self.asked = []
        self.connected = []
        self.sockets = []

    async def look_up(self, name):
        self.asked.append(name)
        answers = self.names.get(name)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return answers.pop(0) if isinstance(answers[0], list) else answers

    async def connect(self, address, port):
        self.connected.append((address, port))
        if address in self.silent:
            await asyncio.sleep(60)
        if address in self.dead:
            raise ConnectionRefusedError
        ours, theirs = socket.socketpair()
        self.sockets += [ours, theirs]
        return ours

    def external(self, **others):
        return External(
            look_up=self.look_up, connect=self.connect, source_of=lambda _address: "", **others
        )

    def open(self, name, port=443, **others):
        return asyncio.run(self.external(**others).open(name, port))


@pytest.fixture
def internet():
    made = []

    def make(*names, **options):
        made.append(Internet(*names, **options))
        return made[-1]

    yield make
    for one in made:
        for sock in one.sockets:
            sock.close()


# One look-up, and that very address


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(internet):
    """A name that rebinds gets nowhere: nobody asks it twice."""
    net = internet({"shop.example": [[PUBLIC], ["127.0.0.1"]]})
    net.open("shop.example")
    assert net.asked == ["shop.example"]
    assert net.connected == [(PUBLIC, 443)]
    with pytest.raises(DeniedError, match="the address of the target is loopback"):
        net.open("shop.example")
    assert net.connected == [(PUBLIC, 443)]


def test_an_address_is_not_looked_up(internet):
    net = internet()
    net.open(PUBLIC, 80)
    net.open(PUBLIC_6, 8080)
    assert net.asked == []
    assert net.connected == [(PUBLIC, 80), (PUBLIC_6, 8080)]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "fd00:ec2::254", "::ffff:10.0.0.1",
        "100.64.0.1", "0.0.0.0", "::", "224.0.0.1", "fe80::1", "fe80::1%eth0", "64:ff9b::7f00:1",
    ],
)  # fmt: skip
def test_a_name_that_leads_off_the_internet_is_denied(internet, address):
    net = internet({"evil.example": [address]})
    with pytest.raises(DeniedError):
        net.open("evil.example")
    assert net.connected == []


def test_of_several_answers_only_those_on_the_internet_are_tried(internet):
    net = internet({"mixed.example": ["10.0.0.1", PUBLIC, "::1"]}, dead=[PUBLIC])
    with pytest.raises(ConnectionRefusedError):
        net.open("mixed.example")
    assert net.connected == [(PUBLIC, 443)]


def test_our_own_public_address_is_not_the_internet():
    net = Internet({"home.example": [PUBLIC]})
    external = External(look_up=net.look_up, connect=net.connect, source_of=lambda address: address)
    with pytest.raises(DeniedError, match="this machine's or next to it"):
        asyncio.run(external.open("home.example", 443))
    assert net.connected == []


def test_a_name_without_an_address_does_not_resolve(internet):
    net = internet({"empty.example": [[]]})
    for name in ("unknown.example", "empty.example"):
        with pytest.raises(socket.gaierror):
            net.open(name)


# Happy eyeballs


def test_the_next_address_is_tried_when_one_fails_and_families_take_turns(internet):
    first, second = "2606:2800::1", "2606:2800::2"
    net = internet({"two.example": [first, second, PUBLIC]}, dead=[first, PUBLIC])
    net.open("two.example")
    assert [address for address, _ in net.connected] == [first, PUBLIC, second]


def test_a_silent_address_does_not_keep_the_others_waiting(internet):
    net = internet({"two.example": [PUBLIC_6, PUBLIC]}, silent=[PUBLIC_6])
    began = time.monotonic()
    net.open("two.example")
    assert [address for address, _ in net.connected] == [PUBLIC_6, PUBLIC]
    assert time.monotonic() - began < 5


def test_a_name_with_a_thousand_addresses_is_not_a_thousand_connections(internet):
    many = [f"93.184.{n // 256}.{n % 256}" for n in range(1_000)]
    net = internet({"many.example": many}, dead=many)
    with pytest.raises(ConnectionRefusedError):
        net.open("many.example")
    assert len(net.connected) == 6


def test_who_comes_second_is_closed():
    async def main():
        opened = []
        first_has_begun = asyncio.Event()

        async def connect_late(address, _port):
            if address == PUBLIC_6:
                await first_has_begun.wait()
            first_has_begun.set()
            ours, theirs = socket.socketpair()
            theirs.close()
            opened.append(ours)
            return ours

        async def both(_name):
            return [PUBLIC_6, PUBLIC]

        external = External(look_up=both, connect=connect_late, source_of=lambda _address: "")
        won = await external.open("both.example", 80)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert [sock.fileno() for sock in opened if sock is not won] in ([], [-1])
        won.close()

    asyncio.run(main())


# What the operating system says


def test_the_systems_own_answers_are_addresses():
    assert "127.0.0.1" in asyncio.run(look_up("localhost"))
    with pytest.raises(socket.gaierror):
        asyncio.run(look_up("no-such-name.invalid"))
    with pytest.raises(socket.gaierror):
        asyncio.run(look_up("a" * 64))


def test_where_a_connection_would_leave_from_is_known_before_it_is_made():
    assert source_of("127.0.0.1") == "127.0.0.1"
    assert source_of("ff02::1%nowhere" if socket.has_ipv6 else "0.0.0.0") in {"", "::1"}


def test_a_socket_is_connected_to_that_address_and_no_other():
    async def main():
        with socket.create_server(("127.0.0.2", 0)) as listener:
            port = listener.getsockname()[1]
            with await connect("127.0.0.2", port) as sock:
                assert sock.getpeername() == ("127.0.0.2", port)
        with pytest.raises(ConnectionRefusedError):
            await connect("127.0.0.2", port)

    asyncio.run(main())


# End to end: 127.0.0.2 plays the internet


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps(
            {"host": self.headers["Host"], "from": self.client_address[0], "path": self.path}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@contextlib.contextmanager
def serving(tls=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Page)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()


@pytest.fixture(scope="module")
def reaching_out():
    net = Internet()
    external = External(
        look_up=net.look_up,
        refuses=lambda address: "" if address == "127.0.0.2" else refuses(address),
    )
    with Sandbox(seed=3, allow_external=external) as running:
        running.net = net
        yield running


@pytest.fixture
def names():
    return {"shop.example": ["127.0.0.2"], "evil.example": ["127.0.0.1"]}


@pytest.fixture
def out(reaching_out, names):
    reaching_out.net.names, reaching_out.net.asked = names, []
    granted = reaching_out.reset()["balances_bytes"]
    yield reaching_out
    settled_of(reaching_out)
    assert_nothing_is_lost(reaching_out, granted)


def test_a_real_site_is_reached_over_http_and_metered_to_the_byte(out):
    with serving() as port, Wire(out.gateway) as line:
        [user] = proxies_of(out)
        answer = line.get(f"http://shop.example:{port}/a?b=1", user)
        assert answer.status == 200
        assert json.loads(answer.body) == {
            "host": f"shop.example:{port}",
            "from": "127.0.0.1",
            "path": "/a?b=1",
        }
        [row] = settled_of(out)
        assert row["billed_bytes"] == line.total
        assert (row["domain"], row["outcome"]) == ("shop.example", "completed")


def test_tls_to_a_real_site_is_between_the_client_and_that_site(out, tmp_path):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("shop.example").configure_cert(tls)
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    with serving(tls) as port, Wire(out.gateway) as line:
        assert line.connect("shop.example", port, proxies_of(out)[0]).status == 200
        line.start_tls(str(ca), "shop.example")
        assert json.loads(line.get_inside("/", "shop.example").body)["from"] == "127.0.0.1"
        line.say_goodbye()
        while line._pull():  # what its server says to a goodbye without a close_notify
            pass
        [row] = settled_of(out)
        assert row["billed_bytes"] == line.total


def test_each_request_is_judged_anew(out, names):
    """C-169: what a redirect leads to is the next request."""
    [user] = proxies_of(out)
    with serving() as port, Wire(out.gateway) as line:
        names["shop.example"] = [["127.0.0.2"], ["10.1.2.3"]]
        assert line.get(f"http://shop.example:{port}/", user).status == 200
        answer = line.get(f"http://shop.example:{port}/", user)
    assert answer.status == 403
    assert "destination_ip_prohibited" in answer.headers["proxy-status"]
    assert answer.body == b"the address of the target is private\n"
    assert out.net.asked == ["shop.example"] * 2
    rows = settled_of(out)
    assert [(row["outcome"], row["billed"]) for row in rows] == [
        ("completed", True),
        ("refused_403", False),
    ]


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("evil.example", ["evil.example"]),
        ("evil.example.", ["evil.example"]),
        ("127.0.0.1", []),
        ("localhost", []),
        ("localhost.", []),
        ("x.localhost", []),
        ("2130706433", []),
        ("0x7f.1", []),
        ("127.1", []),
        ("10.0.0.1", []),
        ("[::1]", []),
        ("[::ffff:127.0.0.1]", []),
        ("169.254.169.254", []),
    ],
)
def test_what_is_denied_is_refused_for_free_and_nothing_is_connected(out, method, host, asked):
    [user] = proxies_of(out)
    with socket.create_server(("127.0.0.1", 0)) as listener, Wire(out.gateway) as line:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        if method == "GET":
            status = line.get(f"http://{host}:{port}/", user).status
        else:
            status = line.connect(host.strip("[]"), port, user).status
        assert status == 403
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert out.net.asked == asked
    [row] = settled_of(out)
    assert (row["billed"], row["billed_bytes"]) == (False, 0)


def test_trouble_on_the_way_is_what_it_is_anywhere(out, names):
    """C-169"""
    with socket.create_server(("127.0.0.2", 0)) as gone:
        port = gone.getsockname()[1]
    for host, status, error in (
        ("unknown.example", 502, "dns_error"),
        ("shop.example", 502, "connection_refused"),
    ):
        with Wire(out.gateway) as line:
            answer = line.connect(host, port, proxies_of(out)[0])
            assert answer.status == status
            assert error in answer.headers["proxy-status"]


def test_a_name_server_that_is_silent_is_a_time_out_and_holds_nobody(monkeypatch):
    """C-169"""
    silence, asking = threading.Event(), []

    def say_nothing(*_, **__):
        asking.append(threading.current_thread())
        silence.wait(30)
        return []

    with Sandbox(seed=3, allow_external=True, patience=Patience(connect=0.1)) as running:
        [user] = proxies_of(running)
        monkeypatch.setattr(socket, "getaddrinfo", say_nothing)
        with Wire(running.gateway) as line:
            answer = line.connect("slow.example", 443, user)
        assert answer.status == 504
        began = time.monotonic()
    assert time.monotonic() - began < 3
    silence.set()
    for thread in asking:
        thread.join(60)


def test_the_sandboxs_own_site_is_reached_as_ever_and_from_an_exit(out):
    with Wire(out.gateway) as line:
        answer = line.get(f"{out.site_http}/ip", proxies_of(out)[0])
    assert json.loads(answer.body)["ip"] == settled_of(out)[0]["exit"]
    assert out.net.asked == []
