"""Bodies in every size, framing, speed, coding and part."""

import gzip
import json
import time
import zlib

import brotli
import httpx
import pytest
import zstandard
from support.sites import ask, header
from support.wire import Wire

from rf_sandbox.pages import Site, some_bytes
from rf_sandbox.pages.encodings import chosen, some_text
from rf_sandbox.sandbox import Sandbox

DECODED = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": zstandard.ZstdDecompressor().decompress,
}


@pytest.fixture
def site():
    return Site(now=lambda: 1_800_000_000.0)


@pytest.fixture
def line(sandbox):
    host, port = sandbox.site_http.removeprefix("http://").split(":")
    with Wire((host, int(port))) as line:
        yield line


def get(line, target, *headers, method="GET", version="1.1"):
    line.send("\r\n".join((f"{method} {target} HTTP/{version}", "Host: x", *headers, "", "")))
    return line.read_answer(method)


# Framing


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 300_000])
def test_chunked_answers_hold_what_was_asked_for(line, count):
    for piece in (7, 1_000, 65_536) if count < 10_000 else (65_536,):
        answer = get(line, f"/chunked/{count}?piece={piece}")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers
        assert answer.body == some_bytes(count)


def test_an_answer_without_a_length_ends_with_its_connection(line):
    answer = get(line, "/close/70000")
    assert answer.body == some_bytes(70_000)
    assert not {"content-length", "transfer-encoding"} & answer.headers.keys()
    assert answer.headers["connection"] == "close"


def test_http_1_0_gets_no_chunks_and_stays_when_it_asks_to(line):
    kept = get(line, "/ip", "Connection: keep-alive", version="1.0")
    assert kept.headers["connection"] == "keep-alive"
    answer = get(line, "/chunked/5000", "Connection: keep-alive", version="1.0")
    assert answer.body == some_bytes(5_000)
    assert "transfer-encoding" not in answer.headers


def test_what_is_endless_stops_when_nobody_reads(sandbox, line):
    line.send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
    assert line.read_head().headers["transfer-encoding"] == "chunked"
    while line.received < 1_000_000:
        line.read()
    line.reset()
    sent = sandbox.state()["site"]["sent_bytes"]
    assert 1_000_000 <= sent < 64_000_000
    assert b"".join(ask(Site(now=lambda: 0.0), "/huge?bytes=200000").pieces()) == some_bytes(
        200_000
    )


@pytest.mark.parametrize(
    "target", ["/bytes/5000", "/chunked/5000", "/huge", "/items/1", "/status/404"]
)
def test_head_has_the_head_alone(line, target):
    asked = get(line, target, method="HEAD")
    if "content-length" in asked.headers:
        full = get(line, target)
        assert int(asked.headers["content-length"]) == len(full.body)
    assert get(line, "/ip").status == 200, "nothing of a body came in between"


def test_hints_come_first(line):
    line.send("GET /hints HTTP/1.1\r\nHost: x\r\n\r\n")
    early = line.read_head()
    assert (early.status, early.headers["link"]) == (103, "</image/1.png>; rel=preload; as=image")
    assert line.read_answer().status == 200


def test_a_body_is_only_asked_for_when_its_client_wants_to_be_asked(line):
    line.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert line.read_head().status == 100
    line.send("hello")
    assert json.loads(line.read_answer().body)["length"] == 5


# Speed


def test_a_drip_takes_as_long_as_asked(line):
    before = time.monotonic()
    assert get(line, "/drip/5000?seconds=0.2").body == some_bytes(5_000)
    assert time.monotonic() - before >= 0.19
    assert get(line, "/drip/0?seconds=0").body == b""


# Parts and conditions


@pytest.mark.parametrize(
    ("asked", "told", "part"),
    [
        ("bytes=0-0", "bytes 0-0/5000", slice(0, 1)),
        ("bytes=100-299", "bytes 100-299/5000", slice(100, 300)),
        ("bytes=4990-", "bytes 4990-4999/5000", slice(4_990, 5_000)),
        ("bytes=4990-9999", "bytes 4990-4999/5000", slice(4_990, 5_000)),
        ("bytes=-10", "bytes 4990-4999/5000", slice(4_990, 5_000)),
        ("bytes=-9999", "bytes 0-4999/5000", slice(0, 5_000)),
    ],
)
def test_a_range_is_that_part(line, asked, told, part):
    answer = get(line, "/bytes/5000", f"Range: {asked}")
    assert (answer.status, answer.headers["content-range"]) == (206, told)
    assert answer.body == some_bytes(5_000)[part]


@pytest.mark.parametrize("asked", ["bytes=5000-", "bytes=9999-10000", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(line, asked):
    answer = get(line, "/bytes/5000", f"Range: {asked}")
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */5000")


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,4-5", "bytes=", "bytes=-", "bytes=9-5", "items=1-2", "bytes=x-y", "bytes=1-2-3"],
)
def test_a_range_that_is_not_understood_is_the_whole(line, asked):
    answer = get(line, "/bytes/5000", f"Range: {asked}")
    assert (answer.status, len(answer.body)) == (200, 5_000)


def test_a_download_is_taken_up_again_only_if_it_is_still_the_same(site):
    tag = header(ask(site, "/image/3.png"), "ETag")
    picture = ask(site, "/image/3.png").body
    assert ask(site, "/image/3.png", Range="bytes=10-", If_Range=tag).body == picture[10:]
    assert ask(site, "/image/3.png", Range="bytes=10-", If_Range='"other"').body == picture


def test_what_the_client_has_is_not_sent_again(site):
    first = ask(site, "/version/4")
    tag, changed = header(first, "ETag"), header(first, "Last-Modified")
    for condition in (
        {"If_None_Match": tag},
        {"If_None_Match": f'"other", W/{tag}'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": changed},
    ):
        again = ask(site, "/version/4", **condition)
        assert (again.status, again.length, header(again, "ETag")) == (304, 0, tag)
    for condition in (
        {"If_None_Match": '"other"'},
        {"If_None_Match": '"other"', "If_Modified_Since": changed},
        {"If_Modified_Since": "Sun, 01 Jan 2023 00:00:00 GMT"},
        {"If_Modified_Since": "yesterday"},
        {"If_Modified_Since": "Mon, 01 Jan 2024 00:00:00"},
    ):
        assert ask(site, "/version/4", **condition).status == 200
    assert ask(site, "/version/5", If_None_Match=tag).status == 200


def test_a_304_has_no_body_and_the_next_answer_follows(line):
    tag = get(line, "/items/7").headers["etag"]
    for _ in range(2):
        assert get(line, "/items/7", f"If-None-Match: {tag}").status == 304
    assert get(line, "/items/7").status == 200


# Codings


@pytest.mark.parametrize("coding", DECODED)
def test_every_coding_of_every_text_is_the_text(site, coding):
    plain = ask(site, "/items/9").body
    packed = ask(site, "/items/9", Accept_Encoding=coding)
    assert header(packed, "Content-Encoding") == coding
    assert header(packed, "Vary") == "Accept-Encoding"
    assert DECODED[coding](packed.body) == plain
    assert len(packed.body) < len(plain)
    for count in (0, 1, 100_000):
        forced = ask(site, f"/encoded/{coding}/{count}")
        assert header(forced, "Content-Encoding") == coding
        assert DECODED[coding](forced.body) == some_text(count)
    assert (
        ask(site, "/encoded/lzma/5").status == ask(site, f"/encoded/{coding}/9999999").status == 404
    )


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *;q=0.1", "zstd"),
        ("identity", ""),
        ("identity, gzip;q=0.5", ""),
        ("gzip;q=x", ""),
        ("compress, lzma", ""),
        ("GZIP", "gzip"),
        (" , ,;q=1", ""),
    ],
)
def test_the_client_chooses_its_coding(accepted, coding):
    assert chosen(accepted) == coding


def test_bytes_and_pictures_are_never_compressed(site):
    for target in ("/bytes/5000", "/image/1.png", "/ip", "/encoded/gzip/900"):
        plain = ask(site, target)
        reply = ask(site, target, Accept_Encoding="br, gzip")
        assert reply.body == plain.body
        assert header(reply, "Content-Encoding") == header(plain, "Content-Encoding")


def test_each_coding_of_a_page_has_a_tag_of_its_own(site):
    tags = {header(ask(site, "/items/3", Accept_Encoding=one), "ETag") for one in ("", *DECODED)}
    assert len(tags) == 5
    tag = header(ask(site, "/items/3", Accept_Encoding="br"), "ETag")
    assert ask(site, "/items/3", Accept_Encoding="br", If_None_Match=tag).status == 304
    assert ask(site, "/items/3", Accept_Encoding="gzip", If_None_Match=tag).status == 200


def test_an_ordinary_client_reads_the_compressed_catalogue(sandbox):
    with httpx.Client(base_url=sandbox.site_http, trust_env=False, timeout=60) as client:
        packed = client.get("/catalogue/")
        assert packed.headers["content-encoding"] in {"br", "gzip", "zstd"}
        plain = client.get("/catalogue/", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert packed.text == plain.text


def test_what_is_kept_ready_is_bounded(monkeypatch):
    monkeypatch.setattr("rf_sandbox.pages.kept._MOST_ANSWERS", 20)
    site = Site(now=lambda: 0.0)
    first = ask(site, "/items/1").body
    for number in range(1, 101):
        ask(site, f"/items/{number}")
    assert len(site.kept.answers) == 20
    assert site.kept.bytes == sum(
        len(reply.body) + sum(map(len, key)) for key, (_kind, reply) in site.kept.answers.items()
    )
    assert ask(site, "/items/1").body == first
    ask(site, "/text/262144")
    assert all("262144" not in key[0] for key in site.kept.answers), "too large to keep"


# Charsets and heads


@pytest.mark.parametrize(
    "name", ["right", "wrong", "missing", "meta", "contradicted", "unknown", "utf-16"]
)
def test_charsets_are_declared_rightly_and_wrongly(site, name):
    reply = ask(site, f"/charset/{name}")
    codec = {"wrong": "cp1252", "missing": "cp1252", "meta": "cp1252", "utf-16": "utf-16"}
    assert "Café, naïve, 5 €" in reply.body.decode(codec.get(name, "utf-8"))
    if name == "wrong":
        assert reply.content_type.endswith("utf-8")
        with pytest.raises(UnicodeDecodeError):
            reply.body.decode("utf-8")
    assert ask(site, "/charset/none").status == 404


def test_a_head_can_be_long(line):
    answer = get(line, "/long-head/20000")
    assert (
        sum(len(value) for name, value in answer.headers.items() if name.startswith("x-filler"))
        == 20_000
    )


def test_the_date_is_the_sandboxs_own():
    with (
        Sandbox(clock="virtual") as sandbox,
        httpx.Client(timeout=60, base_url=sandbox.site_http) as client,
    ):
        before = client.get("/ip").headers["date"]
        assert client.get("/ip").headers["date"] == before
        sandbox.advance(86_400)
        assert client.get("/ip").headers["date"] != before
