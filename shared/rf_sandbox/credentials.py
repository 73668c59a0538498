"""Proxy user names and passwords: made and recognised by keyed hashes, with nothing stored.

A user name carries what was ordered: ``{pool}-{kind}-{country}-{state}-{minutes}-{serial}``.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

_KINDS: Final = {"r": "rotating", "s": "sticky", "mr": "mobile_rotating", "ms": "mobile_sticky"}
_CODES: Final = {name: code for code, name in _KINDS.items()}
_ANY: Final = "any"
_SERIALS: Final = 1 << 48
_STRIDE: Final = 0x9E3779B97F4B  # odd, so that no serial comes twice


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a user name says."""

    pool: str
    proxy_type: str
    country: str
    state: str
    minutes: int

    @property
    def is_sticky(self) -> bool:
        """Whether its exit holds for a session."""
        return self.proxy_type.endswith("sticky")


class Credentials:
    """Makes and checks credentials of one sandbox."""

    def __init__(self, seed: int) -> None:
        self._key = hashlib.blake2b(f"credentials {seed}".encode(), digest_size=32).digest()
        self._offset = int.from_bytes(self._key[:6], "big")
        self._serial = 0

    def mint(self, ordered: Ordered) -> tuple[str, str]:
        """Return a user name that was never given before, and its password (C-072)."""
        self._serial += 1
        serial = f"{(self._serial * _STRIDE + self._offset) % _SERIALS:012x}"
        username = "-".join(
            (
                ordered.pool,
                _CODES[ordered.proxy_type],
                ordered.country or _ANY,
                ordered.state.lower() or _ANY,
                str(ordered.minutes),
                serial,
            )
        )
        return username, self._password(username)

    def demo(self, number: int) -> tuple[str, str]:
        """Return a credential that looks like one and never works (C-068)."""
        return f"demo-user-{number}", hashlib.blake2b(b"demo", digest_size=8).hexdigest()

    def check(self, username: str, password: str) -> Ordered | None:
        """Return what the user name says, or None when the password is not its own."""
        if not hmac.compare_digest(password.encode(), self._password(username).encode()):
            return None
        parts = username.rsplit("-", 5)
        if len(parts) != 6 or parts[1] not in _KINDS:  # noqa: PLR2004 - the six fields
            return None
        pool, kind, country, state, minutes, _serial = parts
        return Ordered(
            pool,
            _KINDS[kind],
            "" if country == _ANY else country,
            "" if state == _ANY else state.upper(),
            int(minutes),
        )

    def _password(self, username: str) -> str:
        return hashlib.blake2b(username.encode(), key=self._key, digest_size=9).hexdigest()
