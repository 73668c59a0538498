"""How the monitor prints bytes: in the unit that a person has chosen, in dollars, or not at all.

The choice holds while one picture is drawn (:func:`printing`), so that each of the places which
print an amount needs to know nothing of it. Outside of that, amounts are printed as commands do.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from rf_core import units
from rf_core.prices import Price, format_cost, price_at
from rf_core.units import GIGABYTE

Unit = Literal["auto", "GB", "GiB", "MB", "bytes", "$"]

UNITS: Final[dict[Unit, str]] = {
    "auto": "what reads best",
    "GB": "the provider's gigabytes, of 1,073,741,824 bytes",
    "GiB": "the same, by the name that engineers give it",
    "MB": "megabytes, of 1,048,576 bytes",
    "bytes": "to the byte",
    "$": "dollars, where the profile knows the price",
}
"""Unit → what it means, in the order in which a key goes through them."""

HIDDEN: Final = "•••"

_AMOUNT: Final = re.compile(r"[-+]?\d[\d.,]*\s?(?:[kMG]?B|GiB|bytes?)\b(?:/[sh])?|\$\d[\d.,]*")
_CELLS: Final[dict[Unit, int]] = {"MB": 13, "GiB": 12, "bytes": 17}
_USUAL_CELLS: Final = 11
_ARROW_CELLS: Final = 2
_AN_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Amounts:
    """How amounts are printed.

    Attributes:
        prices: What a gigabyte costs; without one that is sure, `$` prints as `auto` does.
        day: Of which the prices are.
        hidden: Whether they are not to be seen at all.
    """

    unit: Unit = "auto"
    prices: Sequence[Price] = ()
    day: date = date.min
    hidden: bool = False

    def size(self, count: float, pool: str = "") -> str:
        """Print a number of bytes.

        Args:
            pool: Which one they are of; without it, a price counts only if all pools share it.
        """
        if self.hidden:
            return HIDDEN
        match self.unit:
            case "GB" | "GiB":
                return f"{count / GIGABYTE:.4f} {self.unit}"
            case "MB":
                return f"{count / (1 << 20):,.2f} MB"
            case "bytes":
                return f"{count:,.0f} B"
            case "$" if (price := self._price(pool)) is not None:
                return format_cost(price * round(count) / GIGABYTE)
            case _:
                return units.format_bytes(count)

    def rate(self, bytes_per_second: float, pool: str = "") -> str:
        """Print how fast bytes go; large units by the hour, or there would be only zeros."""
        if self.hidden:
            return f"{HIDDEN}/s"
        match self.unit:
            case "GB" | "GiB":
                return f"{bytes_per_second * _AN_HOUR / GIGABYTE:.2f} {self.unit}/h"
            case "$" if self._price(pool) is not None:
                return f"{self.size(bytes_per_second * _AN_HOUR, pool)}/h"
            case _:
                return f"{self.size(bytes_per_second, pool)}/s"

    @property
    def cells(self) -> int:
        """What a column of amounts needs."""
        return _CELLS.get(self.unit, _USUAL_CELLS)

    def knows_price(self) -> bool:
        """Whether anything at all can be printed in dollars."""
        return any(price.since <= self.day for price in self.prices)

    def _price(self, pool: str) -> Decimal | None:
        if pool:
            return price_at(self.prices, pool, self.day)
        everyones = price_at(self.prices, "", self.day)
        pools = {price.pool for price in self.prices}
        shared = {price_at(self.prices, one, self.day) for one in pools}
        return everyones if shared == {everyones} else None


_chosen: ContextVar[Amounts] = ContextVar("amounts", default=Amounts())  # noqa: B039 - frozen


@contextlib.contextmanager
def printing(amounts: Amounts) -> Iterator[None]:
    """Print amounts like this while the body runs."""
    token = _chosen.set(amounts)
    try:
        yield
    finally:
        _chosen.reset(token)


def format_bytes(count: float, pool: str = "") -> str:
    """Print a number of bytes in the way that is chosen."""
    return _chosen.get().size(count, pool)


def format_rate(bytes_per_second: float, pool: str = "") -> str:
    """Print how fast bytes go in the way that is chosen."""
    return _chosen.get().rate(bytes_per_second, pool)


def amount_cells() -> int:
    """What a column of sizes needs, in the way that is chosen."""
    return _chosen.get().cells


def rate_cells() -> int:
    """What a column of rates needs, an arrow before them included."""
    return _chosen.get().cells + _ARROW_CELLS


def without_amounts(text: str) -> str:
    """Hide the amounts in a sentence that was written elsewhere."""
    return _AMOUNT.sub(HIDDEN, text)
