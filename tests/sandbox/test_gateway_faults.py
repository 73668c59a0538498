"""What can go wrong between a client and its target, ordered by rule; the meter stays exact."""

import time

import pytest
from support.wire import Wire

HOST = "localhost"


def strike(sandbox, match=None, **what):
    return sandbox.faults({"where": "gateway", "match": match or {}, "what": what})


def port_of(url):
    return int(url.rpartition(":")[2])


@pytest.fixture
def credential(proxies):
    return proxies()[0]


@pytest.fixture
def get(sandbox, wire, credential):
    """Ask for a page on a new connection; `get.wire` is that connection."""

    def ask(path="/bytes/1000", **options):
        ask.wire = wire()
        return ask.wire.get(f"{sandbox.site_http}{path}", credential, **options)

    return ask


@pytest.fixture
def tunnel(sandbox, wire, credential):
    def opened(url=None):
        opened.wire = wire()
        port = port_of(url or sandbox.site_http)
        return opened.wire.connect(HOST, port, credential)

    return opened


@pytest.fixture
def asks(get, tunnel):
    """Both ways to use the gateway."""
    return get, tunnel


def assert_counted(row, wire):
    assert row["bytes_up"] + row["bytes_down"] == wire.total


def test_latency_waits_before_the_target_is_asked(sandbox, get, tunnel, settled):
    """C-169"""
    strike(sandbox, kind="latency", milliseconds=150)
    for ask in (get, tunnel):
        started = time.monotonic()
        assert ask().status == 200
        assert time.monotonic() - started >= 0.15
        ask.wire.close()
    settled()


@pytest.mark.parametrize(
    "failure",
    [
        ("dns_failure", 502, "dns_error"),
        ("connect_timeout", 504, "connection_timeout"),
        ("exit_dropped", 502, "destination_unavailable"),
        ("pool_down", 503, "destination_unavailable"),
    ],
)
def test_a_target_or_an_exit_may_not_be_had(sandbox, asks, settled, failure):
    """C-169"""
    kind, status, error = failure
    strike(sandbox, kind=kind)
    for ask in asks:
        answer = ask()
        assert answer.status == status
        assert f"error={error}" in answer.headers["proxy-status"]
        ask.wire.read_to_the_end()
        row = settled()[-1]
        assert (row["outcome"], row["billed"]) == (f"failed_{status}", True)
        assert_counted(row, ask.wire)
    assert sandbox.state()["site"]["requests"] == 0


@pytest.mark.parametrize(("status", "billed"), [(403, False), (429, False), (502, True)])
def test_any_answer_of_the_gateways_can_be_ordered(sandbox, asks, settled, status, billed):
    """C-167, C-169"""
    strike(sandbox, kind="status", status=status, message="not now", headers={"Retry-After": "7"})
    for ask in asks:
        answer = ask()
        assert (answer.status, answer.headers["retry-after"]) == (status, "7")
        assert 'details="not now"' in answer.headers["proxy-status"]
        assert answer.body == b"not now\n"
        ask.wire.close()
        row = settled()[-1]
        assert row["billed"] is billed
        assert_counted(row, ask.wire)


def test_headers_are_changed_on_the_targets_answer_and_on_the_gateways(sandbox, get, wire):
    """C-172"""
    changed = {"Content-Type": "text/odd", "Proxy-Authenticate": None, "X-Exit": "somewhere"}
    strike(sandbox, kind="headers", headers=changed)
    headers = get().headers
    assert (headers["content-type"], headers["x-exit"]) == ("text/odd", "somewhere")
    sandbox.faults(
        {"where": "gateway", "what": {"kind": "status", "status": 407}},
        {"where": "gateway", "what": {"kind": "headers", "headers": changed}},
    )
    refused = get()
    assert refused.status == 407
    assert "proxy-authenticate" not in refused.headers


@pytest.mark.parametrize("after", [0, 500])
def test_a_reset_comes_after_so_many_bytes(sandbox, get, settled, after):
    strike(sandbox, kind="reset", bytes=after)
    with pytest.raises((ConnectionError, EOFError)):
        get()
    row = settled()[-1]
    assert row["outcome"] == "fault_reset"
    assert row["bytes_down"] == after
    assert row["billed"]


def test_a_truncated_answer_ends_with_a_goodbye(sandbox, get, settled):
    strike(sandbox, kind="truncate", bytes=400)
    with pytest.raises(EOFError):
        get()
    row = settled()[-1]
    assert (row["outcome"], row["bytes_down"]) == ("fault_close", 400)
    assert_counted(row, get.wire)


def test_an_exit_may_go_in_mid_transfer(sandbox, tunnel, settled):
    strike(sandbox, kind="exit_dropped", bytes=5_000)
    assert tunnel().status == 200
    tunnel.wire.send(b"GET /bytes/100000 HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises((ConnectionError, EOFError)):
        tunnel.wire.read_answer()
    row = settled()[-1]
    assert (row["outcome"], row["bytes_down"]) == ("fault_abort", 5_000)


def test_a_length_may_be_wrong_and_nothing_follows(sandbox, get, settled):
    strike(sandbox, kind="wrong_length", delta=5)
    with pytest.raises(EOFError, match="1000 of 1005"):
        get()
    assert_counted(settled()[-1], get.wire)


@pytest.mark.parametrize("when", ["before", "after"])
def test_it_may_hang_before_or_after_the_target_was_asked(sandbox, get, settled, when):
    strike(sandbox, kind="hang", when=when)
    with pytest.raises(TimeoutError):
        get_quickly(get)
    get.wire.close()
    row = settled()[-1]
    assert row["bytes_down"] == 0
    assert_counted(row, get.wire)
    assert sandbox.state()["site"]["requests"] == (1 if when == "after" else 0)


def get_quickly(get):
    original = Wire.read_answer

    def impatient(self, method="GET"):
        self.sock.settimeout(0.4)
        return original(self, method)

    Wire.read_answer = impatient
    try:
        return get()
    finally:
        Wire.read_answer = original


@pytest.mark.parametrize("kind", ["plain", "tunnel"])
def test_an_answer_may_come_in_drops_and_is_whole(sandbox, get, tunnel, settled, kind):
    strike(sandbox, kind="drip", bytes=500, milliseconds=5)
    started = time.monotonic()
    if kind == "plain":
        used, body = get, get("/bytes/10000").body
    else:
        used = tunnel
        assert tunnel().status == 200
        body = tunnel.wire.get_inside("/bytes/10000", HOST).body
        tunnel.wire.close()
    assert len(body) == 10_000
    assert time.monotonic() - started > 0.09
    assert_counted(settled()[-1], used.wire)


def test_two_requests_on_a_dripping_connection_come_in_order(sandbox, wire, credential, settled):
    strike(sandbox, kind="drip", bytes=300, milliseconds=2)
    one = wire()
    for size in (2_000, 3_000, 10):
        answer = one.get(f"{sandbox.site_http}/bytes/{size}", credential)
        assert len(answer.body) == size
    rows = settled()
    assert sum(row["bytes_up"] + row["bytes_down"] for row in rows) == one.total


def test_a_tunnel_may_lead_to_a_tls_alert(sandbox, tunnel, settled):
    strike(sandbox, kind="tls_failure")
    assert tunnel().status == 200
    tunnel.wire.send(b"\x16\x03\x01\x00\x05hello")
    assert tunnel.wire.read_to_the_end() == b"\x15\x03\x03\x00\x02\x02\x28"
    row = settled()[-1]
    assert row["outcome"] == "fault_tls_failure"
    assert_counted(row, tunnel.wire)
    assert sandbox.state()["site"]["requests"] == 0


def test_a_rule_strikes_whom_it_fits_and_nobody_else(sandbox, wire, proxies, settled):
    one, two = proxies(2)
    strike(sandbox, match={"username": one[0], "pool": "premium", "nth": 2}, kind="pool_down")
    url = f"{sandbox.site_http}/bytes/10"
    statuses = [wire().get(url, who).status for who in (one, two, one, two, one)]
    assert statuses == [200, 200, 503, 200, 200]
    settled()


def test_the_same_seed_tells_the_same_story(sandbox, wire, credential, settled):
    stories = []
    for _ in range(2):
        strike(sandbox, match={"probability": 0.4}, kind="dns_failure")
        url = f"{sandbox.site_http}/bytes/10"
        stories.append([wire().get(url, credential).status for _ in range(20)])
    assert stories[0] == stories[1]
    assert set(stories[0]) == {200, 502}
    settled()
