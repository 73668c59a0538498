import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_sandbox.incoming import HEAD_LIMIT, Broken, Incoming, Wanted

GET = b"GET http://site.test:81/a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST http://site.test/ HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST http://site.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
)
CONNECT = b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n"


def run(pieces):
    """Everything that comes out of these pieces, and how many bytes each exchange was."""
    incoming = Incoming()
    exchanges = []
    for piece in pieces:
        incoming.feed(piece)
        while incoming:
            if incoming.is_complete:
                found = incoming.next_head()
                if found is None:
                    break
                if isinstance(found, Broken):
                    exchanges.append([found.status, b"", found.size])
                    return exchanges
                exchanges.append([found.head.method, b"", found.size])
            else:
                part = incoming.next_piece()
                exchanges[-1][1] += part.data
                exchanges[-1][2] += part.size
                if part.is_broken:
                    exchanges[-1][0] = 400
                    return exchanges
    return exchanges


@given(st.lists(st.integers(1, 400), max_size=8))
def test_however_the_bytes_arrive_each_belongs_to_one_exchange(cuts):
    """C-167"""
    stream = GET + POST + b"\r\n" + GET + CONNECT + CHUNKED
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert run(pieces) == [
        [b"GET", b"", len(GET)],
        [b"POST", b"hello", len(POST)],
        [b"GET", b"", len(GET) + 2],
        [b"CONNECT", b"", len(CONNECT)],
        [b"POST", b"hello", len(CHUNKED)],
    ]


@given(st.binary(max_size=300), st.sampled_from([b"", GET, POST[:-3], CHUNKED[:-9], CONNECT]))
def test_nothing_that_is_sent_ever_breaks_it(noise, before):
    total = sum(size for _, _, size in run([before + noise]))
    assert total <= len(before + noise)


AMBIGUOUS = {
    "both lengths": b"POST http://h/ HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
    "both lengths, turned": b"POST http://h/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 3",
    "two lengths": b"POST http://h/ HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4",
    "a signed length": b"POST http://h/ HTTP/1.1\r\nContent-Length: +3",
    "a list of lengths": b"POST http://h/ HTTP/1.1\r\nContent-Length: 3, 3",
    "a folded header": b"GET http://h/ HTTP/1.1\r\nX: a\r\n b",
    "a folded upgrade": b"GET http://h/ HTTP/1.1\r\nX: a\r\nUpgrade: h2c\r\n b",
    "a blank before the colon": b"GET http://h/ HTTP/1.1\r\nHost : h",
    "a bare line feed": b"GET http://h/ HTTP/1.1\nX: a",
    "a zero byte": b"GET http://h/ HTTP/1.1\r\nX: a\0b",
    "another coding": b"POST http://h/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked",
    "an unknown coding": b"POST http://h/ HTTP/1.1\r\nTransfer-Encoding: xchunked",
    "two codings": b"POST http://h/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: identity",
    "chunks in HTTP/1.0": b"POST http://h/ HTTP/1.0\r\nTransfer-Encoding: chunked",
    "a CONNECT with a body": b"CONNECT h:1 HTTP/1.1\r\nContent-Length: 3",
    "a CONNECT without a port": b"CONNECT h HTTP/1.1",
    "a CONNECT to port 0": b"CONNECT h:0 HTTP/1.1",
    "a CONNECT to a bare IPv6": b"CONNECT ::1:443 HTTP/1.1",
    "origin form": b"GET /x HTTP/1.1\r\nHost: h",
    "another scheme": b"GET ftp://h/ HTTP/1.1",
    "https in absolute form": b"GET https://h/ HTTP/1.1",
    "no host": b"GET http:///x HTTP/1.1",
    "a port too high": b"GET http://h:99999/ HTTP/1.1",
    "HTTP/2.0": b"GET http://h/ HTTP/2.0",
    "HTTP/0.9": b"GET http://h/",
    "the preface of HTTP/2": b"PRI * HTTP/2.0",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_what_two_parsers_could_read_differently_is_refused(case):
    incoming = Incoming()
    raw = AMBIGUOUS[case] + b"\r\n\r\n"
    incoming.feed(raw)
    found = incoming.next_head()
    assert isinstance(found, Broken)
    assert (found.status, found.size) == (400, len(raw))


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n", b"1\nx\r\n", b"1\r\nxy", b"-1\r\n", b"0\r\n\r\n" + GET, b"F" * 20 + b"\r\n",
        b"0\r\n\r\nCONNECT h:443 HTTP/1.1\r\n\r\n",
    ],
)  # fmt: skip
def test_broken_chunks_and_what_follows_the_last_one_are_refused(body):
    head = b"POST http://h/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert run([head + body])[-1][0] == 400


def test_a_head_may_be_sixty_four_kilobytes_and_no_more():
    start = b"GET http://h/ HTTP/1.1\r\nX: "
    fits = start + b"a" * (HEAD_LIMIT - len(start) - 4) + b"\r\n\r\n"
    incoming = Incoming()
    incoming.feed(fits)
    assert isinstance(incoming.next_head(), Wanted)
    incoming.feed(fits.replace(b"X: ", b"X: a"))
    assert incoming.next_head().status == 431
    incoming.feed(start + b"a" * HEAD_LIMIT)
    assert incoming.next_head().status == 431


def test_the_target_is_read_from_the_request_line_alone():
    incoming = Incoming()
    incoming.feed(b"GET HTTP://Shop.LOCALHOST:81/a?b=c#d HTTP/1.1\r\nHost: evil\r\n\r\n")
    found = incoming.next_head()
    assert (found.host, found.port, found.path) == ("shop.localhost", 81, b"/a?b=c")
    incoming.feed(b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n")
    found = incoming.next_head()
    assert (found.host, found.port, found.is_tunnel) == ("::1", 443, True)


def test_an_offer_to_upgrade_is_not_taken_and_its_body_is_a_body():
    incoming = Incoming()
    incoming.feed(
        b"POST http://h/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Length: 2\r\n\r\nhi" + GET
    )
    assert isinstance(incoming.next_head(), Wanted)
    assert incoming.next_piece().data == b"hi"
    assert incoming.next_head().path == b"/a?b=c"
