"""The gateway under its other readings: what it bills, what it answers, what it keeps open."""

import pytest
from support.sandboxes import proxies_of
from support.wire import Wire, basic

from rf_sandbox.heads import REASONS
from rf_sandbox.sandbox import Sandbox

HOST = "localhost"


@pytest.fixture
def credential(proxies):
    return proxies()[0]


def port_of(url):
    return int(url.rpartition(":")[2])


def billed(row):
    return row["billed_bytes"]


@pytest.mark.parametrize("reading", ["wire", "after_connect", "payload"])
def test_of_a_plain_exchange_all_is_billed_or_its_bodies_alone(
    sandbox, wire, credential, settled, reading
):
    """C-167"""
    sandbox.switch(metering=reading)
    one = wire()
    url = f"{sandbox.site_http}/echo"
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n{basic(*credential)}\r\n"
    one.send(head.encode() + b"x" * 300)
    answer = one.read_answer()
    (row,) = settled()
    assert row["bytes_up"] + row["bytes_down"] == one.total
    assert billed(row) == (300 + len(answer.body) if reading == "payload" else one.total)


@pytest.mark.parametrize("reading", ["wire", "after_connect", "payload"])
def test_of_a_tunnel_all_is_billed_or_what_went_through_it(
    sandbox, wire, credential, settled, reading
):
    """C-167"""
    sandbox.switch(metering=reading)
    one = wire()
    assert one.connect(HOST, port_of(sandbox.site_http), credential).status == 200
    before = one.total
    one.get_inside("/bytes/5000", HOST)
    one.close()
    (row,) = settled()
    assert row["bytes_up"] + row["bytes_down"] == one.total
    assert billed(row) == (one.total if reading == "wire" else one.total - before)


def test_chunk_sizes_are_no_payload(sandbox, wire, credential, settled):
    """C-167"""
    sandbox.switch(metering="payload")
    one = wire()
    answer = one.get(f"{sandbox.site_http}/chunked/5000?piece=100", credential)
    assert len(answer.body) == 5_000
    (row,) = settled()
    assert billed(row) == 5_000
    assert row["bytes_down"] > 5_000


def test_refusals_may_be_billed_where_somebody_can_pay(sandbox, wire, credential, settled):
    """C-167"""
    for reading in ("free", "billed"):
        sandbox.switch(refusals=reading)
        one = wire()
        assert one.connect("elsewhere.test", 443, credential).status == 403
        one.close()
        row = settled()[-1]
        assert (row["billed"], billed(row)) == (
            reading == "billed", one.total if reading == "billed" else 0,
        )  # fmt: skip
        stranger = wire()
        assert stranger.connect(HOST, 80, ("who", "knows")).status == 407
        stranger.close()
        assert settled()[-1]["billed"] is False


@pytest.mark.parametrize("status", [402, 407, 452, 403])
def test_an_empty_pool_is_told_in_four_ways(sandbox, wire, credential, settled, status):
    """C-166, C-168"""
    sandbox.switch(exhausted_status=status)
    sandbox.set_balance("premium", 0)
    for answer in (
        wire().get(f"{sandbox.site_http}/ip", credential),
        wire().connect(HOST, port_of(sandbox.site_https), credential),
    ):
        assert answer.status == status
        assert "balance exhausted" in answer.headers["proxy-status"]
        assert ("proxy-authenticate" in answer.headers) is (status == 407)
    assert status in REASONS
    settled()
    sandbox.reset()


@pytest.mark.parametrize("status", [407, 403])
def test_demo_credentials_are_refused_in_two_ways(sandbox, wire, settled, status, proxies):
    """C-070"""
    sandbox.switch(demo_status=status)
    sandbox.set_balance("premium", 0)
    (demo,) = proxies(1)
    sandbox.set_balance("premium", 10**9)
    assert wire().get(f"{sandbox.site_http}/ip", demo).status == status
    assert wire().get(f"{sandbox.site_http}/ip", ("demo-user-0", "guess")).status == 407
    settled()
    sandbox.reset()


def test_a_sticky_credential_keeps_its_connection_to_the_target():
    """C-162: in a sandbox of its own, where nobody else has left a connection."""
    with Sandbox(seed=3) as sandbox, Wire(sandbox.gateway) as one, Wire(sandbox.gateway) as other:
        (sticky,) = proxies_of(sandbox, proxyType="sticky")
        site = sandbox._servers.site
        for n in range(5):
            one.get(f"{sandbox.site_http}/headers?n={n}", sticky)
            assert len(site.connections) == 1
        other.get(f"{sandbox.site_http}/bytes/10", sticky)
        assert len(site.connections) == 1, "the same exit, hence the same connection"


def test_two_sticky_credentials_never_share_a_connection(sandbox, wire, proxies, settled):
    first, second = proxies(2, proxyType="sticky")
    one = wire()
    seen = [one.get(f"{sandbox.site_http}/ip", who).body for who in (first, second) * 3]
    assert seen[0::2] == [seen[0]] * 3
    assert seen[1::2] == [seen[1]] * 3
    assert seen[0] != seen[1]
    settled()


def test_a_kept_connection_that_died_is_replaced_unseen(sandbox, wire, proxies, settled):
    (sticky,) = proxies(1, proxyType="sticky")
    one = wire()
    url = f"{sandbox.site_http}/bytes/100"
    for _ in range(3):
        assert one.get(url, sticky).status == 200
        for connection in list(sandbox._servers.site.connections):
            sandbox._servers.site  # noqa: B018 - the site's own end
            sandbox._ask(connection.abort)
    rows = settled()
    assert [row["outcome"] for row in rows] == ["completed"] * 3
    assert sum(row["bytes_up"] + row["bytes_down"] for row in rows) == one.total


@pytest.mark.parametrize("path", ["/close/500", "/status/204", "/chunked/500", "/bytes/0"])
def test_after_any_framing_the_next_answer_is_its_own(sandbox, wire, proxies, settled, path):
    (sticky,) = proxies(1, proxyType="sticky")
    for _ in range(3):
        one = wire()
        one.get(f"{sandbox.site_http}{path}", sticky)
        one.close()
        two = wire()
        assert len(two.get(f"{sandbox.site_http}/bytes/321", sticky).body) == 321
        assert two.get(f"{sandbox.site_http}/bytes/5", sticky, method="HEAD").body == b""
        assert len(two.get(f"{sandbox.site_http}/bytes/7", sticky).body) == 7
    settled()
