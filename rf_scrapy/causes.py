"""Says of each request why it was sent and what became of it, so that its bytes have a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rf_core.attribution import Share
from rf_core.causes import SpendCause
from rf_core.io.relay.wire import FLIGHT_HEADER
from rf_core.verdicts import Action
from rf_scrapy.kinds import kind_of

if TYPE_CHECKING:
    from collections import Counter

    from scrapy import Request
    from scrapy.http import Response

    from rf_core.meter import Meter
    from rf_scrapy.flights import Flight

_KINDS: Final = {"robots": SpendCause.ROBOTS, "media": SpendCause.MEDIA}
_POINTS_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308})
_OWN_ERRANDS: Final = frozenset({SpendCause.PAGE})
_START_LINES: Final = 40


class Causes:
    """The causes of one crawl's requests, from when they leave until their answer is judged."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._number = 0
        self._flying: dict[int, Flight] = {}
        self._left: set[int] = set()

    def began(self, request: Request, flight: Flight, attempts: Counter[Action]) -> None:
        """A request leaves: what moves on its channel from now on may be its own."""
        self._number += 1
        flight.id = self._number
        flight.cause = cause_of(request, attempts)
        is_plain = request.url.startswith("http:")
        if is_plain:
            flight.channel_name = b"%d" % flight.id
            request.headers[FLIGHT_HEADER] = flight.channel_name
        else:
            flight.channel_name = (flight.handle, flight.target)
        flight.channel = self._meter.channel(
            flight.channel_name, flight.pool, flight.domain, is_plain=is_plain
        )
        flight.channel.board(flight.cause)
        self._flying[flight.id] = flight

    def answered(self, request: Request, response: Response, flight: Flight) -> None:
        """An answer has come; what it says may be judged differently later."""
        after = flight.cause
        if after in _OWN_ERRANDS and response.status in _POINTS_ELSEWHERE:
            after = SpendCause.REDIRECT if b"Location" in response.headers else after
        channel = flight.channel
        if channel is not None and channel.is_shared:
            self._land(flight, after, _seen(request, response))
        else:
            self._land(flight, after, Share())

    def failed(self, flight: Flight) -> None:
        """No answer came, or not all of it."""
        self._land(flight, SpendCause.ABORTED, None)

    def refused(self, flight: Flight) -> None:
        """The answer meant *slower* or *not you*."""
        self._land(flight, SpendCause.BLOCKED, None)

    def sweep(self, *, all_of_them: bool = False) -> None:
        """Settle what has left the wire and was heard of by nobody since the last sweep."""
        gone = {number for number, flight in self._flying.items() if flight.lane is None}
        for number in gone if all_of_them else gone & self._left:
            flight = self._flying[number]
            self._land(flight, flight.cause, None)
        self._left = gone

    def _land(self, flight: Flight, after: SpendCause, seen: Share | None) -> None:
        channel = flight.channel
        if channel is None:
            return
        if self._flying.pop(flight.id, None) is None:
            channel.spend.move(flight.share, flight.landed_as, after)
        else:
            flight.share = channel.land(flight.cause, after, seen)
            self._meter.tidy(flight.channel_name)
        flight.landed_as = after


def cause_of(request: Request, attempts: Counter[Action]) -> SpendCause:
    """Why a request is sent: what Scrapy's own components fetch, another attempt, or a page."""
    kind = kind_of(request)
    if kind:
        return _KINDS[kind]
    again = attempts[Action.BACK_OFF] or attempts[Action.NEW_EXIT]
    return SpendCause.RETRY if again or request.meta.get("retry_times") else SpendCause.PAGE


def _seen(request: Request, response: Response) -> Share:
    """What Scrapy saw of a request and its answer, as they come before they are unpacked."""
    return Share(
        _START_LINES + len(request.url) + _length(request.headers) + len(request.body),
        _START_LINES + _length(response.headers) + len(response.body),
    )


def _length(headers: object) -> int:
    return len(headers.to_string())  # type: ignore[attr-defined]
