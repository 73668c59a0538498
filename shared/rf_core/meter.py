"""Our meter: wire bytes at the gateway connection, by pool and domain, to the byte.

Every byte of an exchange with the gateway counts, both ways, request heads and TLS included. An
exchange that the gateway itself refuses with a 4xx of its own making is free (C-167): until it is
known who answered, bytes wait in a :class:`Tally`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableSequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rf_core.attribution import Channel, Spend
from rf_core.causes import SpendCause

ChannelName: TypeAlias = Hashable
"""The flight number of a plain exchange, or (credential, target) of tunnels."""


@dataclass(slots=True)
class Meter:
    """The counts of one relay. They only ever grow.

    Attributes:
        spends: (pool, domain) → what it took. Domain is the host as requested, lower case (C-171).
        unbilled_bytes: Exchanges the gateway refused itself, and sends that died unanswered on a
            stale connection.
        tunnels, exchanges: CONNECT tunnels that were established; plain http requests sent.
        probes: Questions put to the gateway, because a plain answer could have been a target's.
        replays: Requests sent again because a kept-alive connection had died unseen.
        billed_bytes: Billed bytes, both ways, of all pools and domains.
        limit_bytes: Where they must end, or ask: `at_limit` is called with the bytes that reach it.
        end_bytes: Where they must end as far as is known; from nine tenths on little is read ahead.
        cells: The first says what is billed, as far as that is limited, to whoever outlives us.
        channels: Where requests are under way whose causes are known to somebody.
    """

    spends: dict[tuple[str, str], Spend] = field(default_factory=dict)
    unbilled_bytes: int = 0
    tunnels: int = 0
    exchanges: int = 0
    replays: int = 0
    probes: int = 0
    billed_bytes: int = 0
    limit_bytes: int | None = None
    end_bytes: int | None = None
    at_limit: Callable[[], None] | None = None
    cells: MutableSequence[int] | memoryview = field(default_factory=lambda: [0])
    channels: dict[ChannelName, Channel] = field(default_factory=dict)

    def bill(self, count: int) -> None:
        """Add bytes that a pool pays for; at the limit somebody is told, each time anew."""
        self.billed_bytes = billed = self.billed_bytes + count
        if self.limit_bytes is None:
            return
        self.cells[0] = billed
        if billed >= self.limit_bytes and self.at_limit:
            self.at_limit()

    def spend(self, pool: str, domain: str) -> Spend:
        """Return the account of that pool and domain, opened on first use."""
        key = (pool, domain)
        found = self.spends.get(key)
        if found is None:
            found = self.spends[key] = Spend()
        return found

    def channel(self, name: ChannelName, pool: str, domain: str, *, is_plain: bool) -> Channel:
        """Return the channel of that name, opened on first use."""
        found = self.channels.get(name)
        if found is None:
            found = self.channels[name] = Channel(self.spend(pool, domain), is_plain=is_plain)
        return found

    def tidy(self, name: ChannelName) -> None:
        """Forget a channel on which nothing more is to come."""
        found = self.channels.get(name)
        if found is not None and found.is_idle:
            del self.channels[name]

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
    """The bytes of one exchange: held back until somebody says who pays for them.

    Args:
        channel: The name of the channel it belongs to, if it is one that somebody has opened.
    """

    __slots__ = (
        "_channel",
        "_meter",
        "_name",
        "_pool_domain",
        "_spend",
        "_waiting_down",
        "_waiting_up",
        "taken_down",
        "taken_up",
    )

    def __init__(
        self, meter: Meter, pool: str, domain: str, channel: ChannelName | None = None
    ) -> None:
        self._meter = meter
        self._pool_domain = (pool, domain)
        self._spend: Spend | None = None
        self._name = channel
        self._channel = meter.channels.get(channel)
        self._waiting_up = 0
        self._waiting_down = 0
        self.taken_up = 0
        self.taken_down = 0

    @property
    def taken_bytes(self) -> int:
        """All that was counted, both ways, whoever pays."""
        return self.taken_up + self.taken_down

    def up(self, count: int) -> None:
        """Count bytes written to the gateway."""
        self.taken_up += count
        if self._spend is None:
            self._waiting_up += count
        else:
            self._spend.up_bytes += count
            if self._channel is not None:
                self._channel.up(count)
            self._meter.bill(count)

    def down(self, count: int) -> None:
        """Count bytes read from the gateway."""
        self.taken_down += count
        if self._spend is None:
            self._waiting_down += count
        else:
            self._spend.down_bytes += count
            if self._channel is not None:
                self._channel.down(count)
            self._meter.bill(count)

    def bill(self) -> None:
        """From now on, and for what has waited, the pool pays."""
        if self._spend is None:
            self._spend = self._meter.spend(*self._pool_domain)
            self._spend.up_bytes += self._waiting_up
            self._spend.down_bytes += self._waiting_down
            if self._channel is not None:
                self._channel.up(self._waiting_up)
                self._channel.down(self._waiting_down)
            waited = self._waiting_up + self._waiting_down
            self._waiting_up = self._waiting_down = 0
            self._meter.bill(waited)

    def waive(self) -> None:
        """What has waited is free; what comes after waits again."""
        self._meter.unbilled_bytes += self._waiting_up + self._waiting_down
        self._waiting_up = self._waiting_down = 0

    # Tunnels

    def tunnel_stands(self) -> None:
        """The gateway has granted a tunnel, which the pool pays for from here on."""
        self.bill()
        self._meter.tunnels += 1
        self._meter.spend(*self._pool_domain).part(SpendCause.TUNNEL).requests += 1
        if self._channel is not None:
            self._channel.tunnels += 1

    def handshake_done(self) -> None:
        """All that has moved in a tunnel so far was needed to open it."""
        if self._channel is not None:
            self._channel.overhead(self.taken_up, self.taken_down)
        elif self._spend is not None:
            part = self._spend.part(SpendCause.TUNNEL)
            part.up_bytes += self.taken_up
            part.down_bytes += self.taken_down

    def tunnel_ends(self) -> None:
        """A tunnel that stood is gone."""
        if self._channel is not None:
            self._channel.tunnels -= 1
            self._meter.tidy(self._name)
