"""What was spent, summed as somebody asks for it, in bytes and in money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from rf_core.causes import SpendCause
from rf_core.prices import Price, cost_of

Grouping: TypeAlias = Literal["spider", "domain", "pool", "crawl", "cause", "day"]

Counts: TypeAlias = tuple[int, int, int]
"""Bytes up, bytes down, requests."""

Growth: TypeAlias = dict[str, Counts]
"""Cause → counts."""

KEPT_TUNNELS: Final = 16
"""What a crawl needs to a domain when it keeps them: one tunnel on each of its usual lanes."""

_COLUMNS: Final = ("up", "down", "requests")
_REQUESTS: Final = 2
_NO_COUNTS: Final = (0, 0, 0)

OTHER: Final = "(other)"
"""Stands for domains that are too many, or too small, for entries of their own."""

_DAY_SECONDS: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Entry:
    """What was spent under one name, on one day, in one pool.

    Attributes:
        name: Of the spider, domain, pool, crawl or cause that is asked for; "" when days are.
        day: Days since 1970, UTC.
    """

    name: str
    day: int
    pool: str
    up_bytes: int
    down_bytes: int
    requests: int


@dataclass(frozen=True, slots=True)
class CauseEntry:
    """What one cause took of one crawl, on one day, in one pool.

    Attributes:
        requests: With `tunnel`, how many tunnels were opened.
        surplus: How many of them were beyond :data:`KEPT_TUNNELS` to a domain.
    """

    cause: str
    day: int
    pool: str
    up_bytes: int
    down_bytes: int
    requests: int
    surplus: int = 0

    @property
    def bytes(self) -> int:
        """Billed bytes, both ways."""
        return self.up_bytes + self.down_bytes


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent under one name.

    Attributes:
        cost: In dollars; None when no price, or not one for all of it, is known.
        items: Items made by the crawls; None where they cannot be told apart.
    """

    name: str
    up_bytes: int
    down_bytes: int
    requests: int
    cost: Decimal | None
    items: int | None = None

    @property
    def bytes(self) -> int:
        """Billed bytes, both ways."""
        return self.up_bytes + self.down_bytes

    @property
    def cost_per_1000_items(self) -> Decimal | None:
        """Dollars for a thousand items."""
        return self.cost / self.items * 1_000 if self.cost is not None and self.items else None


def day_of(at: float) -> int:
    """Return the day of a moment, in UTC."""
    return int(at // _DAY_SECONDS)


def day_name(day: int) -> str:
    """Write a day as people do: `2026-11-26`."""
    return date_of(day).isoformat()


def date_of(day: int) -> date:
    """Return a day as a date."""
    return date.fromordinal(_EPOCH + day)


def read_since(text: str, now: float) -> int:
    """Read `7d`, `today` or `2026-11-01` as a day.

    Raises:
        ValueError: it is neither.
    """
    if text == "today":
        return day_of(now)
    if text.endswith("d") and text[:-1].isdecimal() and text.isascii():
        return max(0, day_of(now) - int(text[:-1]) + 1)
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        message = f"write a number of days, as 7d, or a day, as {_today(now)}; not {text!r}"
        raise ValueError(message) from None


def _today(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def with_pages(whole: Counts, causes: Mapping[str, Counts]) -> Growth:
    """Add pages to the causes: what remains of the whole, so that all of them sum to it."""
    page = list(whole)
    for cause, (up, down, requests) in causes.items():
        page[0] -= up
        page[1] -= down
        if cause != SpendCause.TUNNEL:
            page[2] -= requests
    return {**causes, SpendCause.PAGE: (page[0], page[1], page[2])}


def covered(today: Growth, growth: Growth) -> tuple[Growth, Growth]:
    """Split growth that takes more back than a day has: what the day can bear, and the rest.

    Both together are the growth, and the day's own sum grows by what it was to grow by.
    """
    names = [*growth]
    kept = {name: list(growth[name]) for name in names}
    rest = {name: [0, 0, 0] for name in names}
    for column in range(len(_COLUMNS)):
        debt = 0
        for name in names:
            after = today.get(name, _NO_COUNTS)[column] + kept[name][column]
            if after < 0:
                kept[name][column] -= after
                rest[name][column] += after
                debt -= after
        for name in names:
            if column == _REQUESTS and name == SpendCause.TUNNEL:
                continue  # those are tunnels, and no part of the sum
            taken = min(debt, max(0, kept[name][column]))
            kept[name][column] -= taken
            rest[name][column] += taken
            debt -= taken
    return _frozen(kept), _frozen(rest)


def _frozen(counts: Mapping[str, list[int]]) -> Growth:
    return {name: (by[0], by[1], by[2]) for name, by in counts.items()}


def summed(
    entries: Iterable[Entry],
    prices: Sequence[Price],
    *,
    by: Grouping,
    items: Mapping[str, int] | None = None,
) -> tuple[Spent, ...]:
    """Sum entries under their names: the most bytes first, days in their order."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        name = day_name(entry.day) if by == "day" else entry.name
        groups.setdefault(name, []).append(entry)
    found = [_sum(name, group, prices, (items or {}).get(name)) for name, group in groups.items()]
    if by == "day":
        return tuple(sorted(found, key=lambda spent: spent.name))
    return tuple(sorted(found, key=lambda spent: (-spent.bytes, spent.name)))


def total(rows: Iterable[Spent]) -> Spent:
    """Sum all of it."""
    rows = list(rows)
    costs = [row.cost for row in rows]
    known = [cost for cost in costs if cost is not None]
    return Spent(
        "",
        sum(row.up_bytes for row in rows),
        sum(row.down_bytes for row in rows),
        sum(row.requests for row in rows),
        sum(known, Decimal(0)) if known and len(known) == len(costs) else None,
        sum(row.items or 0 for row in rows) if any(row.items is not None for row in rows) else None,
    )


def _sum(name: str, entries: Sequence[Entry], prices: Sequence[Price], items: int | None) -> Spent:
    costs = [
        cost_of(entry.up_bytes + entry.down_bytes, prices, entry.pool, date_of(entry.day))
        for entry in entries
    ]
    known = [cost for cost in costs if cost is not None]
    return Spent(
        name,
        sum(entry.up_bytes for entry in entries),
        sum(entry.down_bytes for entry in entries),
        sum(entry.requests for entry in entries),
        sum(known, Decimal(0)) if len(known) == len(costs) else None,
        items,
    )
