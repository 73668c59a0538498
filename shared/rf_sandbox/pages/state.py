"""What the site knows while it runs: its own addresses, its rules, and who has been there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Protocol

from rf_sandbox.pages.faults import Strikes
from rf_sandbox.pages.kept import Kept
from rf_sandbox.pages.limits import Bounds, Guard
from rf_sandbox.pages.members import Members
from rf_sandbox.pages.visits import Visits


class Closable(Protocol):
    """A connection that can be ended."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(slots=True)
class SiteState:
    """The site's state.

    Attributes:
        now: Unix seconds, a sandbox's own as soon as it is in one; everything but socket time-outs
            goes by it.
        plain: Its own address without TLS, for links across.
        secure: Its own address with TLS.
        items: How much the catalogue holds.
        visits_allowed: Visits of `/ratelimit` in `visits_seconds`.
        bounds: What `/guarded` lets one address do.
        head_seconds: How long a request's head may take to come.
        idle_seconds: How long a connection may stay quiet.
        strikes: What goes wrong by rule; none without a world around it.
    """

    now: Callable[[], float] = lambda: 0.0
    plain: str = ""
    secure: str = ""
    items: int = 50_000
    visits_allowed: int = 3
    visits_seconds: float = 2.0
    bounds: Bounds = field(default_factory=Bounds)
    head_seconds: float = 20.0
    idle_seconds: float = 120.0
    strikes: Strikes | None = None
    connections: set[Closable] = field(default_factory=set)
    visits: Visits = field(default_factory=Visits)
    members: Members = field(default_factory=Members)
    guard: Guard = field(default_factory=Guard)
    busy: Counter[str] = field(default_factory=Counter)
    kept: Kept = field(default_factory=Kept)
    _dated: tuple[int, bytes] = (-1, b"")

    def join(self, now: Callable[[], float], strikes: Strikes) -> None:
        """Go by the clock and the faults of a sandbox."""
        self.now, self.strikes = now, strikes

    def forget(self) -> None:
        """Start as if nobody had been here."""
        self.visits.forget()
        self.members.forget()
        self.guard.known.clear()
        self.busy.clear()

    def date(self) -> bytes:
        """The Date of an answer given now."""
        second = int(self.now())
        if self._dated[0] != second:
            self._dated = second, formatdate(second, usegmt=True).encode()
        return self._dated[1]

    def document(self) -> dict[str, Any]:
        """Every counter, for proofs from outside."""
        return {**self.visits.document(), "sessions": len(self.members.sessions)}

    def log_since(self, seq: int) -> list[dict[str, Any]]:
        """The last requests after that number, oldest first; 10,000 are kept."""
        return self.visits.since(seq)
