"""Which address of 127/8 a request leaves from: what makes an exit real to the target.

Rotating credentials get the next address each time; sticky ones keep theirs until their session
ends, and then get another on the same credential (C-160 to C-164). Homes are 127.64.0.0/10,
carriers 127.128.0.0/10: away from the addresses that people give to services.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from rf_sandbox.credentials import Credential
from rf_sandbox.switches import Switches

_SPACE: Final = 1 << 22
_STRIDE: Final = 2_654_435_761  # odd, so that it visits every address before any comes again
_BACK: Final = pow(_STRIDE, -1, _SPACE)
_HOMES: Final = 127 << 24 | 64 << 16
_CARRIERS: Final = 127 << 24 | 128 << 16
_MOST_SESSIONS: Final = 1 << 20
_SWEEP_AT_LEAST: Final = 1_024
_WORTH_TELLING: Final = 0.05


@dataclass(slots=True)
class Session:
    """A sticky session: its address, and its end in Unix seconds; `told` is the end last told."""

    address: str
    until: float
    told: float


class Exits:
    """The exits of one sandbox; no rotating address comes again within four million.

    Attributes:
        on_session: Told of each session that begins, or now ends much later: user name, session.
    """

    def __init__(self, seed: int, switches: Switches | None = None) -> None:
        self._switches = switches or Switches()
        self._next = dict.fromkeys((_HOMES, _CARRIERS), (seed * 7_919) % _SPACE)
        self._sessions: dict[str, Session] = {}
        self._held: set[str] = set()
        self._sweep_at = _SWEEP_AT_LEAST
        self.on_session: Callable[[str, Session], None] | None = None

    @property
    def sessions(self) -> dict[str, Session]:
        """User name → session; some may have ended."""
        return dict(self._sessions)

    def exit_for(self, username: str, credential: Credential, now: float) -> str:
        """Return the address for one request or tunnel."""
        if not credential.is_sticky:
            return self._fresh(credential)
        held = self._sessions.get(username)
        if held is not None and now < held.until:
            if self._switches.session_start == "sliding":
                self._slide(username, held, now, credential.minutes * 60)
            return held.address
        if held is not None:
            self._end(username)
        until = self._end_of(credential, now)
        session = Session(self._fresh(credential), until, until)
        self._begin(username, session, now)
        if self.on_session is not None:
            self.on_session(username, session)
        return session.address

    def remember(self, username: str, session: Session, now: float) -> None:
        """Go on with a session that was kept; the last word on a user name stands."""
        if username in self._sessions:
            self._end(username)
        if now < session.until:
            self._begin(username, session, now)

    @property
    def walk(self) -> list[int]:
        """How far the exits of homes and carriers have come, for `resume`."""
        return list(self._next.values())

    def resume(self, walk: Iterable[int], used: Iterable[str]) -> None:
        """Go on from there, and after all of these addresses that lie ahead."""
        self._next = dict(zip(self._next, walk, strict=True))
        for address in used:
            number = int.from_bytes(bytes(map(int, address.split("."))), "big")
            first = _CARRIERS if number >= _CARRIERS else _HOMES
            ahead = (number - first - self._next[first]) * _BACK % _SPACE
            if ahead < _SPACE // 2:
                self._next[first] = (number - first) % _SPACE

    def forget(self) -> None:
        """End every session."""
        self._sessions.clear()
        self._held.clear()

    def _end_of(self, credential: Credential, now: float) -> float:
        """When a session that begins now ends (C-164).

        Counted from generation, sessions follow each other without a gap, used or not.
        """
        seconds = credential.minutes * 60
        if self._switches.session_start != "generation" or credential.made is None:
            return now + seconds
        return credential.made + (math.floor((now - credential.made) / seconds) + 1) * seconds

    def _slide(self, username: str, session: Session, now: float, seconds: float) -> None:
        session.until = max(session.until, now + seconds)
        if self.on_session is not None and session.until - session.told > _WORTH_TELLING * seconds:
            session.told = session.until
            self.on_session(username, session)

    def _begin(self, username: str, session: Session, now: float) -> None:
        if len(self._sessions) >= self._sweep_at:
            self._sweep(now)
        self._sessions[username] = session
        self._held.add(session.address)

    def _end(self, username: str) -> None:
        self._held.discard(self._sessions.pop(username).address)

    def _sweep(self, now: float) -> None:
        """Let go of what has ended; where too many live, the oldest end early."""
        ended = [name for name, session in self._sessions.items() if session.until <= now]
        if len(self._sessions) - len(ended) >= _MOST_SESSIONS:
            ended = list(islice(self._sessions, _MOST_SESSIONS // 2))
        for username in ended:
            self._end(username)
        self._sweep_at = min(_MOST_SESSIONS, max(_SWEEP_AT_LEAST, 2 * len(self._sessions)))

    def _fresh(self, credential: Credential) -> str:
        """The next address that no session holds."""
        first = _CARRIERS if credential.is_mobile else _HOMES
        while True:
            self._next[first] = (self._next[first] + _STRIDE) % _SPACE
            number = first + self._next[first]
            address = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            if address not in self._held:
                return address
