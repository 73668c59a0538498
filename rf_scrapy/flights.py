"""What is known of a request beside the request itself: how it flies, how often it has come by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from scrapy import Request

    from rf_core.lanes import Lane


@dataclass(slots=True)
class Flight:
    """One request on the wire: its lane while it flies; which lane and credential it used."""

    target: str
    sent_at: float
    handle: str = ""
    number: int = -1
    lane: Lane | None = None
    domain: str = ""
    reserved: int = 0


@dataclass(slots=True)
class Attempts:
    """How often one request has come by again, and why."""

    backoffs: int = 0
    bans: int = 0
    reroutes: int = 0
    waits: int = 0


class Flights:
    """The flights and attempts of one crawl. They go with their requests; meta holds neither."""

    def __init__(self) -> None:
        self._flights: WeakKeyDictionary[Request, Flight] = WeakKeyDictionary()
        self._attempts: WeakKeyDictionary[Request, Attempts] = WeakKeyDictionary()

    def began(self, request: Request, flight: Flight) -> None:
        """A request leaves."""
        self._flights[request] = flight

    def of(self, request: Request | None) -> Flight | None:
        """How a request flies or has flown; None when it never left."""
        return None if request is None else self._flights.get(request)

    def attempts_of(self, request: Request) -> Attempts:
        """How often a request has come by again."""
        return self._attempts.setdefault(request, Attempts())

    def goes_on_as(self, later: Request, request: Request) -> None:
        """A copy comes by again: its attempts are counted on."""
        self._attempts[later] = self.attempts_of(request)
