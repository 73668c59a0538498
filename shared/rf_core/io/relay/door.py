"""Who is let in: those that know this process's secret, under the user name they give."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import Final

from rf_core.redaction import Secret

_REMEMBERED: Final = 4_096
_LANE: Final = "lane-"


class Door:
    """Reads `Proxy-Authorization` values; other users of the machine can reach a port, too.

    What was let in once is remembered, so that a request costs one look into a table.
    """

    __slots__ = ("_known", "_written", "secret")

    def __init__(self) -> None:
        self.secret = Secret(secrets.token_hex(16))
        self._known: dict[bytes, str] = {}
        self._written: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Door {len(self._known)} known>"

    def authorization(self, user: str) -> str:
        """The value that lets that user name in. A secret."""
        written = self._written.get(user)
        if written is None:
            token = base64.b64encode(f"{user}:{self.secret.reveal()}".encode())
            written = f"Basic {token.decode()}"
            if len(self._written) >= _REMEMBERED:
                self._written.clear()
            self._written[user] = written
        return written

    def user(self, authorization: bytes) -> str | None:
        """Return the user name of a value, or None for a stranger's."""
        known = self._known.get(authorization)
        if known is not None:
            return known
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            return None
        try:
            user, _, given = base64.b64decode(token, validate=True).decode().rpartition(":")
        except ValueError:
            return None
        if not hmac.compare_digest(given.encode(), self.secret.reveal().encode()):
            return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[authorization] = user
        return user


def lane_user(lane: int) -> str:
    """The user name that asks for a lane."""
    return f"{_LANE}{lane}"


def lane_of(user: str) -> int | None:
    """The lane that a user name asks for, or None."""
    number = user.removeprefix(_LANE)
    return int(number) if number != user and number.isdecimal() else None
