"""Keys and addresses, before anything is opened with them."""

import pytest

from rf_core.errors import InsecureAddressError, InvalidKeyError, MissingKeyError, SettingsError
from rf_core.settings import Settings, check_base_url, clean_key, is_loopback

KEY = "rf_live_0123456789abcdefghij"


@pytest.mark.parametrize("raw", [KEY + "\n", f"  {KEY}", KEY + "\r\n", f"\t{KEY} "])
def test_white_space_around_a_key_is_taken_off_with_a_word(raw):
    """C-010"""
    key, warnings = clean_key(raw)
    assert key.reveal() == KEY
    assert len(warnings) == 1
    assert clean_key(KEY)[1] == ()


@pytest.mark.parametrize(
    "raw",
    ["", "rf_live_", "sk-123", "rf_live_ab cd", "rf_live_ab\ncd", "rf_live_äöü", "rf_live_\x00"],
)
def test_what_cannot_be_a_key_is_refused_without_being_repeated(raw):
    """C-009 C-010"""
    with pytest.raises(InvalidKeyError) as caught:
        clean_key(raw)
    hidden = raw.removeprefix("rf_live_")
    assert not hidden or hidden not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://resifactory.net/api/v1",
        "http://127.0.0.1:8000/api/v1",
        "http://localhost:8000/api/v1",
        "http://[::1]:8000/api/v1",
        "http://api.localhost/api/v1",
    ],
)
def test_https_anywhere_and_plaintext_to_this_machine_are_addresses(url):
    """C-001 C-002"""
    assert check_base_url(f" {url}/ ") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://resifactory.net/api/v1",
        "http://10.0.0.1/api",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0/",
    ],
)
def test_plaintext_to_anywhere_else_is_refused(url):
    """C-002"""
    with pytest.raises(InsecureAddressError):
        check_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "resifactory.net",
        "ftp://h/",
        "https://",
        "https://[::1",
        "https://h:x/",
        "https://h:99999/",
    ],
)
def test_what_is_no_address_is_said(url):
    with pytest.raises(SettingsError, match="not an address"):
        check_base_url(url)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(SettingsError) as caught:
        check_base_url("https://jane:hunter2@h/")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        check_base_url("ftp://jane:hunter2@h/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "here"), [("localhost", True), ("127.9.9.9", True), ("::1", True), ("h", False)]
)
def test_this_machine_is_known_by_name(host, here):
    assert is_loopback(host) is here


def test_without_a_key_the_error_names_the_three_ways(tmp_path):
    """C-022"""
    settings = Settings("https://h", None, tmp_path, tmp_path)
    with pytest.raises(MissingKeyError) as caught:
        settings.require_key()
    assert all(way in str(caught.value) for way in ("RF_API_KEY", "config.toml", "rf demo"))
