"""What is known of a request beside the request itself: how it flies, how often it has come by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from rf_core.attribution import Share
from rf_core.causes import SpendCause

if TYPE_CHECKING:
    from scrapy import Request

    from rf_core.attribution import Channel
    from rf_core.lanes import Lane
    from rf_core.meter import ChannelName
    from rf_core.verdicts import Action
    from rf_scrapy.source import Source

_NO_ATTEMPTS: Final[Counter[Action]] = Counter()
_NO_SHARE: Final = Share()


@dataclass(slots=True)
class Flight:
    """One request on the wire: its lane while it flies; which lane and credential it used.

    Attributes:
        cause: Why it set out; `landed_as` is what it turned out to be, and `share` what it took.
        source: Where the credential came from; None for those of sessions.
        is_announced: The head of its answer has said how much it is.
    """

    target: str
    sent_at: float
    handle: str = ""
    pool: str = ""
    number: int = -1
    lane: Lane | None = None
    domain: str = ""
    kind: str = ""
    reserved: int = 0
    id: int = 0
    channel_name: ChannelName = None
    channel: Channel | None = None
    cause: SpendCause = SpendCause.PAGE
    landed_as: SpendCause = SpendCause.PAGE
    share: Share = _NO_SHARE
    source: Source | None = None
    is_announced: bool = False


class Flights:
    """The flights and attempts of one crawl. They go with their requests; meta holds neither."""

    def __init__(self) -> None:
        self._flights: WeakKeyDictionary[Request, Flight] = WeakKeyDictionary()
        self._attempts: WeakKeyDictionary[Request, Counter[Action]] = WeakKeyDictionary()
        self._in_the_air: dict[Request, None] = {}

    def began(self, request: Request, flight: Flight) -> None:
        """A request leaves."""
        self._flights[request] = flight
        if flight.lane is not None:
            self._in_the_air[request] = None

    def landed(self, request: Request) -> None:
        """A request is off its lane."""
        self._in_the_air.pop(request, None)

    def astray(self, downloading: Container[Request]) -> Iterator[Request]:
        """Requests on a lane that nobody downloads: another middleware has answered them."""
        return (request for request in list(self._in_the_air) if request not in downloading)

    def of(self, request: Request | None) -> Flight | None:
        """How a request flies or has flown; None when it never left."""
        return None if request is None else self._flights.get(request)

    def attempts_of(self, request: Request) -> Counter[Action]:
        """How often a request has come by again, and why."""
        return self._attempts.setdefault(request, Counter())

    def earlier_attempts_of(self, request: Request) -> Counter[Action]:
        """The same, of a request that may have none to be counted on."""
        return self._attempts.get(request) or _NO_ATTEMPTS

    def goes_on_as(self, later: Request, request: Request) -> None:
        """A copy comes by again: its attempts are counted on."""
        self._attempts[later] = self.attempts_of(request)
