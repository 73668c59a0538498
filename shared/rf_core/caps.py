"""A budget as it is written, in bytes or in money, and what a byte costs of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from rf_core.errors import SettingsError
from rf_core.prices import Price, format_cost, price_at
from rf_core.units import GIGABYTE, format_bytes, parse_bytes

_FINEST: Final = 10**12
"""Money is counted in these parts of a dollar: a byte costs some thousands of them."""

_DOLLARS: Final = re.compile(r"\$\s*(\d{1,9}(?:\.\d{1,6})?)|(\d{1,9}(?:\.\d{1,6})?)\s*\$", re.ASCII)
_LEAST_RATE: Final = 1


@dataclass(frozen=True, slots=True)
class Cap:
    """What may be spent.

    Attributes:
        amount: In bytes, or in millionths of a millionth of a dollar.
    """

    amount: int
    in_money: bool = False

    def __str__(self) -> str:
        return format_cost(self.dollars) if self.in_money else format_bytes(self.amount)

    @property
    def dollars(self) -> Decimal:
        """The amount of one in money."""
        return Decimal(self.amount) / _FINEST


def read_cap(text: str) -> Cap:
    """Read `5 GB` or `$5`.

    Raises:
        ValueError: it is neither, or nothing at all.
    """
    if "$" not in text:
        return Cap(parse_bytes(text))
    found = _DOLLARS.fullmatch(text.strip())
    amount = int(Decimal(found[1] or found[2]) * _FINEST) if found else 0
    if amount < 1:
        message = f"write a size, as 5 GB, or dollars above 0, as $5 or $0.50; not {text!r}"
        raise ValueError(message)
    return Cap(amount, in_money=True)


class Tariff:
    """What a byte of each pool takes of a cap: one of bytes, or its price.

    Args:
        day: Whose prices hold.

    Raises:
        SettingsError: a cap in money, and no price.
    """

    def __init__(self, cap: Cap | None, prices: Sequence[Price], day: date) -> None:
        self._in_money = cap is not None and cap.in_money
        self._prices = prices
        self._day = day
        self._known: dict[str, int] = {}
        pools = {price.pool for price in prices if price.since <= day}
        self._dearest = max((self._price(pool) for pool in pools), default=0)
        if self._in_money and not self._dearest:
            message = f"RF_BUDGET (or --budget) of {cap} needs a price, and config.toml has none."
            raise SettingsError(
                message,
                way_out="Write what a GB costs there, as [[profiles.NAME.prices]] with "
                "per_gb = 3.50, or the budget in bytes, as 5 GB.",
            )

    def rate(self, pool: str) -> int:
        """What a byte of that pool takes; one without a price is taken for the dearest."""
        if not self._in_money:
            return 1
        found = self._known.get(pool)
        if found is None:
            found = self._known[pool] = self._price(pool) or self._dearest
        return found

    def dearest(self, pools: Iterable[str]) -> int:
        """What a byte takes at most, in any of these."""
        return max((self.rate(pool) for pool in pools), default=_LEAST_RATE)

    def _price(self, pool: str) -> int:
        per_gb = price_at(self._prices, pool, self._day)
        # Rounded up: the cap holds, whatever the digits.
        return 0 if per_gb is None else int(per_gb * _FINEST // GIGABYTE) + 1
