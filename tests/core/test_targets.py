"""Where a request wants to go, with IPv6 addresses as clients write them."""

import pytest

from rf_core.targets import bracketed, spelled


@pytest.mark.parametrize(
    ("came", "meant"),
    [
        ("::1:443", "[::1]:443"),
        ("[::1]:443", "[::1]:443"),
        ("2001:db8::5:8443", "[2001:db8::5]:8443"),
        ("Shop.Test:443", "shop.test:443"),
        ("shop.test", "shop.test"),
    ],
)
def test_a_tunnels_target_is_spelled_one_way(came, meant):
    assert spelled(came) == meant


@pytest.mark.parametrize(
    ("url", "host", "meant"),
    [
        (b"http://::1:8080/a?b", b"[::1]:8080", b"http://[::1]:8080/a?b"),
        (b"http://::1/", b"[::1]", b"http://[::1]/"),
        (b"http://2001:db8::1:80/", b"[2001:db8::1:80]", b"http://[2001:db8::1:80]/"),
        (b"http://[::1]:8080/", b"[::1]:8080", b"http://[::1]:8080/"),
        (b"http://shop.test/", b"shop.test", b"http://shop.test/"),
        (b"http://::1:8080/", b"[::2]:8080", b"http://::1:8080/"),
        (b"/only/a/path", b"[::1]", b"/only/a/path"),
        (b"http://", b"[::1]", b"http://"),
    ],
)
def test_the_host_header_gives_an_address_its_brackets_back(url, host, meant):
    assert bracketed(url, host) == meant
