"""The rate-limit windows of a key, kept in `state.db` so that no process can overrun them alone."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections import Counter
from dataclasses import dataclass
from typing import Final

from rf_core.errors import DeadlineError
from rf_core.governor import (
    Granted,
    Priority,
    Slot,
    Wait,
    Window,
    decide,
    lease_end,
    observe,
    refused,
    settled_end,
)
from rf_core.io.clock import Clock
from rf_core.io.state import State
from rf_core.protocol import DOCUMENTED_LIMITS, WINDOW_SECONDS, RateHeaders
from rf_core.snapshot import Headroom

_LONGEST_NAP: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """A slot in hand: give it back with :meth:`Windows.settle` when the answer has come."""

    slot: int
    group: str
    taken_at: float


class Windows:
    """Both windows of one key, for all processes of the machine.

    Args:
        key: The key's fingerprint.
        holder: Who asks, for the monitor to show: `monitor`, `crawl books`.
        window_seconds: For tests against a server whose windows are shorter than a minute.
    """

    def __init__(
        self,
        state: State,
        key: str,
        *,
        holder: str,
        clock: Clock,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._state = state
        self._key = key
        self._holder = holder
        self._clock = clock
        self._boot = clock.boot_id()
        self._window_seconds = window_seconds

    async def acquire(
        self,
        group: str,
        *,
        priority: Priority,
        within_seconds: float,
        timeout_seconds: float,
    ) -> Ticket:
        """Wait for a slot and take it.

        Args:
            within_seconds: How long to wait at most.
            timeout_seconds: How long the call may take: the bound of the slot's lease.

        Raises:
            DeadlineError: no slot comes free in time; it says when one does.
            StateError: the database cannot be used.
        """
        give_up_at = self._clock.monotonic() + within_seconds
        while True:
            now = self._clock.boottime()
            outcome = await self._state.run(self._try, group, priority, now, timeout_seconds)
            if isinstance(outcome, Ticket):
                return outcome
            left = give_up_at - self._clock.monotonic()
            if outcome.seconds > left:
                message = (
                    f"The next free slot of {group} is {outcome.seconds:.0f} s away, "
                    f"longer than this may wait."
                )
                raise DeadlineError(message, way_out="`rf limits` shows who uses the window.")
            await self._clock.sleep(min(max(outcome.seconds, 0.01), _LONGEST_NAP))

    async def settle(
        self, ticket: Ticket, headers: RateHeaders, *, refused_after: float | None = None
    ) -> None:
        """Give a slot back: its answer has come, with these headers.

        Args:
            refused_after: For a 429, the seconds it asked to wait (0 when it did not say).
        """
        now = self._clock.boottime()
        await self._state.run(self._settle, ticket, headers, now, refused_after)

    async def unsend(self, ticket: Ticket) -> None:
        """Give a slot back whose call never left this machine."""
        await self._state.run(self._delete, ticket)

    async def headroom(self) -> tuple[Headroom, ...]:
        """Say what is left of each window, without a call."""
        now = self._clock.boottime()
        return await self._state.read(self._headroom, now)

    # In the state's thread.

    def _try(
        self,
        connection: sqlite3.Connection,
        group: str,
        priority: Priority,
        now: float,
        timeout_seconds: float,
    ) -> Ticket | Wait:
        window = self._window(connection, group)
        outcome = decide(window, self._slots(connection, group, now), now, priority)
        match outcome:
            case Wait():
                return outcome
            case Granted():
                until = lease_end(
                    now, timeout_seconds=timeout_seconds, window_seconds=self._window_seconds
                )
                cursor = connection.execute(
                    "INSERT INTO slots (key, grp, holder, taken_at, frees_at, settled, boot) "
                    "VALUES (?, ?, ?, ?, ?, 0, ?)",
                    (self._key, group, self._holder, now, until, self._boot),
                )
                return Ticket(cursor.lastrowid or 0, group, now)

    def _settle(
        self,
        connection: sqlite3.Connection,
        ticket: Ticket,
        headers: RateHeaders,
        now: float,
        refused_after: float | None,
    ) -> None:
        connection.execute(
            "UPDATE slots SET frees_at = ?, settled = 1 WHERE id = ?",
            (settled_end(now, window_seconds=self._window_seconds), ticket.slot),
        )
        ours = sum(slot.frees_at > now for slot in self._slots(connection, ticket.group, now))
        window = observe(
            self._window(connection, ticket.group),
            headers,
            asked_at=ticket.taken_at,
            now=now,
            ours=ours,
        )
        if refused_after is not None:
            window = refused(window, now=now, retry_after=refused_after)
        self._keep(connection, window)

    def _delete(self, connection: sqlite3.Connection, ticket: Ticket) -> None:
        connection.execute("DELETE FROM slots WHERE id = ?", (ticket.slot,))

    def _headroom(self, connection: sqlite3.Connection, now: float) -> tuple[Headroom, ...]:
        result = []
        for group in DOCUMENTED_LIMITS:
            window = self._window(connection, group)
            slots = [slot for slot in self._read_slots(connection, group) if slot.frees_at > now]
            outcome = decide(window, slots, now, "interactive")
            holders = Counter(slot.holder for slot in slots)
            result.append(
                Headroom(
                    group=group,
                    limit=window.limit,
                    used=len(slots),
                    foreign=window.strangers(now),
                    next_slot_seconds=outcome.seconds if isinstance(outcome, Wait) else 0.0,
                    holders=tuple(holders.most_common()),
                    frees_in_seconds=tuple(sorted(slot.frees_at - now for slot in slots)),
                )
            )
        return tuple(result)

    def _slots(self, connection: sqlite3.Connection, group: str, now: float) -> list[Slot]:
        connection.execute(
            "DELETE FROM slots WHERE key = ? AND grp = ? AND frees_at <= ? AND boot = ?",
            (self._key, group, now, self._boot),
        )
        # After a reboot the clock began anew: what was held then is held for one more window.
        connection.execute(
            "UPDATE slots SET boot = ?, taken_at = ?, frees_at = ? "
            "WHERE key = ? AND grp = ? AND boot != ?",
            (
                self._boot,
                now,
                settled_end(now, window_seconds=self._window_seconds),
                self._key,
                group,
                self._boot,
            ),
        )
        return self._read_slots(connection, group)

    def _read_slots(self, connection: sqlite3.Connection, group: str) -> list[Slot]:
        rows = connection.execute(
            "SELECT id, taken_at, frees_at, holder, settled FROM slots "
            "WHERE key = ? AND grp = ? AND boot = ?",
            (self._key, group, self._boot),
        )
        return [
            Slot(number, taken_at, frees_at, holder, bool(settled))
            for number, taken_at, frees_at, holder, settled in rows
        ]

    def _window(self, connection: sqlite3.Connection, group: str) -> Window:
        row = connection.execute(
            "SELECT allowed, strangers, strangers_until, hold_until, observed_at, boot "
            "FROM windows WHERE key = ? AND grp = ?",
            (self._key, group),
        ).fetchone()
        if row is None:
            return Window(group, DOCUMENTED_LIMITS[group], seconds=self._window_seconds)
        allowed, strangers, strangers_until, hold_until, observed_at, boot = row
        if boot != self._boot:
            return Window(group, allowed, seconds=self._window_seconds)
        return Window(
            group,
            allowed,
            strangers,
            strangers_until,
            hold_until,
            observed_at,
            self._window_seconds,
        )

    def _keep(self, connection: sqlite3.Connection, window: Window) -> None:
        never = -1e18  # SQLite keeps no infinity in a STRICT column the way Python writes it.
        connection.execute(
            "INSERT OR REPLACE INTO windows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                self._key,
                window.group,
                window.limit,
                window.foreign,
                max(window.foreign_until, never),
                max(window.hold_until, never),
                max(window.observed_at, never),
                self._boot,
            ),
        )


def session_holder(name: str) -> str:
    """Name one session for leases: unique on the machine, among those of this process too."""
    return f"{name} {os.getpid()} {secrets.token_hex(3)}"
