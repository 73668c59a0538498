"""The settings of one account: read elsewhere, checked here."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rf_core.alert_settings import AlertSettings
from rf_core.errors import InsecureAddressError, InvalidKeyError, MissingKeyError, SettingsError
from rf_core.prices import Price
from rf_core.redaction import Secret, printable, redact

DEFAULT_BASE_URL: Final = "https://resifactory.net/api/v1"
KEY_PREFIX: Final = "rf_live_"
_LONGEST_PREFIX: Final = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """What opening an account needs.

    Attributes:
        warnings: Sentences the user should see once, such as about a repaired key.
        prices: What a gigabyte costs.
        alerts: What to tell somebody of, and how.
    """

    base_url: str
    key: Secret | None
    cache_dir: Path
    state_dir: Path
    profile: str | None = None
    store: str = "local"
    warnings: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)

    def require_key(self) -> Secret:
        """Return the key.

        Raises:
            MissingKeyError: there is none; the message names the ways to set it.
        """
        if self.key is None:
            raise MissingKeyError
        return self.key


def check_prefix(prefix: str) -> str:
    """Return what keys begin with, if they can (C-009).

    Raises:
        SettingsError: no key could begin with it.
    """
    if not prefix or not prefix.isascii() or len(prefix) > _LONGEST_PREFIX or not _is_word(prefix):
        message = f"RF_KEY_PREFIX {printable(prefix, 40)!r} is nothing that a key begins with."
        raise SettingsError(message, way_out=f"Leave it out: keys begin with {KEY_PREFIX}.")
    return prefix


def clean_key(raw: str, *, prefix: str = KEY_PREFIX) -> tuple[Secret, tuple[str, ...]]:
    """Take white space off a key's ends, with a warning, and check that it can be a key.

    Args:
        prefix: What keys begin with; others may come (C-009).

    Raises:
        InvalidKeyError: it has another prefix, white space inside, or is not ASCII (C-009, C-010).
    """
    key = raw.strip()
    warnings = () if key == raw else ("White space around the API key was removed.",)
    way_out = f"Copy it from the dashboard again: it starts with {prefix} and has no spaces."
    if not key.startswith(prefix):
        way_out += " If keys begin otherwise now, set RF_KEY_PREFIX."
        message = f"This is not an API key: the prefix {prefix} is missing."
        raise InvalidKeyError(message, way_out=way_out)
    if key == prefix:
        raise InvalidKeyError("The API key is cut off after its prefix.", way_out=way_out)
    if not key.isascii() or not _is_word(key):
        raise InvalidKeyError("The API key holds characters that no key has.", way_out=way_out)
    return Secret(key), warnings


def _is_word(text: str) -> bool:
    return all(char.isprintable() and not char.isspace() for char in text)


def check_base_url(url: str) -> str:
    """Return the base URL without a slash at its end.

    Raises:
        InsecureAddressError: plaintext to another machine (C-002).
        SettingsError: it is no http URL, or holds a user name.
    """
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a bracket that does not close, a port that is no number
        usable = False
    if not usable:
        message = f"RF_BASE_URL {printable(redact(url))!r} is not an address of an API."
        raise SettingsError(message, way_out=f"The default is {DEFAULT_BASE_URL}.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError(
            "RF_BASE_URL holds more than an address.", way_out="Leave only https://host/path."
        )
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(host):
        message = f"RF_BASE_URL would send the key over plaintext http to {printable(host)}."
        raise InsecureAddressError(message, way_out="Use https://.")
    return url.strip().rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its very name."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
