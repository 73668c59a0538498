"""A known secret as it may be spelled in a text: plain, for a URL, in hex, in base64.

What :mod:`rf_core.redaction` finds by how it looks, this finds by what it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from rf_core.redaction import STARS, Secret

_SHORTEST: Final = 8
"""What is shorter is found in every text."""


def without(text: str, secrets: Iterable[Secret]) -> str:
    """Put stars where a secret stands, whichever way it is spelled."""
    for secret in secrets:
        value = secret.reveal()
        if len(value) >= _SHORTEST:
            for pattern in _patterns(value):
                text = pattern.sub(STARS, text)
    return text


def _patterns(value: str) -> list[re.Pattern[str]]:
    raw = value.encode()
    plain = {value, quote(value, safe=""), quote(value), raw.hex()}
    found = [re.compile(re.escape(one), re.IGNORECASE) for one in sorted(plain, key=len)[::-1]]
    for write in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            # Its first and its last characters depend on what stands before and behind.
            inner = write(b"\0" * offset + raw)[4 if offset else 0 : -4].decode()
            found.append(re.compile(rf"[\w+/=-]{{0,4}}{re.escape(inner)}[\w+/=-]{{0,4}}"))
    return found
