"""Tells causes apart on one connection: who flies on it, and how much of its bytes is whose.

A plain http exchange carries one request, and its bytes are that request's to the byte. A tunnel
shows none of what it carries: while one request is under way on it, what moves is that request's;
where several share it, each takes what Scrapy saw of it and the last one the rest. Nothing is ever
counted here that the relay has not counted, and the parts sum to its count at any moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rf_core.causes import SpendCause, apportioned

_RECORD_OVERHEAD: Final = 9
_FIRST_RECORDS: Final = 64


@dataclass(slots=True)
class Part:
    """What one cause took, and how many requests it was. With `tunnel`, how many tunnels."""

    up_bytes: int = 0
    down_bytes: int = 0
    requests: int = 0

    def add(self, part: Part) -> None:
        """Add another to it."""
        self.up_bytes += part.up_bytes
        self.down_bytes += part.down_bytes
        self.requests += part.requests


class Share(NamedTuple):
    """What one request took of a connection."""

    up_bytes: int = 0
    down_bytes: int = 0


@dataclass(slots=True)
class Spend:
    """Billed bytes of one domain in one pool, and how many requests asked for them.

    Attributes:
        parts: What is known of their causes; what is in none of them is `page`.
        changes: How often something was added to a part, at least.
    """

    up_bytes: int = 0
    down_bytes: int = 0
    requests: int = 0
    parts: dict[SpendCause, Part] = field(default_factory=dict)
    changes: int = 0

    def part(self, cause: SpendCause) -> Part:
        """Return the part of a cause, opened on first use, for something to be added to it."""
        self.changes += 1
        found = self.parts.get(cause)
        if found is None:
            found = self.parts[cause] = Part()
        return found

    def move(self, share: Share, before: SpendCause, after: SpendCause) -> None:
        """One request's bytes turn out to have another cause."""
        if before is after:
            return
        for cause, sign in ((before, -1), (after, 1)):
            part = self.part(cause)
            part.up_bytes += sign * share.up_bytes
            part.down_bytes += sign * share.down_bytes
            part.requests += sign


class Channel:
    """One plain exchange, or the tunnels of one credential to one target.

    Attributes:
        up_bytes, down_bytes: Billed, and not yet any cause's: of those that fly.
        tunnels: How many are open.
        rest: Whose bytes are that move while nobody flies, as the goodbyes of TLS.
    """

    __slots__ = ("_aboard", "_flying", "_vague", "down_bytes", "is_plain", "rest", "spend",
                 "tunnels", "up_bytes")  # fmt: skip

    def __init__(self, spend: Spend, *, is_plain: bool) -> None:
        self.spend = spend
        self.is_plain = is_plain
        self.up_bytes = 0
        self.down_bytes = 0
        self.tunnels = 0
        self.rest = SpendCause.PAGE if is_plain else SpendCause.TUNNEL
        # Plain dictionaries and a sum beside them: one of these is made for each plain request.
        self._flying: dict[SpendCause, int] = {}
        self._vague: dict[SpendCause, int] = {}
        self._aboard = 0

    def __repr__(self) -> str:
        waiting = self.up_bytes + self.down_bytes
        flying = sum(self._flying.values())
        return f"<Channel {flying} flying, {self.tunnels} tunnels, {waiting} bytes>"

    @property
    def has_flights(self) -> bool:
        """Whether bytes may wait here for a cause."""
        return self._aboard > 0

    @property
    def is_idle(self) -> bool:
        """Whether nobody flies and no tunnel is open: nothing more is to come."""
        return not self._aboard and not self.tunnels

    @property
    def is_shared(self) -> bool:
        """Whether it takes what Scrapy saw of a request to tell its bytes from another's."""
        return self._aboard > 1

    def up(self, count: int) -> None:
        """Billed bytes have been sent."""
        if self._flying:
            self.up_bytes += count
        else:
            self.spend.part(self.rest).up_bytes += count

    def down(self, count: int) -> None:
        """Billed bytes have come."""
        if self._flying:
            self.down_bytes += count
        else:
            self.spend.part(self.rest).down_bytes += count

    def board(self, cause: SpendCause) -> None:
        """A request sets out."""
        self._flying[cause] = self._flying.get(cause, 0) + 1
        self._aboard += 1

    def land(self, cause: SpendCause, after: SpendCause, seen: Share | None) -> Share:
        """A request is done; return what it took.

        Args:
            cause: What it set out as; `after`, what it turned out to be.
            seen: What Scrapy saw of it; None when it saw no end of it.
        """
        self._take_off(cause)
        self.spend.part(after).requests += 1
        if not self._flying:
            self.rest = after if self.is_plain or seen is None else SpendCause.TUNNEL
        if not self._aboard:
            return self._settle(after, Share(self.up_bytes, self.down_bytes))
        if seen is None:
            self._vague[after] = self._vague.get(after, 0) + 1
            self._aboard += 1
            share = Share()
        else:
            share = self._settle(after, _on_the_wire(seen))
        if not self._flying:
            for vague, taken in self._split(self._vague):
                self._settle(vague, taken)
            self._vague.clear()
            self._aboard = 0
        return share

    def overhead(self, up_bytes: int, down_bytes: int) -> None:
        """A tunnel's handshake is through; so much of what has moved was it."""
        if self._flying:
            self._settle(SpendCause.TUNNEL, Share(up_bytes, down_bytes))

    def under_way(self) -> Iterator[tuple[SpendCause, Part]]:
        """What those that fly have taken so far, as far as it can be told."""
        together = Counter(self._flying) + Counter(self._vague)
        for cause, share in self._split(together):
            yield cause, Part(share.up_bytes, share.down_bytes, self._flying.get(cause, 0))

    def _take_off(self, cause: SpendCause) -> None:
        self._aboard -= 1
        left = self._flying[cause] - 1
        if left:
            self._flying[cause] = left
        else:
            del self._flying[cause]

    def _settle(self, cause: SpendCause, wanted: Share) -> Share:
        share = Share(min(wanted.up_bytes, self.up_bytes), min(wanted.down_bytes, self.down_bytes))
        self.up_bytes -= share.up_bytes
        self.down_bytes -= share.down_bytes
        part = self.spend.part(cause)
        part.up_bytes += share.up_bytes
        part.down_bytes += share.down_bytes
        return share

    def _split(self, among: Mapping[SpendCause, int]) -> Iterable[tuple[SpendCause, Share]]:
        weights = list(among.values())
        up = apportioned(self.up_bytes, weights)
        down = apportioned(self.down_bytes, weights)
        return zip(list(among), map(Share, up, down), strict=True)


def _on_the_wire(seen: Share) -> Share:
    """What a request takes in a tunnel: TLS adds some 22 bytes to a record of up to 16 KiB."""
    return Share(
        seen.up_bytes + _FIRST_RECORDS,
        seen.down_bytes + _FIRST_RECORDS + (seen.down_bytes >> _RECORD_OVERHEAD),
    )
