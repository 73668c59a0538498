"""The provider's meter: the one place where bytes are billed.

Every byte on the client's connection counts, both ways, but for what the reading of C-167 leaves
free. A row's count, the pool's balance and what is billed change in the same call, so they agree
at any moment. Bytes from the client count when they are read; bytes to it when they are handed to
its socket: of an aborted transfer some may never have left this machine.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Self

from rf_sandbox.accounts import Account
from rf_sandbox.switches import Switches
from rf_sandbox.usage import DomainUsage, Usage

MOST_ROWS: Final = 100_000
KEPT_ROWS: Final = 200_000
_ARCHIVED_AT_ONCE: Final = 2_000
_PIECE: Final = 200
_UNTOLD_BYTES: Final = 32 * 1024


@dataclass(slots=True)
class Row:
    """One http request or tunnel, while it lives and after.

    `bytes_up` and `bytes_down` are what crossed the client's connection, `billed_bytes` what was
    billed of both. The last two are the meter's own: bytes that `on_row` was not told of, and
    whether the row is out of the list.
    """

    seq: int
    username: str
    pool: str
    domain: str
    target: str
    method: str
    started: float
    billed: bool = True
    exit: str = ""
    bytes_up: int = 0
    bytes_down: int = 0
    billed_bytes: int = 0
    outcome: str = "live"
    status: int = 0
    ended: float | None = None
    untold: int = 0
    is_archived: bool = False

    def document(self) -> dict[str, Any]:
        """The row as the control API shows it."""
        return {
            "seq": self.seq,
            "username": self.username,
            "pool": self.pool,
            "domain": self.domain,
            "target": self.target,
            "method": self.method,
            "started": self.started,
            "billed": self.billed,
            "exit": self.exit,
            "bytes_up": self.bytes_up,
            "bytes_down": self.bytes_down,
            "billed_bytes": self.billed_bytes,
            "outcome": self.outcome,
            "status": self.status,
            "ended": self.ended,
        }


@dataclass(slots=True)
class Archive:
    """What became of rows that are no longer kept: how many, what they took of each pool.

    `usage` is [bytes, requests] by domain; it is in no document, and goes on after a restart.
    """

    rows: int = 0
    bytes: dict[str, int] = field(default_factory=dict)
    usage: dict[str, list[int]] = field(default_factory=dict)

    def add(self, row: Row, count: int, requests: int) -> None:
        """Add what a billed row took, or takes still."""
        self.bytes[row.pool] = self.bytes.get(row.pool, 0) + count
        used = self.usage.setdefault(row.domain, [0, 0])
        used[0] += count
        used[1] += requests

    def document(self) -> dict[str, Any]:
        """The archive as the control API shows it."""
        return {"rows": self.rows, "bytes": dict(self.bytes)}


class Traffic:
    """All rows of one sandbox, and what follows from them.

    Args:
        account: Whose balances it takes from.
        switches: How late the API is told, and how it is told.
        now: The sandbox's clock.

    Attributes:
        billed_bytes: What was billed so far, by pool.
        on_row: Told of a row at its end, and whenever 32 KiB of it have not been told.
        on_forget: Told that everything is forgotten.
    """

    def __init__(
        self,
        account: Account,
        switches: Switches | None = None,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.account = account
        self.rows: list[Row] = []
        self.billed_bytes: defaultdict[str, int] = defaultdict(int)
        self.archive = Archive()
        self.on_row: Callable[[Row], None] | None = None
        self.on_forget: Callable[[], None] | None = None
        self._now = now
        self._switches = switches or Switches()
        self._usage = Usage(self._switches)
        self._last_seq = 0
        self._pages: list[Page] = []

    # What the gateway tells

    def begin(
        self,
        *,
        username: str,
        pool: str,
        domain: str,
        target: str,
        method: str,
        now: float,
        billed: bool,
    ) -> Row:
        """Open a row. An unbilled one is an exchange the gateway itself refuses."""
        self._last_seq += 1
        row = Row(self._last_seq, username, pool, domain, target, method, now, billed)
        self.rows.append(row)
        if len(self.rows) >= KEPT_ROWS + _ARCHIVED_AT_ONCE:
            self._archive_oldest()
        if billed:
            self._usage.add(now, pool, domain, 0, 1)
        return row

    def up(self, row: Row, count: int, free: int = 0) -> None:
        """Count bytes that came from the client; `free` of them are not billed (C-167)."""
        if self._pages:
            self._hold(row)
        row.bytes_up += count
        self._bill(row, count - free)
        row.untold += count
        if row.untold >= _UNTOLD_BYTES or row.ended is not None:
            self._tell(row)

    def down(self, row: Row, count: int, free: int = 0) -> None:
        """Count bytes that go to the client; `free` of them are not billed (C-167)."""
        if self._pages:
            self._hold(row)
        row.bytes_down += count
        self._bill(row, count - free)
        row.untold += count
        if row.untold >= _UNTOLD_BYTES or row.ended is not None:
            self._tell(row)

    def end(self, row: Row, outcome: str, now: float) -> None:
        """Close a row; the first word stands."""
        if row.ended is None:
            if self._pages:
                self._hold(row)
            row.outcome = outcome
            row.ended = now
            self._tell(row)

    def excuse(self, row: Row) -> None:
        """Make an exchange free after all: the gateway itself has refused the rest of it."""
        if row.billed:
            self._hold(row)
            self._bill(row, -row.billed_bytes)
            self._usage.add(self._now(), row.pool, row.domain, 0, -1)
            if row.is_archived:
                self.archive.add(row, 0, -1)
            row.billed = False
            self._tell(row)

    def has_balance(self, pool: str) -> bool:
        """Whether a pool may still be used (C-166)."""
        found = self.account.pools.get(pool)
        return found is not None and found.balance_bytes > 0

    # What the API shows

    def published_balances(self, now: float) -> dict[str, int]:
        """Balances as late as the meter is; a top-up shows at once (C-170)."""
        hidden = self._usage.hidden(now)
        return {
            pool.id: pool.balance_bytes + hidden.get(pool.id, 0)
            for pool in self.account.pools.values()
        }

    def published_usage(self, now: float, limit: int) -> list[tuple[str, DomainUsage]]:
        """The largest domains, as late as the meter is (C-097 to C-100, C-170)."""
        return self._usage.top(now, limit)

    # What control shows

    def since(self, seq: int) -> list[dict[str, Any]]:
        """The next rows after that number, live ones included."""
        return [row.document() for row in self._after(seq)]

    def since_pieces(self, seq: int) -> Page:
        """The same rows as they are at this moment, for somebody who takes them bit by bit."""
        page = Page(self._after(seq), self._pages)
        self._pages.append(page)
        return page

    @property
    def last_seq(self) -> int:
        """The number of the newest row."""
        return self._last_seq

    def all_pieces(self) -> Page:
        """Every row that is kept, as it is at this moment."""
        page = Page(list(self.rows), self._pages)
        self._pages.append(page)
        return page

    def forget(self) -> None:
        """Start with no rows; what is still alive is counted no more."""
        for row in self.rows:
            self._hold(row)
            row.billed, row.is_archived = False, True
        self.rows.clear()
        self.billed_bytes.clear()
        self.archive = Archive()
        self._usage = Usage(self._switches)
        self._last_seq = 0
        if self.on_forget is not None:
            self.on_forget()

    # After a restart

    def remember(self, archive: Archive, rows: list[Row], last_seq: int) -> None:
        """Go on from what was kept, rows in their order: bill all of it once more."""
        self.archive, self.rows, self._last_seq = archive, rows, last_seq
        for domain, (count, requests) in archive.usage.items():
            self._usage.remember(domain, count, requests)
        billed = defaultdict(int, archive.bytes)
        for row in rows:
            if row.billed:
                billed[row.pool] += row.billed_bytes
                self._usage.add(row.started, row.pool, row.domain, row.billed_bytes, 1)
        self._usage.settle()
        for pool, count in billed.items():
            self.account.pools[pool].balance_bytes -= count
        self.billed_bytes = billed
        self._archive_oldest()

    def _after(self, seq: int) -> list[Row]:
        first = bisect_right(self.rows, seq, key=lambda row: row.seq)
        return self.rows[first : first + MOST_ROWS]

    def _bill(self, row: Row, count: int) -> None:
        if row.billed and count:
            row.billed_bytes += count
            pool = row.pool
            self.account.pools[pool].balance_bytes -= count
            self.billed_bytes[pool] += count
            self._usage.add(self._now(), pool, row.domain, count)
            if row.is_archived:
                self.archive.add(row, count, 0)

    def _tell(self, row: Row) -> None:
        row.untold = 0
        if self.on_row is not None and not row.is_archived:
            self.on_row(row)

    def _hold(self, row: Row) -> None:
        """Keep what a row was for those who are reading the moment before."""
        for page in self._pages:
            page.hold(row)

    def _archive_oldest(self) -> None:
        excess, kept = len(self.rows) - KEPT_ROWS, []
        for row in self.rows:
            if excess > 0 and row.ended is not None:
                excess -= 1
                row.is_archived = True
                self.archive.rows += 1
                if row.billed:
                    self.archive.add(row, row.billed_bytes, 1)
            else:
                kept.append(row)
        self.rows = kept


class Page:
    """Rows as they were at one moment, in pieces that are built when they are asked for.

    A row that changes meanwhile is written down just before. Close it: until then that is done.
    """

    def __init__(self, rows: list[Row], pages: list[Page]) -> None:
        self._rows = rows
        self._pages = pages
        self._held: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        for first in range(0, len(self._rows), _PIECE):
            yield [
                self._held.get(id(row)) or row.document()
                for row in self._rows[first : first + _PIECE]
            ]

    def hold(self, row: Row) -> None:
        """Write a row down that is about to change; the page keeps it alive, so its id is its."""
        if id(row) not in self._held:
            self._held[id(row)] = row.document()

    def close(self) -> None:
        """Let rows change. Repeatable."""
        if self in self._pages:
            self._pages.remove(self)
