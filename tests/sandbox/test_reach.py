"""Where the gateway may go, judged by how a target is written and by what its addresses are."""

from ipaddress import IPv4Address, IPv6Network

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_sandbox.heads import split_target
from rf_sandbox.reach import Beyond, Denied, Here, is_neighbour, refuses, way

SITE = Here("127.0.0.1")
PORTS = frozenset({8000, 8443})


def at_home(host, port=8000, **options):
    return way(host, port, site_ports=PORTS, **options)


def abroad(host, port=80):
    return way(host, port, site_ports=PORTS, is_external=True)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "::1", "shop.localhost", "localhost.", "a.b.localhost."]
)
def test_every_name_of_the_site_leads_to_where_it_listens(host):
    assert at_home(host) == abroad(host, 8443) == SITE


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("localhost", 22),
        ("127.0.0.1", 8001),
        ("127.0.0.2", 8000),
        ("localhost.evil.example", 8000),
        ("evillocalhost", 8000),
        ("127.1", 8000),
        ("2130706433", 8000),
        ("0x7f.1", 8000),
        ("0", 8000),
        ("::", 8000),
        ("::ffff:127.0.0.1", 8000),
        ("shop.example", 80),
        ("8.8.8.8", 443),
    ],
)
def test_nothing_else_is_reached_unless_somebody_asked_for_it(host, port):
    assert at_home(host, port) == Denied("this sandbox reaches its own site only")


def test_what_the_user_named_is_reached_and_nothing_beside_it():
    named = frozenset({("localhost", 9), ("::1", 9), ("127.0.0.5", 9), ("db.internal", 9)})
    assert at_home("localhost", 9, allowed=named) == SITE
    assert at_home("localhost.", 9, allowed=named) == SITE
    assert at_home("::1", 9, allowed=named) == Here("::1")
    assert at_home("127.0.0.5", 9, allowed=named) == Here("127.0.0.5")
    assert at_home("db.internal", 9, allowed=named) == Here("db.internal")
    for host, port in (("localhost", 10), ("127.0.0.1", 9), ("x.localhost", 9)):
        assert isinstance(at_home(host, port, allowed=named), Denied)


@pytest.mark.parametrize(
    "host", ["shop.example", "shop.example.", "xn--bcher-kva.example", "_dmarc.a-.example", "intra"]
)
def test_names_beyond_are_looked_up_if_one_may_go_there(host):
    assert abroad(host) == Beyond(host.removesuffix("."))


@pytest.mark.parametrize("host", ["8.8.8.8", "2606:4700::1111", "10.0.0.1", "::ffff:10.0.0.1"])
def test_addresses_that_are_written_plainly_are_judged_as_such(host):
    assert abroad(host) == Beyond(host)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x",
        "0X8.8.8.8".lower(),
        "127.1",
        "0177.0.0.1",
        "017700000001",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "08.8.8.8",
        "8.8.8.0x8",
        "shop.example.1",
    ],
)
def test_odd_spellings_of_an_address_are_no_names(host):
    assert abroad(host) == Denied("an address is written as four numbers")


@pytest.mark.parametrize("host", ["fe80::1%eth0", "fe80::1%25eth0", "1::2::3", "::g", "a:b"])
def test_zones_and_broken_ipv6_lead_nowhere(host):
    assert abroad(host) == Denied("not an address that leads beyond here")


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "..",
        "shop..example",
        ".shop.example",
        "shop.example..",
        "bücher.example",
        "shop。example",
        "\uff11\uff12\uff17.example",
        "127.0.0.1@shop.example",
        "shop.example\\",
        "shop example",
        "shop.example\0",
        "shop%2eexample",
        f"{'a' * 64}.example",
        ".".join(["a" * 60] * 5),
    ],
)
def test_what_is_no_name_is_not_looked_up(host):
    assert abroad(host) == Denied("not the name of a host: other scripts are written as xn--")


@pytest.mark.parametrize("host", ["localhost", "localhost.", "127.0.0.1", "::1", "x.localhost"])
def test_this_machine_is_not_reached_from_abroad_either(host):
    assert abroad(host) == Denied("this machine is not reached, but for the site of this sandbox")


@pytest.mark.parametrize(
    ("port", "reached"),
    [(80, True), (443, True), (1024, True), (8080, True), (65_535, True), (25, False), (22, False),
     (53, False), (81, False), (1023, False), (0, False)],
)  # fmt: skip
def test_ports_of_the_web_and_of_users_are_reached(port, reached):
    assert isinstance(abroad("shop.example", port), Beyond if reached else Denied)


@pytest.mark.parametrize(
    ("url", "judged"),
    [
        (b"http://shop.example@127.0.0.1:8000/", SITE),
        (b"http://shop.example:80@10.0.0.1/", Beyond("10.0.0.1")),
        (b"http://127.0.0.1:8000@shop.example/", Beyond("shop.example")),
        (b"http://[::ffff:7f00:1]/", Beyond("::ffff:7f00:1")),
        (b"http://0x7f.1/", Denied("an address is written as four numbers")),
    ],
)
def test_what_stands_before_an_at_sign_is_not_the_host(url, judged):
    parts = httptools.parse_url(url)
    assert abroad(parts.host.decode(), parts.port or 80) == judged


def test_a_tunnel_to_somebody_at_a_host_leads_nowhere():
    assert isinstance(abroad(*split_target("me@shop.example:443")), Denied)


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared"),
        ("100.100.100.200", "shared"),
        ("169.254.169.254", "link-local"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("224.0.0.251", "multicast"),
        ("ff02::1", "multicast"),
        ("fd00:ec2::254", "unique-local"),
        ("fc00::1", "unique-local"),
        ("198.18.0.1", "for benchmarking"),
        ("2001:2::1", "for benchmarking"),
        ("192.0.2.1", "for documentation"),
        ("198.51.100.7", "for documentation"),
        ("203.0.113.9", "for documentation"),
        ("2001:db8::1", "for documentation"),
        ("3fff::1", "for documentation"),
        ("168.63.129.16", "a cloud's own"),
        ("192.88.99.1", "of a transition mechanism"),
        ("2001:0:53aa:64c::1", "of a transition mechanism"),
        ("2002:7f00:1::", "of a transition mechanism"),
        ("2002:0808:0808::", "of a transition mechanism"),
        ("::127.0.0.1", "of a transition mechanism"),
        ("::8.8.8.8", "of a transition mechanism"),
        ("192.0.0.192", "reserved"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("2001:10::1", "reserved"),
        ("fec0::1", "reserved"),
        ("64:ff9b:1::1", "reserved"),
        ("100::1", "reserved"),
        ("5f00::1", "reserved"),
        ("4000::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:a00:1", "private"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::10.0.0.1", "private"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("fe80::1%eth0", "malformed or zoned"),
        ("2606:4700::1%1", "malformed or zoned"),
        ("127.1", "malformed or zoned"),
        ("", "malformed or zoned"),
    ],
)
def test_what_is_not_on_the_internet_is_refused(address, what):
    assert refuses(address) == what


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1",
        "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
    ],
)  # fmt: skip
def test_what_is_on_the_internet_is_not(address):
    assert refuses(address) == ""


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_taken_for_public(address):
    inner = getattr(address, "ipv4_mapped", None) or address
    if address in IPv6Network("64:ff9b::/96"):
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner.is_private or inner.is_multicast or inner.is_reserved or inner.is_link_local:
        assert refuses(str(address)) != ""


@given(st.text())
def test_any_text_is_judged_and_never_quoted(text):
    for judged in (at_home(text), abroad(text)):
        if isinstance(judged, Denied):
            assert judged.why.isascii()
            assert '"' not in judged.why
    assert isinstance(refuses(text), str)


@pytest.mark.parametrize(
    ("source", "address", "near"),
    [
        ("5.6.7.8", "5.6.7.8", True),
        ("5.6.7.8", "5.6.7.9", False),
        ("2a00:1:2:3::7", "2a00:1:2:3:ffff::1", True),
        ("2a00:1:2:3::7", "2a00:1:2:4::7", False),
        ("5.6.7.8", "2a00:1:2:3::7", False),
        ("", "5.6.7.8", False),
    ],
)
def test_a_machine_with_a_public_address_is_not_the_internet(source, address, near):
    assert is_neighbour(source, address) is near
