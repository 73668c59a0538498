"""Secrets in bytes that should hold none."""

import base64
import pickle
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rf_core.leaks import KINDS, WRITTEN, Known, Leak, Search
from rf_core.redaction import Secret

KEY = "rf_live_0123456789abcdefx7kQ"
PASSWORD = "s3cr3t:p@ss/word%!"
KNOWN = Known([("user-us-1", PASSWORD), ("user-us-2", "tiny")], ["gw.example"], Secret(KEY))


def found(*pieces, known=KNOWN):
    search = Search(known)
    for piece in pieces:
        search.feed(piece)
    return search.found


ENCODINGS = {
    "plain": lambda secret: secret,
    "url-encoded": lambda secret: quote(secret, safe="").encode(),
    "base64": base64.b64encode,
    "hex": lambda secret: secret.hex().encode(),
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("before", [b"", b"x", b"xy", b"xyz"])
def test_a_generated_password_is_found_however_it_is_written(written, before):
    blob = before + ENCODINGS[written](b"user-us-1:" + PASSWORD.encode()) + b"\n"
    assert Leak("credential", written) in found(blob)


@pytest.mark.parametrize("written", ["plain", "base64", "hex"])
def test_a_key_is_found_however_it_is_written(written):
    assert Leak("key_in_use", written) in found(b"k=" + ENCODINGS[written](KEY.encode()))
    other = b"rf_live_zyxwvutsrqponmlk4321"
    assert Leak("api_key", written) in found(b"k=" + ENCODINGS[written](other))


def test_our_own_key_is_found_whatever_it_begins_with():
    known = Known(key=Secret("rf_next_0123456789abcdefx7kQ"))
    assert found(b"k=rf_next_0123456789abcdefx7kQ", known=known) == {Leak("key_in_use", "plain")}


@pytest.mark.parametrize("alphabet", ["HEX", "url-safe"])
def test_other_alphabets_are_read_too(alphabet):
    secret = b"\xff\xfe" + KEY.encode()
    shown = secret.hex().upper().encode() if alphabet == "HEX" else base64.urlsafe_b64encode(secret)
    assert {leak.kind for leak in found(shown)} == {"key_in_use"}


def test_a_request_that_scrapy_pickled_with_the_header_is_found():
    request = {"headers": {b"Proxy-Authorization": [b"Basic dXNlcjpwYXNzd29yZA=="]}}
    assert found(pickle.dumps(request, protocol=4)) == {Leak("proxy_authorization", "plain")}
    assert found(b"proxy-authorization: basic dXNlcjpwYXNzd29yZA==\r\n")
    assert not found(b"Proxy-Authorization is a header. Basic knowledge of HTTP helps."[:50])


@pytest.mark.parametrize(
    "text",
    [
        "http://user:pass@gw.example:8000",
        "GW.EXAMPLE:8000:user:pass",
        "user:pass@proxy.resifactory.net:8000",
        "proxy.resifactory.net:8000:user-country-us:pass",
    ],
)
def test_a_gateways_address_with_a_password_is_found(text):
    assert found(text.encode()) == {Leak("proxy_address", "plain")}


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer rf_live_YOUR_KEY",
        "rf_live_xxxxxxxxxxxxxxxxxxxx",
        "rf_live_****",
        "https://gw.example:8000/path",
        "http://user:pass@elsewhere.example:80/",
        "gw.example:8000",
        "a tiny thing, and user-us-2 alone",
    ],
)
def test_what_only_looks_like_a_secret_is_none(text):
    assert found(text.encode()) == set()


def test_a_short_password_is_looked_for_behind_its_user_name():
    assert found(b"user-us-2:tiny") == {Leak("credential", "plain")}


@given(st.integers(1, 60), st.integers(0, 5_000))
def test_a_secret_across_two_pieces_is_found(cut, filler):
    text = b"." * filler + KEY.encode() + b" " + PASSWORD.encode() + b"." * filler
    at = min(filler + cut, len(text))
    assert {leak.kind for leak in found(text[:at], text[at:])} == {"key_in_use", "credential"}


@given(st.binary(max_size=400))
def test_any_bytes_may_be_looked_through(blob):
    assert found(blob) <= {Leak(kind, written) for kind in KINDS for written in WRITTEN}


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=30))))
def test_whatever_a_credential_is_made_of_it_is_found(credentials):
    known = Known([(user.strip() or "u", password) for user, password in credentials])
    for user, password in credentials:
        shown = f"...{user.strip() or 'u'}:{password}...".encode()
        assert Leak("credential", "plain") in found(shown, known=known)


def test_nothing_of_it_prints_a_secret():
    assert "tiny" not in repr(KNOWN)
    assert KEY not in repr(found(KEY.encode()))
