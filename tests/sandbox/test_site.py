import hashlib
import json
import re
import struct
import zlib

import httpx
import pytest
from support.wire import Wire

from rf_sandbox.clock import Clock
from rf_sandbox.pages import Asked, Site, item_bytes, some_bytes
from rf_sandbox.sandbox import Sandbox


@pytest.fixture
def site(sandbox):
    with httpx.Client(base_url=sandbox.site_http, trust_env=False, timeout=60) as client:
        yield client


def address_of(sandbox):
    host, port = sandbox.site_http.removeprefix("http://").split(":")
    return host, int(port)


def test_the_front_page_leads_to_pages_and_to_the_other_scheme(site, sandbox):
    text = site.get("/").text
    assert '<a href="/pages/1">' in text
    assert f'href="{sandbox.site_https}/pages/1"' in text


def test_pages_lead_to_the_next_and_to_their_items(site):
    text = site.get("/pages/3").text
    assert 'rel="next" href="/pages/4"' in text
    assert re.findall(r'href="/items/(\d+)"', text) == ["11", "12", "13", "14", "15"]
    assert 'src="/image/11.png"' in text
    assert 500 < len(text) < 5_000
    assert site.get("/pages/10000").text.count('rel="next"') == 0
    assert site.get("/pages/10001").status_code == site.get("/pages/0").status_code == 404


def test_an_item_carries_a_text_and_its_hash(site):
    for number in (1, 2, 300):
        text = site.get(f"/items/{number}").text
        told = re.search(r'id="sha256">([0-9a-f]{64})<', text)[1]
        body = re.search(r'<pre id="text">([^<]*)</pre>', text)[1]
        assert hashlib.sha256(body.encode()).hexdigest() == told
        assert body.encode() == item_bytes(number)


@pytest.mark.parametrize("count", [0, 1, 1_023, 1_024, 1_025, 262_144, 262_145, 3_000_001])
def test_as_many_bytes_as_asked_for_and_always_the_same(site, count):
    answer = site.get(f"/bytes/{count}")
    assert answer.content == some_bytes(count)
    assert len(answer.content) == count
    assert site.head(f"/bytes/{count}").headers["content-length"] == str(count)


def test_a_quarter_of_a_gigabyte_is_never_held_in_memory():
    """A page of that size is made while it is read."""
    site = Site(now=lambda: 0.0)
    asked = Asked("GET", f"/bytes/{256 * 1024 * 1024}", [], 0, "", "127.0.0.1", "http")
    reply = site.answer(asked)
    assert reply.length == 256 * 1024 * 1024
    assert len(reply.body) < 10_000
    assert reply.piece(1_000_000, 100) == some_bytes(1_000_100)[-100:]


@pytest.mark.parametrize("status", [200, 204, 205, 304, 404, 418, 429, 503, 599])
def test_any_final_status_can_be_asked_for(sandbox, status):
    with Wire(address_of(sandbox)) as line:
        for _ in range(2):
            line.send(f"GET /status/{status} HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.read_answer().status == status


def test_the_client_is_told_its_own_address(site):
    assert site.get("/ip").json() == {"ip": "127.0.0.1"}


def test_it_can_be_slow_and_keeps_the_order_of_requests(sandbox):
    with Wire(address_of(sandbox)) as line:
        line.send(
            "GET /slow/30 HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /ip HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /bytes/300000 HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /status/204 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        assert line.read_answer().body == b"at last\n"
        assert line.read_answer().body.startswith(b'{"ip"')
        assert len(line.read_answer().body) == 300_000
        assert line.read_answer().status == 204
        assert line.read_to_the_end() == b""


def test_too_many_visits_of_one_address_are_429_and_say_how_long(clock):
    with (
        Sandbox(clock=Clock(source=clock)) as sandbox,
        httpx.Client(timeout=60, base_url=sandbox.site_http) as site,
    ):
        statuses = [site.get("/ratelimit").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert site.get("/ratelimit").headers["Retry-After"] == "2"
        clock.now += 2
        assert site.get("/ratelimit").status_code == 200


def test_the_limit_is_of_each_address_or_of_the_whole_site(clock):
    site = Site(now=clock, visits_allowed=1, visits_seconds=5)

    def visit(client, path="/ratelimit"):
        return site.answer(Asked("GET", path, [], 0, "", client, "http")).status

    assert [visit("127.0.0.1"), visit("127.0.0.2"), visit("127.0.0.1")] == [200, 200, 429]
    everybody = "/ratelimit?scope=site"
    assert [visit("127.0.0.1", everybody), visit("127.0.0.2", everybody)] == [200, 429]


def test_redirects_lead_where_asked_and_across_schemes(site, sandbox):
    assert site.get("/redirect?to=/items/1").headers["location"] == "/items/1"
    assert site.get("/redirect").headers["location"] == "/"
    secure = site.get("/to-https/pages/2").headers["location"]
    assert secure == f"{sandbox.site_https}/pages/2"
    plain = site.get("/to-http/pages/2").headers["location"]
    assert plain == f"{sandbox.site_http}/pages/2"


def test_a_redirect_cannot_smuggle_a_header(site):
    answer = site.get("/redirect?to=/a%0d%0aSet-Cookie:%20x=1%20é")
    assert answer.status_code == 302
    assert "set-cookie" not in answer.headers
    assert answer.headers["location"] == "/a%0D%0ASet-Cookie:%20x=1%20%C3%A9"


def test_the_picture_is_one(site):
    answer = site.get("/image/5.png")
    assert answer.headers["content-type"] == "image/png"
    data = answer.content
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    offset, kinds = 8, []
    while offset < len(data):
        size, kind = struct.unpack(">I4s", data[offset : offset + 8])
        body = data[offset + 8 : offset + 8 + size]
        [crc] = struct.unpack(">I", data[offset + 8 + size : offset + 12 + size])
        assert crc == zlib.crc32(kind + body)
        if kind == b"IDAT":
            assert zlib.decompress(body)
        kinds.append(kind)
        offset += 12 + size
    assert kinds == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]


def test_what_was_posted_comes_back_as_length_and_hash(site):
    for body in (b"", b"hello", b"x" * 2_000_000):
        told = site.post("/echo", content=body).json()
        digest = hashlib.sha256(body).hexdigest()
        assert told == {"method": "POST", "length": len(body), "sha256": digest}


def test_headers_and_cookies_are_echoed(site):
    seen = dict(site.get("/headers", headers={"X-Mine": "1"}).json()["headers"])
    assert seen["X-Mine"] == "1"
    assert site.get("/cookies").json() == {"cookies": []}
    assert site.get("/cookies").json() == {"cookies": ["visit=1"]}


def test_robots_keep_out_of_one_corner(site):
    assert "Disallow: /private" in site.get("/robots.txt").text


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/pages/x",
        "/bytes/-1",
        "/bytes/999999999999",
        "/items/0",
        "/status/99",
        "/status/600",
        "/slow/-1",
        "/slow/99999999",
        "/bytes/" + "9" * 5_000,
    ],
    ids=lambda path: path[:20],
)
def test_what_does_not_exist_is_404(site, path):
    assert site.get(path).status_code == 404


@pytest.mark.parametrize(
    "target", ["//[/x", "*", "/%00", "http://[::1/x", "/redirect?to=%ff%fe", "/\x80"]
)
def test_a_strange_target_is_answered_too(sandbox, target, caplog):
    with Wire(address_of(sandbox)) as line:
        line.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.read_answer().status in {302, 400, 404}
    assert caplog.records == []


def test_what_is_no_request_is_400_and_closed(sandbox):
    with Wire(address_of(sandbox)) as line:
        line.send(b"\x16\x03\x01 not http\r\n\r\n")
        assert line.read_answer().status == 400
        assert line.read_to_the_end() == b""


def test_the_same_site_over_tls_with_the_sandboxs_authority(sandbox):
    for name in ("localhost", "127.0.0.1", "shop.localhost"):
        host, port = address_of(sandbox)[0], int(sandbox.site_https.rsplit(":", 1)[1])
        with Wire((host, port)) as line:
            line.start_tls(sandbox.ca, name)
            assert json.loads(line.get_inside("/ip", name).body) == {"ip": "127.0.0.1"}
