"""Secrets that cannot print themselves."""

import copy
import logging
import pickle
import traceback
from dataclasses import asdict

import pytest

from rf_core.models import Proxy
from rf_core.redaction import Secret, fingerprint, mask_key, printable, redact

CANARY = "rf_live_canary0123456789x7kQ"
SECRET = Secret(CANARY)


@pytest.mark.parametrize("template", ["{}", "{!s}", "{!r}", "{:>9}", "{!r:>40}"])
def test_whatever_prints_a_secret_prints_stars(template):
    shown = template.format(SECRET)
    assert CANARY not in shown
    assert "****" in shown


def test_no_tool_that_looks_into_values_finds_it():
    proxy = Proxy("h", 1, "u", SECRET)
    assert CANARY not in repr(asdict(proxy))
    assert CANARY not in repr(proxy)
    assert copy.deepcopy(SECRET) is SECRET
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(SECRET)


def test_a_traceback_with_locals_shows_stars():
    def fail(key):
        raise RuntimeError

    try:
        fail(SECRET)
    except RuntimeError as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(report.format())
    assert "key = Secret(****)" in text
    assert CANARY not in text


def test_a_log_line_shows_stars(caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("x").debug("key %s %r", SECRET, SECRET)
    assert CANARY not in caplog.text


def test_secrets_are_equal_when_their_values_are():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("")
    assert len({Secret("a"), Secret("a")}) == 1


def test_a_key_is_named_by_a_fingerprint_and_shown_by_its_last_four():
    """C-012 C-023"""
    assert fingerprint(SECRET) == fingerprint(Secret(CANARY))
    assert fingerprint(SECRET) != fingerprint(Secret(CANARY + "x"))
    assert CANARY[8:] not in fingerprint(SECRET)
    assert mask_key(SECRET) == "rf_live_…x7kQ"


@pytest.mark.parametrize(
    "text",
    [
        f"key {CANARY}.",
        f"Authorization: Bearer {CANARY}",
        "Proxy-Authorization: Basic dXNlcjpjYW5hcnk=",
        "http://user:canary0123@host:8000/path",
        "socks5://canary0123@host",
    ],
)
def test_text_is_cleared_of_keys_and_passwords(text):
    cleared = redact(text)
    assert "canary0123" not in cleared
    assert "dXNlcjpjYW5hcnk=" not in cleared


def test_a_proxys_url_is_percent_encoded():
    """C-075"""
    assert Proxy("::1", 8, "u@x", Secret("p:/%#")).url == "http://u%40x:p%3A%2F%25%23@[::1]:8"


def test_a_strangers_text_fits_on_one_line():
    assert printable("a\x1b[31m\u202eb\n") == "a\ufffd[31m\ufffdb\ufffd"
    assert printable("x" * 50, 10) == "x" * 9 + "…"
