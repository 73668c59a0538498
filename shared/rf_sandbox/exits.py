"""Which address of 127/8 a request leaves from: what makes an exit real to the target.

Rotating credentials get the next address each time; sticky ones keep theirs from first use until
the session ends, and then get another on the same credential (C-160 to C-164).
"""

from __future__ import annotations

from typing import Final

from rf_sandbox.credentials import Ordered

_SPACE: Final = 1 << 22
_STRIDE: Final = 2_654_435_761  # odd, so that it visits every address before any comes again
_FIRST: Final = 64 << 16  # 127.64.0.0: away from the addresses that people give to services


class Exits:
    """The exits of one sandbox; no rotating address comes again within four million."""

    def __init__(self, seed: int) -> None:
        self._next = (seed * 7_919) % _SPACE
        self._sessions: dict[str, tuple[str, float]] = {}

    def exit_for(self, username: str, ordered: Ordered, now: float) -> str:
        """Return the address for one request or tunnel."""
        if not ordered.is_sticky:
            return self._fresh()
        held = self._sessions.get(username)
        if held is not None and now < held[1]:
            return held[0]
        address = self._fresh()
        self._sessions[username] = (address, now + ordered.minutes * 60)
        return address

    def forget(self) -> None:
        """End every session."""
        self._sessions.clear()

    def _fresh(self) -> str:
        self._next = (self._next + _STRIDE) % _SPACE
        number = _FIRST + self._next
        return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
