"""Asks a gateway itself whether it refuses a credential: on plain http a target can say so, too.

An answer to CONNECT comes from the gateway before the target can have said anything, so nobody can
forge it. What a plain answer says of a credential or a pool is believed when CONNECT says it too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from rf_core.io.relay.gateway import GatewaySocket
from rf_core.io.relay.wire import HEAD_LIMIT, Head, connect_head, parse_head
from rf_core.meter import Tally
from rf_core.refusals import OF_ALL_TARGETS, Cause, cause_of, is_billed
from rf_core.targets import domain_of

if TYPE_CHECKING:
    from rf_core.io.relay.relay import Relay
    from rf_core.io.relay.riders import Ride

_Value = TypeVar("_Value")

_ERRORS_OF_ITS_OWN: Final = 500
_ANSWER_SECONDS: Final = 10.0
_BELIEVED_SECONDS: Final = 60.0
_REMEMBERED: Final = 1_024


@dataclass(frozen=True, slots=True)
class Word:
    """What a gateway says of itself when it is asked.

    Attributes:
        status: Its answer to CONNECT; 0 when there was none.
    """

    status: int
    cause: Cause
    retry_after: str = ""

    @property
    def refuses(self) -> bool:
        """Whether it is the gateway that will not carry this, or that says nothing clear."""
        return self.cause in OF_ALL_TARGETS or self.cause in {Cause.LIMITED, Cause.HUNG_UP}

    @property
    def denies(self) -> bool:
        """Whether it knows the credential: an error of its own says nothing of that."""
        return not self.refuses and self.status < _ERRORS_OF_ITS_OWN


class _Probe(GatewaySocket):
    """One CONNECT, hung up as soon as it is granted or refused."""

    def __init__(self, relay: Relay, ride: Ride, target: str) -> None:
        super().__init__(relay)
        self._relay_of_probe = relay
        self._ride = ride
        self._target = target
        self._tally = Tally(relay.meter, ride.credential.pool, domain_of(target) or target)
        self._answer = b""
        self._head: Head | None = None
        self._missing = 0
        self.told: asyncio.Future[Head | None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        super().connection_made(transport)
        head = connect_head(self._target, self._relay_of_probe.authorization_of(self._ride))
        self._tally.up(len(head))
        if self.transport is not None:
            self.transport.write(head)

    def received(self, data: memoryview) -> None:
        """Read the head, and the body of a refusal: it is on the gateway's count."""
        self._tally.down(len(data))
        if self._head is not None:
            self._missing -= len(data)
        else:
            self._answer += data
            raw, end, rest = self._answer.partition(b"\r\n\r\n")
            if not end and len(self._answer) <= HEAD_LIMIT:
                return
            self._head = parse_head(raw)
            self._missing = (0 if self._head is None else self._head.body_bytes) - len(rest)
        if self._head is None or self._missing <= 0 or is_billed(self._head.status):
            self.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        """It is over, and known who pays."""
        self._tally.down(self.unread())
        if self._head is None or is_billed(self._head.status):
            self._tally.bill()
        else:
            self._tally.waive()
        if not self.told.done():
            self.told.set_result(self._head)
        self.gone()


class Probes:
    """The questions of one relay: each credential is asked about once at a time.

    A target that was found to speak for the gateway is not believed again for a minute.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._asking: dict[str, asyncio.Task[Word]] = {}
        self._dead: dict[str, Word] = {}
        self._liars: dict[str, float] = {}

    def is_liar(self, target: str) -> bool:
        """Whether a target has said of the gateway what the gateway denies."""
        until = self._liars.get(target)
        return until is not None and asyncio.get_running_loop().time() < until

    async def word(self, ride: Ride, target: str) -> Word:
        """Return what the gateway says of a credential when it is asked for a tunnel."""
        handle = ride.handle
        if (known := self._dead.get(handle)) is not None:
            return known
        task = self._asking.get(handle)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask(ride, target))
            self._asking[handle] = task
            task.add_done_callback(lambda _task: self._asking.pop(handle, None))
        word = await asyncio.shield(task)
        if word.cause in {Cause.AUTH, Cause.DEMO}:
            _remember(self._dead, handle, word)
        elif word.denies:
            until = asyncio.get_running_loop().time() + _BELIEVED_SECONDS
            _remember(self._liars, target, until)
        return word

    async def _ask(self, ride: Ride, target: str) -> Word:
        probe = _Probe(self._relay, ride, target)
        self._relay.meter.probes += 1
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._relay.dial(lambda: probe, ride.credential)
                head = await probe.told
        except OSError:  # a timeout is one, too
            head = None
        finally:
            probe.abort()
        if head is None:
            return Word(0, Cause.HUNG_UP)
        cause = cause_of(head.status, head.headers) if head.status >= 400 else Cause.OTHER  # noqa: PLR2004
        return Word(head.status, cause, head.headers.get("retry-after", ""))


def _remember(table: dict[str, _Value], name: str, value: _Value) -> None:
    if len(table) >= _REMEMBERED:
        table.clear()
    table[name] = value
