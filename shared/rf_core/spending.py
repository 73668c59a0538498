"""What was spent, summed as somebody asks for it, in bytes and in money."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from rf_core.prices import Price, cost_of

Grouping: TypeAlias = Literal["spider", "domain", "pool", "crawl", "day"]

OTHER: Final = "(other)"
"""Stands for domains that are too many, or too small, for entries of their own."""

_DAY_SECONDS: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Entry:
    """What was spent under one name, on one day, in one pool.

    Attributes:
        name: Of the spider, domain, pool or crawl that is asked for; "" when days are.
        day: Days since 1970, UTC.
    """

    name: str
    day: int
    pool: str
    up_bytes: int
    down_bytes: int
    requests: int


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
