"""Where windows are kept: in this process, or in `state.db` for all processes of the machine.

A store keeps one value for each key and group and changes it as one step, by a clock of its own:
that is all a third kind would have to do. What happens in a window is decided in
:mod:`rf_core.ledger`, the same for all.
"""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

from rf_core.call import DOCUMENTED_LIMITS, WINDOW_SECONDS
from rf_core.governor import NEVER, Window, lease_end, settled_end
from rf_core.io.clock import Clock
from rf_core.io.state import State
from rf_core.ledger import Ask, Later, Ledger, Report, Taken
from rf_core.packing import DamagedError, pack, unpack
from rf_core.snapshot import Headroom

_Result = TypeVar("_Result")

_FIND: Final = "SELECT id, version, boot, body FROM windows WHERE key = ? AND grp = ?"
_KEEP: Final = "UPDATE windows SET body = ?, version = ?, boot = ? WHERE id = ? AND version = ?"
_BEGIN: Final = "INSERT OR IGNORE INTO windows VALUES (NULL, ?, ?, 0, ?, ?)"
_LOST_SECONDS: Final = 30.0
"""For how long a call may still be under way of which a damaged row tells nothing any more."""


class WindowName(NamedTuple):
    """Which window: that of one key's calls of one group."""

    key: str
    group: str


class Store(Protocol):
    """Keeps windows. Each method is one step that no other process sees half of.

    All raise :class:`~rf_core.errors.StateError` when what they are kept in cannot be used.
    """

    @property
    def window_seconds(self) -> float:
        """The length of its windows."""
        ...

    async def acquire(self, name: WindowName, ask: Ask) -> Taken | Later:
        """Take a slot, or a place in line."""
        ...

    async def settle(self, name: WindowName, taken: Taken, report: Report) -> None:
        """Take in the answer of a call that had a slot."""
        ...

    async def withdraw(self, name: WindowName, what: Taken | Ask) -> None:
        """Give back a slot whose call never left, or leave the line."""
        ...

    async def headroom(self, name: WindowName) -> Headroom:
        """Say what is left, without a call."""
        ...


class MemoryStore:
    """Windows of this process alone, all its threads: for scripts that share a key with nobody."""

    def __init__(self, clock: Clock, *, window_seconds: float = WINDOW_SECONDS) -> None:
        self._clock = clock
        self._seconds = window_seconds
        self._ledgers: dict[WindowName, Ledger] = {}
        self._lock = threading.Lock()

    @property
    def window_seconds(self) -> float:
        """See :class:`Store`."""
        return self._seconds

    async def acquire(self, name: WindowName, ask: Ask) -> Taken | Later:
        """See :class:`Store`."""
        with self._lock:
            return self._ledger(name).take(ask, self._clock.boottime())

    async def settle(self, name: WindowName, taken: Taken, report: Report) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._ledger(name).settle(taken, report, self._clock.boottime())

    async def withdraw(self, name: WindowName, what: Taken | Ask) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._ledger(name).withdraw(what.id)

    async def headroom(self, name: WindowName) -> Headroom:
        """See :class:`Store`."""
        with self._lock:
            return self._ledger(name).headroom(name.group, self._clock.boottime())

    def _ledger(self, name: WindowName) -> Ledger:
        if name not in self._ledgers:
            self._ledgers[name] = begin(name, self._seconds)
        return self._ledgers[name]


@dataclass(slots=True)
class _Row:
    """A row as it was read: whoever writes it says which version was the one before."""

    number: int
    version: int
    ledger: Ledger


class SharedStore:
    """Windows in `state.db`, one row each, by the clock that the processes of a machine share."""

    def __init__(
        self, state: State, clock: Clock, *, window_seconds: float = WINDOW_SECONDS
    ) -> None:
        self._state = state
        self._clock = clock
        self._boot = clock.boot_id()
        self._seconds = window_seconds
        self._rows: dict[WindowName, _Row] = {}
        self._written: dict[WindowName, int] = {}
        self._renewals = 0

    @property
    def window_seconds(self) -> float:
        """See :class:`Store`."""
        return self._seconds

    async def acquire(self, name: WindowName, ask: Ask) -> Taken | Later:
        """See :class:`Store`."""
        return await self._state.run_swiftly(
            self._change, name, lambda ledger: ledger.take(ask, self._clock.boottime())
        )

    async def settle(self, name: WindowName, taken: Taken, report: Report) -> None:
        """See :class:`Store`."""
        # The moment the answer came, not the one when the database was free.
        now = self._clock.boottime()
        await self._state.run_swiftly(
            self._change, name, lambda ledger: ledger.settle(taken, report, now)
        )

    async def withdraw(self, name: WindowName, what: Taken | Ask) -> None:
        """See :class:`Store`."""
        await self._state.run_swiftly(self._change, name, lambda ledger: ledger.withdraw(what.id))

    async def headroom(self, name: WindowName) -> Headroom:
        """See :class:`Store`."""
        return await self._state.run_swiftly(self._look, name)

    def _change(
        self,
        connection: sqlite3.Connection,
        name: WindowName,
        change: Callable[[Ledger], _Result],
    ) -> _Result | None:
        """Read, decide, and write if nobody has written since: the lock is held for the last part.

        A row that nobody else writes need not be read again.
        """
        if self._renewals != self._state.renewals:
            self._renewals = self._state.renewals
            self._rows.clear()
            self._written.clear()
        row = self._rows.pop(name, None) or self._load(connection, name)
        if row is None:
            return None
        result = change(row.ledger)
        body = pack(row.ledger)
        after = row.version + 1
        written = connection.execute(_KEEP, (body, after, self._boot, row.number, row.version))
        if not written.rowcount:
            return None
        self._state.count_commit()
        if row.version == self._written.get(name):
            self._rows[name] = row
        row.version = self._written[name] = after
        return result

    def _look(self, connection: sqlite3.Connection, name: WindowName) -> Headroom | None:
        row = self._load(connection, name)
        return None if row is None else row.ledger.headroom(name.group, self._clock.boottime())

    def _load(self, connection: sqlite3.Connection, name: WindowName) -> _Row | None:
        found = connection.execute(_FIND, (name.key, name.group)).fetchone()
        if found is None:
            body = pack(begin(name, self._seconds))
            connection.execute(_BEGIN, (name.key, name.group, self._boot, body))
            return None
        number, version, boot, body = found
        return _Row(number, version, self._understand(name, boot, body))

    def _understand(self, name: WindowName, boot: str, packed: bytes) -> Ledger:
        now = self._clock.boottime()
        try:
            if boot == self._boot:
                return resized(unpack(packed, now), self._seconds)
            limit = unpack(packed, math.inf).window.limit
        except DamagedError:
            until = lease_end(now, timeout_seconds=_LOST_SECONDS, window_seconds=self._seconds)
            return begin(name, self._seconds, hold_until=until)
        # What was sent before the machine started has left when it has run for a window.
        until = settled_end(0.0, window_seconds=self._seconds)
        return begin(name, self._seconds, limit=limit, hold_until=until)


def begin(
    name: WindowName, seconds: float, *, limit: int | None = None, hold_until: float = NEVER
) -> Ledger:
    """Begin a window of which nothing is known but what is documented (C-121).

    Args:
        hold_until: When what may have been sent before has surely left the server's window.
    """
    documented = DOCUMENTED_LIMITS[name.group]
    return Ledger(Window(limit or documented, seconds, hold_until=hold_until))


def resized(ledger: Ledger, seconds: float) -> Ledger:
    """Read the same ledger with windows of another length, for tests of short ones."""
    if ledger.window.seconds != seconds:
        ledger.window = ledger.window._replace(seconds=seconds)
    return ledger
