"""The heads that the relay reads by hand: everyday answers, and what it leaves to a parser."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.io.relay.wire import Framed, framed


def head(*lines, status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


@pytest.mark.parametrize(
    ("lines", "keeps"),
    [
        ((b"Content-Length: 7",), True),
        ((b"CONTENT-LENGTH:7", b"Connection: Keep-Alive"), True),
        ((b"Connection: close", b"X: content-length: 9", b"content-length: 7"), False),
    ],
)
def test_an_everyday_answer_is_so_many_bytes(lines, keeps):
    data = head(*lines)
    assert framed(data + b"body") == Framed(200, len(data) + 7, keeps)


@pytest.mark.parametrize(
    "data",
    [
        head(b"Content-Length: 7")[:-2],
        head(b"Content-Length: 7").replace(b"1.1", b"1.0"),
        head(b"Content-Length: 7", status=b"204 No Content"),
        head(b"Content-Length: 7", status=b"304 Not Modified"),
        head(b"Content-Length: 7", status=b"100 Continue"),
        head(b"Content-Length: 7", status=b"429 Slow"),
        head(b"Content-Length: 7", b"Content-Length: 7"),
        head(b"Content-Length: 7", b"Transfer-Encoding: chunked"),
        head(b"Content-Length: +7"),
        head(b"Content-Length: 7, 7"),
        head(b"Content-Length: 7", b"X: a", b" folded"),
        head(b"Content-Length: 7", b"Connection: upgrade"),
        head(b"Content-Length: 7", b"Connection: close", b"Connection: close"),
        head(b"Content-Type: text/html"),
    ],
)
def test_anything_odd_is_left_to_a_parser(data):
    assert framed(data) is None


NAMES = st.sampled_from(
    [b"Content-Length", b"content-length", b"Connection", b"Transfer-Encoding", b"Server", b"Date"]
)
VALUES = st.sampled_from(
    [b"0", b"7", b"12", b"close", b"keep-alive", b"chunked", b"x", b" 7 ", b""]
)


class Heard:
    """What the parser makes of an answer."""

    def __init__(self):
        self.parser = httptools.HttpResponseParser(self)
        self.keeps = None
        self.complete = False

    def on_headers_complete(self):
        self.keeps = self.parser.should_keep_alive()

    def on_message_complete(self):
        self.complete = True


@given(
    lines=st.lists(st.tuples(NAMES, VALUES), max_size=5),
    status=st.sampled_from([b"200 OK", b"204 No", b"302 Found", b"304 Same", b"404 No"]),
)
def test_what_is_read_by_hand_is_what_the_parser_reads(lines, status):
    data = head(*(name + b": " + value for name, value in lines), status=status)
    found = framed(data)
    if found is None:
        return
    heard = Heard()
    parser = heard.parser
    parser.feed_data(data)
    body = found.length - len(data)
    if body:
        parser.feed_data(b"x" * (body - 1))
        assert not heard.complete
        parser.feed_data(b"x")
    assert heard.complete
    assert parser.get_status_code() == found.status
    assert heard.keeps == found.keeps_alive
