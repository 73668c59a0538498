"""Who came to the site and what they got: counters, and a log of the last requests."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from rf_sandbox.pages.asked import Asked

MOST_LOGGED: Final = 10_000
_MOST_CLIENTS: Final = 200_000
_MOST_SHOWN: Final = 256
_LONGEST_TARGET: Final = 512
_OTHERS: Final = "others"

EVENTS: Final = {
    "private": "somebody was where `robots.txt` asks not to go",
    "limited": "429 or what stood for it, at `/ratelimit` and `/guarded`",
    "captchas": "a captcha was shown instead",
    "banned": "403 because of a ban",
    "logins": "somebody logged in",
    "logins_refused": "the user name or the password was wrong",
    "forms_refused": "a login without the token of its visitor",
    "sessions_dropped_address": "a session was shown from another address",
    "sessions_dropped_expired": "a session was shown too late",
    "orders": "a cart was ordered",
}
"""What is counted besides requests and bytes."""


@dataclass(slots=True)
class Tally:
    """What one address had. Bytes are of HTTP: TLS is not in them."""

    requests: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0

    def document(self) -> dict[str, int]:
        """The counters by their names."""
        return {name: getattr(self, name) for name in self.__slots__}


class Visit(NamedTuple):
    """One request in the log; `status` 0 was never answered, `faults` are the kinds that struck."""

    seq: int
    at: float
    client: str
    scheme: str
    domain: str
    method: str
    target: str
    status: int
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Visits:
    """Everything that is counted about visits."""

    total: Tally = field(default_factory=Tally)
    clients: dict[str, Tally] = field(default_factory=dict)
    pages: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    log: deque[Visit] = field(default_factory=lambda: deque(maxlen=MOST_LOGGED))

    def tally(self, client: str) -> Tally:
        """Return an address's counters; beyond 200,000 addresses they share one."""
        tally = self.clients.get(client)
        if tally is None:
            name = client if len(self.clients) < _MOST_CLIENTS else _OTHERS
            tally = self.clients.setdefault(name, Tally())
        return tally

    def record(
        self, asked: Asked, at: float, kind: str, status: int, faults: tuple[str, ...]
    ) -> None:
        """Count a request and put it into the log."""
        self.total.requests += 1
        self.tally(asked.client).requests += 1
        self.pages[kind] += 1
        self.log.append(
            Visit(
                self.total.requests,
                at,
                asked.client,
                asked.scheme,
                asked.domain,
                asked.method,
                asked.target[:_LONGEST_TARGET],
                status,
                faults,
            )
        )

    def happened(self, event: str) -> None:
        """Count one of `EVENTS`."""
        if event not in EVENTS:
            raise KeyError(event)
        self.events[event] += 1

    def count_bytes(self, client: str, received: int, sent: int) -> None:
        """Count what crossed a connection."""
        for tally in (self.total, self.tally(client)):
            tally.received_bytes += received
            tally.sent_bytes += sent

    def forget(self) -> None:
        """Count from nothing again."""
        self.total = Tally()
        for counted in (self.clients, self.pages, self.events, self.log):
            counted.clear()

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the visits after that number, of those still in the log."""
        missing = min(len(self.log), max(0, self.total.requests - seq))
        return [visit._asdict() for visit in islice(self.log, len(self.log) - missing, None)]

    def document(self) -> dict[str, Any]:
        """The counters as the control API shows them, with the first 256 addresses that came."""
        shown = islice(self.clients.items(), _MOST_SHOWN)
        return {
            **self.total.document(),
            "clients": len(self.clients),
            "addresses": {client: tally.document() for client, tally in shown},
            "pages": dict(self.pages),
            "events": dict(self.events),
        }
