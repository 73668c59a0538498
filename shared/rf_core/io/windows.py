"""The windows of a key, for whoever calls the API: wait for a slot, give it back, see what is left.

Whoever waits asks again when its slot is due and not before; in between it costs nothing.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

from rf_core.call import DOCUMENTED_LIMITS, WINDOW_SECONDS
from rf_core.errors import DeadlineError
from rf_core.governor import Priority
from rf_core.io.clock import Clock
from rf_core.io.journal import Journal
from rf_core.io.state import State
from rf_core.io.stores import SharedStore, Store, WindowName
from rf_core.ledger import ID_BITS, Ask, Later, Report, Taken
from rf_core.protocol import RateHeaders
from rf_core.snapshot import Headroom

_SHORTEST_NAP: Final = 0.001
_JITTER_WINDOWS: Final = 1 / 1_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """A slot in hand: give it back with :meth:`Windows.settle` when the answer has come."""

    group: str
    taken: Taken


class Windows:
    """Both windows of one key.

    Args:
        kept: The machine's state, where all its processes share them, or any other store.
        key: The key's fingerprint.
        holder: Who asks, for the monitor to show: `monitor`, `crawl books`.
        window_seconds: For tests against a server whose windows are shorter than a minute; a store
            of one's own knows its length itself.
        chance: A number from 0 to 1, so that those who wake together do not ask together.

    Attributes:
        journal: Where calls are noted; None without `state.db`.
    """

    def __init__(
        self,
        kept: State | Store,
        key: str,
        *,
        holder: str,
        clock: Clock,
        window_seconds: float = WINDOW_SECONDS,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = (
            SharedStore(kept, clock, window_seconds=window_seconds)
            if isinstance(kept, State)
            else kept
        )
        self.journal = Journal(kept, key, holder) if isinstance(kept, State) else None
        self._names = {group: WindowName(key, group) for group in DOCUMENTED_LIMITS}
        self._holder = holder
        self._clock = clock
        self._chance = chance
        self._jitter = self._store.window_seconds * _JITTER_WINDOWS
        # Numbers of calls, unlike those of any other process that lives now.
        self._numbers = count(secrets.randbits(ID_BITS - 1))

    async def acquire(
        self,
        group: str,
        *,
        priority: Priority,
        within_seconds: float,
        timeout_seconds: float,
    ) -> Ticket:
        """Wait for a slot and take it: better priority first, then whoever asked first.

        Args:
            within_seconds: How long to wait at most.
            timeout_seconds: How long the call may take: the bound of the slot's lease.

        Raises:
            DeadlineError: no slot comes free in time; it says when one does.
            StateError: the store cannot be used.
        """
        number = next(self._numbers) % (1 << ID_BITS)
        ask = Ask(number, self._holder, priority, timeout_seconds, within_seconds)
        outcome = await self._store.acquire(self._names[group], ask)
        if isinstance(outcome, Later):
            outcome = await self._wait(group, ask, outcome)
        return Ticket(group, outcome)

    async def _wait(self, group: str, ask: Ask, later: Later) -> Taken:
        name = self._names[group]
        give_up_at = self._clock.monotonic() + ask.patience_seconds
        outcome: Taken | Later = later
        try:
            while isinstance(outcome, Later):
                await self._nap(group, outcome, give_up_at)
                patience = give_up_at - self._clock.monotonic()
                again = ask.again(asked_at=outcome.asked_at, patience_seconds=patience)
                outcome = await self._store.acquire(name, again)
        except BaseException:
            await self._store.withdraw(name, ask)
            raise
        return outcome

    async def _nap(self, group: str, later: Later, give_up_at: float) -> None:
        if later.seconds > give_up_at - self._clock.monotonic():
            message = (
                f"The next free slot of {group} is {later.seconds:.0f} s away, "
                f"longer than this may wait."
            )
            raise DeadlineError(message, way_out="`rf limits` shows who uses the window.")
        nap = max(later.nap_seconds, _SHORTEST_NAP)
        await self._clock.sleep(nap + self._jitter * self._chance())

    async def settle(
        self, ticket: Ticket, headers: RateHeaders, *, refused_after: float | None = None
    ) -> None:
        """Give a slot back: its answer has come, with these headers.

        Args:
            refused_after: For a 429, the seconds it asked to wait (0 when it did not say).
        """
        report = Report(headers, refused_after)
        await self._store.settle(self._names[ticket.group], ticket.taken, report)

    async def unsend(self, ticket: Ticket) -> None:
        """Give a slot back whose call never left this machine."""
        await self._store.withdraw(self._names[ticket.group], ticket.taken)

    async def headroom(self) -> tuple[Headroom, ...]:
        """Say what is left of each window, without a call."""
        return tuple([await self._store.headroom(name) for name in self._names.values()])


def session_holder(name: str) -> str:
    """Name one session for leases: unique on the machine, among those of this process too."""
    return f"{name} {os.getpid()} {secrets.token_hex(3)}"
