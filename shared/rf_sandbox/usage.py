"""What the API shows of the meter: by domain, as late as the provider is, as far back as it looks.

What is billed goes into slots of time; a slot is shown when the provider would show it, late and
in steps (C-170). From then on it counts in every window (C-097) and under every form of a domain
(C-100) at once, so that a switch tells at once what it would have told all along.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from rf_sandbox.switches import Switches

_DAY: Final = 86_400.0
_MINUTE: Final = 60.0
_SLOTS_IN_A_LAG: Final = 1_000
_SLOT_SECONDS: Final = 0.05
_LARGEST_SLOT: Final = 256
_MOST_PAIRS: Final = 200_000
_FEWEST_BUCKETS: Final = 16
_LABELS: Final = 2


@dataclass(slots=True)
class DomainUsage:
    """What one domain took, for the whole account (C-099)."""

    bytes: int = 0
    requests: int = 0


@lru_cache(maxsize=1 << 17)
def registrable(domain: str) -> str:
    """The last two labels of a name; an address stays whole (C-100)."""
    labels = domain.rsplit(".", _LABELS)
    if len(labels) <= _LABELS or labels[-1].isdigit() or ":" in domain:
        return domain
    return f"{labels[1]}.{labels[2]}"


class Table:
    """Bytes and requests by domain; one that has neither is not in it."""

    def __init__(self) -> None:
        self.bytes: dict[str, int] = {}
        self.requests: dict[str, int] = {}

    def add(self, domain: str, count: int, requests: int) -> None:
        """Add to a domain; what is taken back may leave nothing."""
        total = self.bytes[domain] = self.bytes.get(domain, 0) + count
        asked = self.requests[domain] = self.requests.get(domain, 0) + requests
        if not total and not asked:
            del self.bytes[domain], self.requests[domain]

    def clear(self) -> None:
        """Forget everything."""
        self.bytes.clear()
        self.requests.clear()

    def top(self, limit: int) -> list[tuple[str, DomainUsage]]:
        """The largest domains, ties by name (C-098)."""
        names = list(self.bytes)
        if len(names) > limit:
            names = self._largest(limit)
        names.sort(key=lambda name: (-self.bytes[name], name))
        return [
            (name, DomainUsage(max(0, self.bytes[name]), max(0, self.requests[name])))
            for name in names
        ]

    def _largest(self, limit: int) -> list[str]:
        """Choose by bytes alone: among a hundred thousand, few tie with the last one."""
        least = heapq.nlargest(limit, self.bytes.values())[-1]
        above = [name for name, count in self.bytes.items() if count > least]
        tied = (name for name, count in self.bytes.items() if count == least)
        return above + heapq.nsmallest(limit - len(above), tied)


class _Window:
    """The same traffic under every form of a domain."""

    def __init__(self) -> None:
        self.tables = {"host": Table(), "registrable": Table()}

    def add(self, domain: str, count: int, requests: int) -> None:
        self.tables["host"].add(domain, count, requests)
        self.tables["registrable"].add(registrable(domain), count, requests)

    def clear(self) -> None:
        for table in self.tables.values():
            table.clear()


@dataclass(slots=True)
class _Slot:
    """What was billed from `first` to `last`, by domain ([bytes, requests]) and by pool."""

    first: float
    last: float
    domains: dict[str, list[int]] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def absorb(self, other: _Slot) -> None:
        """Take over what came later."""
        self.last = other.last
        for domain, (count, requests) in other.domains.items():
            mine = self.domains.setdefault(domain, [0, 0])
            mine[0] += count
            mine[1] += requests


class Usage:
    """The meter as the API sees it. Times are Unix seconds, and never go back."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._slots: deque[_Slot] = deque()
        self._slot = _Slot(0.0, 0.0)
        self._closes = -math.inf
        self._as_of = -math.inf
        self._all, self._today, self._trailing = _Window(), _Window(), _Window()
        self._day = 0
        self._buckets: deque[_Slot] = deque()
        self._pairs = 0

    def add(self, now: float, pool: str, domain: str, count: int, requests: int = 0) -> None:
        """Take in what was billed just now; negative where it is taken back."""
        if now >= self._closes:
            self._open(now)
        slot = self._slot
        slot.last = now
        slot.pools[pool] += count
        if domain in slot.domains:
            used = slot.domains[domain]
            used[0] += count
            used[1] += requests
        else:
            slot.domains[domain] = [count, requests]
            if len(slot.domains) >= _LARGEST_SLOT:
                self._closes = -math.inf

    def remember(self, domain: str, count: int, requests: int) -> None:
        """Take in what is so old that only the cumulative reading has it."""
        self._all.add(domain, count, requests)

    def hidden(self, now: float) -> Mapping[str, int]:
        """Bytes by pool that were billed and are not shown yet."""
        self._show(now)
        hidden: dict[str, int] = {}
        for slot in self._slots:
            for pool, count in slot.pools.items():
                hidden[pool] = hidden.get(pool, 0) + count
        return hidden

    def top(self, now: float, limit: int) -> list[tuple[str, DomainUsage]]:
        """The largest domains under the readings of the moment."""
        self._show(now)
        windows = {
            "cumulative": self._all,
            "trailing_24h": self._trailing,
            "since_midnight": self._today,
        }
        window = windows[self._switches.usage_window]
        return window.tables[self._switches.usage_domain_form].top(limit)

    def settle(self) -> None:
        """Show everything, late or not: after a start nobody waits for the last run's meter."""
        while self._slots:
            self._fold(self._slots.popleft())
        self._closes = -math.inf

    def _open(self, now: float) -> None:
        """Begin a slot that lies within one minute, and within one step of a meter in steps.

        Slots are short and small, so that no call ever has much to show at once.
        """
        self._show(now)
        lag, step = self._switches.meter_lag_seconds, self._switches.meter_cadence_seconds
        width = max(_SLOT_SECONDS, (lag + step) / _SLOTS_IN_A_LAG)
        self._closes = min(now + width, *((now // one + 1) * one for one in (_MINUTE, step) if one))
        self._slot = _Slot(now, now)
        self._slots.append(self._slot)

    def _show(self, now: float) -> None:
        """Show what the provider would show by now. What was shown stays."""
        step = self._switches.meter_cadence_seconds
        at = now - self._switches.meter_lag_seconds
        self._as_of = max(self._as_of, math.floor(at / step) * step if step else at)
        while self._slots and self._slots[0].last <= self._as_of:
            if len(self._slots) == 1:
                self._closes = -math.inf
            self._fold(self._slots.popleft())
        self._leave_behind()

    def _fold(self, slot: _Slot) -> None:
        day = int(slot.first // _DAY)
        if day != self._day:
            self._today.clear()
            self._day = day
        for domain, (count, requests) in slot.domains.items():
            for window in (self._all, self._today, self._trailing):
                window.add(domain, count, requests)
        self._into_bucket(slot)

    def _into_bucket(self, slot: _Slot) -> None:
        """Keep what leaves the trailing day together: a minute, more where that would be much."""
        buckets = self._buckets
        if buckets and buckets[-1].first // _MINUTE == slot.first // _MINUTE:
            self._pairs -= len(buckets[-1].domains)
            buckets[-1].absorb(slot)
        else:
            buckets.append(slot)
        self._pairs += len(buckets[-1].domains)
        if self._pairs > _MOST_PAIRS and len(buckets) > _FEWEST_BUCKETS:
            self._coarsen()

    def _coarsen(self) -> None:
        """Merge each two neighbours: the earlier one leaves with the later."""
        old, self._buckets = self._buckets, deque()
        while old:
            bucket = old.popleft()
            if old:
                bucket.absorb(old.popleft())
            self._buckets.append(bucket)
        self._pairs = sum(len(bucket.domains) for bucket in self._buckets)

    def _leave_behind(self) -> None:
        """Let go of yesterday, and of what is a day old."""
        if self._as_of // _DAY > self._day:
            self._today.clear()
            self._day = int(self._as_of // _DAY)
        border = self._as_of - _DAY
        if self._buckets and self._buckets[-1].last <= border:
            self._buckets.clear()
            self._trailing.clear()
            self._pairs = 0
        while self._buckets and self._buckets[0].last <= border:
            bucket = self._buckets.popleft()
            self._pairs -= len(bucket.domains)
            for domain, (count, requests) in bucket.domains.items():
                self._trailing.add(domain, -count, -requests)
