"""One call of the API from beginning to end: a slot for each attempt, the answer, another try.

Nothing here knows how bytes travel or how time passes: sending and sleeping are handed in. Where
they wait, so does this; where they block (:mod:`rf_core.io.blocking`), this runs through at once.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from rf_core import protocol
from rf_core.answer import Answer
from rf_core.call import Call
from rf_core.errors import (
    ApiError,
    DeadlineError,
    RateLimitedError,
    ResiFactoryError,
    ResponseError,
    StateError,
    TransportError,
)
from rf_core.governor import Priority
from rf_core.harvest import Harvest
from rf_core.io.clock import Clock
from rf_core.io.windows import Ticket, Windows
from rf_core.retries import pause_before_retry
from rf_core.retry_after import parse_date

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 20.0
_BYTES_PER_SECOND: Final = 1_000_000
_LEAST_SECONDS: Final = 1.0
_MOST_ANNOUNCEMENTS: Final = 8
_LOG: Final = logging.getLogger("rf_core.client")
_announced: set[str] = set()
"""What of the API's end this process has logged already (C-149)."""


class Bounds(NamedTuple):
    """How long an attempt may take, in seconds.

    Attributes:
        silent: Without a byte, once it is sent.
        whole: From beginning to end.
    """

    silent: float
    whole: float


class Http(Protocol):
    """Sends requests."""

    async def send(self, call: Call, bounds: Bounds, harvest: Harvest | None) -> Answer:
        """Send one and read its answer, within these bounds.

        Args:
            harvest: Takes a successful answer's credentials in as they come.

        Raises:
            TransportError: no answer came.
            ResponseError: it is larger than any can be.
        """
        ...

    async def give_way(self) -> None:
        """Let others have a turn, in the midst of long work."""
        ...


class Caller:
    """Makes calls for one key.

    Args:
        http: Opens what sends, or returns what is open.
        windows: Where slots come from; None sends without asking.
        deadline_seconds: How long a call may take with all its waiting and attempts.
        attempts: How often it is tried at most; see :mod:`rf_core.retries`.
        chance: A number from 0 to 1: the jitter.

    Attributes:
        skew_seconds: How far the API's clock is ahead of ours, by the newest answer's `Date`.
    """

    def __init__(
        self,
        http: Callable[[], Http],
        windows: Windows | None,
        clock: Clock,
        *,
        deadline_seconds: float,
        attempts: int,
        chance: Callable[[], float],
    ) -> None:
        self._http = http
        self._windows = windows
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._attempts = attempts
        self._chance = chance
        self.skew_seconds: float | None = None

    async def call(
        self,
        call: Call,
        *,
        priority: Priority = "normal",
        deadline_seconds: float | None = None,
        harvest: Harvest | None = None,
    ) -> tuple[Answer, dict[str, Any]]:
        """Make a call; return its answer, a success, and the JSON object in it.

        Args:
            deadline_seconds: How long it may take, if not as long as usual. What a large answer
                takes to arrive comes on top.
        """
        patience = self._deadline_seconds if deadline_seconds is None else deadline_seconds
        give_up_at = self._clock.monotonic() + patience + _seconds_of(call)
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(call, priority, give_up_at, harvest)
            except DeadlineError:
                raise
            except ResiFactoryError as error:
                pause = pause_before_retry(
                    error, attempt=attempt, chance=self._chance(), repeatable=call.repeatable
                )
                if pause is None or attempt >= self._attempts:
                    raise
                if self._clock.monotonic() + pause >= give_up_at:
                    raise
            await self._clock.sleep(pause)

    async def _attempt(
        self, call: Call, priority: Priority, give_up_at: float, harvest: Harvest | None
    ) -> tuple[Answer, dict[str, Any]]:
        silent = READ_SECONDS + _seconds_of(call)
        longest = CONNECT_SECONDS + silent
        ticket: Ticket | None = None
        if self._windows is not None and call.group is not None:
            ticket = await self._windows.acquire(
                call.group,
                priority=priority,
                within_seconds=give_up_at - self._clock.monotonic(),
                timeout_seconds=longest,
            )
        # Whoever has got its slot at the last moment does not waste it.
        left = max(give_up_at - self._clock.monotonic(), _LEAST_SECONDS)
        bounds = Bounds(min(silent, left), min(longest, left))
        began = self._clock.wall(), self._clock.monotonic()
        try:
            answer = await self._http().send(call, bounds, harvest)
        except TransportError as error:
            if not error.sent:
                await self._unsend(ticket)
            await self._note(call, began, error=error)
            raise
        self._notice(answer)
        try:
            return answer, await self._settle(call, answer, ticket)
        finally:
            await self._note(call, began, answer)

    async def _note(
        self,
        call: Call,
        began: tuple[float, float],
        answer: Answer | None = None,
        error: ResiFactoryError | None = None,
    ) -> None:
        """Tell the journal what became of an attempt."""
        journal = None if self._windows is None else self._windows.journal
        if journal is not None:
            at, since = began
            seconds = self._clock.monotonic() - since
            await journal.note(call, at=at, seconds=seconds, answer=answer, error=error)

    async def _settle(self, call: Call, answer: Answer, ticket: Ticket | None) -> dict[str, Any]:
        refused_after: float | None = None
        try:
            return protocol.read(answer, call, now=self._clock.wall())
        except (ApiError, ResponseError) as error:
            error.answer = answer
            if isinstance(error, RateLimitedError):
                refused_after = error.retry_after or 0.0
            raise
        finally:
            await self._give_back(ticket, answer, refused_after)

    async def _give_back(
        self, ticket: Ticket | None, answer: Answer, refused_after: float | None
    ) -> None:
        """Tell the windows what came; if they broke meanwhile, the answer counts for more.

        The slot then keeps its lease, which is no shorter.
        """
        if ticket is not None and self._windows is not None:
            headers = protocol.rate_headers(answer)
            try:
                await self._windows.settle(ticket, headers, refused_after=refused_after)
            except StateError as error:
                _LOG.warning("The windows do not know of an answer: %s", error)

    async def _unsend(self, ticket: Ticket | None) -> None:
        if ticket is not None and self._windows is not None:
            with contextlib.suppress(StateError):  # what broke the call is what is told
                await self._windows.unsend(ticket)

    def _notice(self, answer: Answer) -> None:
        date = parse_date(answer.headers.get("date", ""))
        self.skew_seconds = None if date is None else date - self._clock.wall()
        announced = protocol.end_announced(answer)
        if announced and announced not in _announced and len(_announced) < _MOST_ANNOUNCEMENTS:
            _announced.add(announced)
            _LOG.warning(announced)


def _seconds_of(call: Call) -> float:
    """How much longer than usual its answer may take to arrive."""
    return call.answer_bytes / _BYTES_PER_SECOND
