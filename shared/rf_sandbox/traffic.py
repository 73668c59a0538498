"""The provider's meter: the one place where bytes are billed.

Every byte on the client's connection counts, both ways (C-167). A row's count, the pool's balance
and the domain's usage change in the same call, so they agree at any moment. Bytes from the client
count when they are read; bytes to it when they are handed to its socket: of an aborted transfer
some may never have left this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from rf_sandbox.accounts import Account

MOST_ROWS: Final = 100_000


@dataclass(slots=True)
class Row:
    """One http request or tunnel, while it lives and after."""

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
    outcome: str = "live"
    status: int = 0
    ended: float | None = None

    def document(self) -> dict[str, Any]:
        """The row as the control API shows it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class DomainUsage:
    """What one domain took, for the whole account (C-099)."""

    bytes: int = 0
    requests: int = 0


@dataclass(slots=True)
class Traffic:
    """All rows of one sandbox, and what follows from them."""

    account: Account
    rows: list[Row] = field(default_factory=list)
    usage: dict[str, DomainUsage] = field(default_factory=dict)
    billed_bytes: dict[str, int] = field(default_factory=dict)

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
        row = Row(len(self.rows) + 1, username, pool, domain, target, method, now, billed)
        self.rows.append(row)
        if billed:
            self._usage(domain).requests += 1
        return row

    def up(self, row: Row, count: int) -> None:
        """Count bytes that came from the client."""
        row.bytes_up += count
        self._bill(row, count)

    def down(self, row: Row, count: int) -> None:
        """Count bytes that go to the client."""
        row.bytes_down += count
        self._bill(row, count)

    def end(self, row: Row, outcome: str, now: float) -> None:
        """Close a row; the first word stands."""
        if row.ended is None:
            row.outcome = outcome
            row.ended = now

    def has_balance(self, pool: str) -> bool:
        """Whether a pool may still be used (C-166)."""
        found = self.account.pools.get(pool)
        return found is not None and found.balance_bytes > 0

    def top_domains(self, limit: int) -> list[tuple[str, DomainUsage]]:
        """The largest domains, ties by name (C-098)."""
        ordered = sorted(self.usage.items(), key=lambda item: (-item[1].bytes, item[0]))
        return ordered[:limit]

    def since(self, seq: int) -> list[dict[str, Any]]:
        """The next rows after that number, live ones included."""
        first = max(0, seq)
        return [row.document() for row in self.rows[first : first + MOST_ROWS]]

    def excuse(self, row: Row) -> None:
        """Make an exchange free after all: the gateway itself has refused the rest of it."""
        if row.billed:
            self._bill(row, -row.bytes_up - row.bytes_down)
            self._usage(row.domain).requests -= 1
            row.billed = False

    def forget(self) -> None:
        """Start with no rows; what is still alive is counted no more."""
        for row in self.rows:
            if row.ended is None:
                row.billed = False
        self.rows.clear()
        self.usage.clear()
        self.billed_bytes.clear()

    def _usage(self, domain: str) -> DomainUsage:
        return self.usage.setdefault(domain, DomainUsage())

    def _bill(self, row: Row, count: int) -> None:
        if row.billed:
            self.account.pools[row.pool].balance_bytes -= count
            self.billed_bytes[row.pool] = self.billed_bytes.get(row.pool, 0) + count
            self._usage(row.domain).bytes += count
