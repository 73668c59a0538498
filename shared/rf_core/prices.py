"""What a gigabyte costs, from which day on, in which pool: as the profile says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from rf_core.errors import SettingsError
from rf_core.redaction import printable
from rf_core.units import GIGABYTE

_KEYS: Final = frozenset({"per_gb", "from", "pool"})
_CENT: Final = Decimal("0.01")
_FINE: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a gigabyte.

    Attributes:
        since: The first day it holds.
        pool: The only pool it holds for; "" is every one that has none of its own.
    """

    per_gb: Decimal
    since: date
    pool: str = ""


def price_at(prices: Iterable[Price], pool: str, day: date) -> Decimal | None:
    """Return what a gigabyte of that pool cost on that day; None when it is not known."""
    begun = [price for price in prices if price.since <= day and price.pool in {"", pool}]
    newest = max(begun, key=lambda price: (bool(price.pool), price.since), default=None)
    return newest.per_gb if newest else None


def cost_of(count: int, prices: Sequence[Price], pool: str, day: date) -> Decimal | None:
    """Return what so many bytes cost, to the last digit; None when the price is not known."""
    per_gb = price_at(prices, pool, day)
    return None if per_gb is None else per_gb * count / GIGABYTE


def cost_by_pool(
    spent: Iterable[tuple[str, int]], prices: Sequence[Price], day: date
) -> Decimal | None:
    """Return what (pool, bytes) cost together; None unless the price of each pool is known."""
    costs = [cost_of(count, prices, pool, day) for pool, count in spent]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(costs) else None


def format_cost(dollars: Decimal) -> str:
    """Print dollars for a person: `$12.30`; what is less than a dollar has four decimals."""
    return f"${dollars.quantize(_CENT if abs(dollars) >= 1 else _FINE):,}"


def read_prices(value: Any) -> tuple[Price, ...]:
    """Read `[[profiles.x.prices]]` of config.toml.

    Raises:
        SettingsError: it is written another way.
    """
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise _wrong("they are written as [[profiles.NAME.prices]]")
    return tuple(_read(row) for row in value)


def _read(row: Mapping[str, Any]) -> Price:
    strange = sorted(set(row) - _KEYS)
    if strange:
        raise _wrong(f"{printable(strange[0])!r} is not known")
    since, pool = row.get("from", date.min), row.get("pool", "")
    if type(since) is not date:
        raise _wrong("`from` is a day, as 2026-01-01 without quotes")
    if not isinstance(pool, str):
        raise _wrong("`pool` is the id of one")
    try:
        per_gb = Decimal(str(row["per_gb"]))
    except (KeyError, InvalidOperation):
        raise _wrong("`per_gb` is a number of dollars") from None
    if isinstance(row["per_gb"], bool) or not per_gb.is_finite() or per_gb <= 0:
        raise _wrong("`per_gb` is a number of dollars above 0")
    return Price(per_gb, since, pool)


def _wrong(why: str) -> SettingsError:
    return SettingsError(
        f"The prices in config.toml cannot be used: {why}.",
        way_out="As an example: from = 2026-01-01, per_gb = 3.50, pool = premium.",
    )
