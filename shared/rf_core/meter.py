"""Our meter: wire bytes at the gateway connection, by pool and domain, to the byte.

Every byte of an exchange with the gateway counts, both ways, request heads and TLS included. An
exchange that the gateway itself refuses with a 4xx of its own making is free (C-167): until it is
known who answered, bytes wait in a :class:`Tally`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Spend:
    """Billed bytes of one domain in one pool, and how many requests asked for them."""

    up_bytes: int = 0
    down_bytes: int = 0
    requests: int = 0


@dataclass(slots=True)
class Meter:
    """The counts of one relay. They only ever grow.

    Attributes:
        spends: (pool, domain) → what it took. Domain is the host as requested, lower case (C-171).
        unbilled_bytes: Exchanges the gateway refused itself, and sends that died unanswered on a
            stale connection.
        tunnels, exchanges: CONNECT tunnels that were established; plain http requests sent.
        replays: Requests sent again because a kept-alive connection had died unseen.
        billed_bytes: Billed bytes, both ways, of all pools and domains.
        limit_bytes: Where they must end, or ask: `at_limit` is called with the bytes that reach it.
        end_bytes: Where they must end as far as is known; from nine tenths on little is read ahead.
    """

    spends: dict[tuple[str, str], Spend] = field(default_factory=dict)
    unbilled_bytes: int = 0
    tunnels: int = 0
    exchanges: int = 0
    replays: int = 0
    billed_bytes: int = 0
    limit_bytes: int | None = None
    end_bytes: int | None = None
    at_limit: Callable[[], None] | None = None

    def bill(self, count: int) -> None:
        """Add bytes that a pool pays for; at the limit somebody is told, each time anew."""
        self.billed_bytes += count
        if self.limit_bytes is not None and self.billed_bytes >= self.limit_bytes and self.at_limit:
            self.at_limit()

    def spend(self, pool: str, domain: str) -> Spend:
        """Return the account of that pool and domain, opened on first use."""
        key = (pool, domain)
        found = self.spends.get(key)
        if found is None:
            found = self.spends[key] = Spend()
        return found

    @property
    def up_bytes(self) -> int:
        """Billed bytes towards the gateway."""
        return sum(spend.up_bytes for spend in self.spends.values())

    @property
    def down_bytes(self) -> int:
        """Billed bytes from the gateway."""
        return sum(spend.down_bytes for spend in self.spends.values())

    @property
    def wire_bytes(self) -> int:
        """Billed bytes, both ways."""
        return self.billed_bytes


class Tally:
    """The bytes of one exchange: held back until somebody says who pays for them."""

    __slots__ = ("_meter", "_pool_domain", "_spend", "_waiting_down", "_waiting_up", "taken_bytes")

    def __init__(self, meter: Meter, pool: str, domain: str) -> None:
        self._meter = meter
        self._pool_domain = (pool, domain)
        self._spend: Spend | None = None
        self._waiting_up = 0
        self._waiting_down = 0
        self.taken_bytes = 0

    def up(self, count: int) -> None:
        """Count bytes written to the gateway."""
        self.taken_bytes += count
        if self._spend is None:
            self._waiting_up += count
        else:
            self._spend.up_bytes += count
            self._meter.bill(count)

    def down(self, count: int) -> None:
        """Count bytes read from the gateway."""
        self.taken_bytes += count
        if self._spend is None:
            self._waiting_down += count
        else:
            self._spend.down_bytes += count
            self._meter.bill(count)

    def bill(self) -> None:
        """From now on, and for what has waited, the pool pays."""
        if self._spend is None:
            self._spend = self._meter.spend(*self._pool_domain)
            self._spend.up_bytes += self._waiting_up
            self._spend.down_bytes += self._waiting_down
            waited = self._waiting_up + self._waiting_down
            self._waiting_up = self._waiting_down = 0
            self._meter.bill(waited)

    def waive(self) -> None:
        """What has waited is free; what comes after waits again."""
        self._meter.unbilled_bytes += self._waiting_up + self._waiting_down
        self._waiting_up = self._waiting_down = 0
