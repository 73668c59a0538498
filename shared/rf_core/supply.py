"""Who gets which credentials when several demands share an order: sums, slices, water marks.

Credentials are reusable and cost nothing to generate, calls are few (C-052, C-053): so demands for
the same thing are summed, and rotating ones are ordered with some to spare for whoever comes next.
A sticky credential's session may begin when it is generated (C-164), so none of these is kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rf_core.models import MAX_QUANTITY, ROTATING_TYPES, Order

KEPT_SECONDS: Final = 900.0
"""For how long what is spare is handed out: how long credentials live is not documented (C-165)."""

HIGH_WATER_TIMES: Final = 15
"""So many times what was demanded is ordered on top, for demands to come."""

HIGHEST_WATER: Final = 10_000
"""More than that is never kept spare."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What demands must have in common to share an order: everything but the quantity.

    Attributes:
        pool: As it was asked for; None is the account's default, whichever that is (C-036).
        targeting: The rest, and whose API it is, as one text.
    """

    pool: str | None
    targeting: str

    @property
    def name(self) -> str:
        """Both as one text, for leases and rows."""
        return json.dumps([self.pool, self.targeting])


def spec_of(order: Order, base_url: str) -> Spec:
    """Return what an order has in common with others."""
    targeting = [
        base_url,
        order.country,
        order.state,
        order.proxy_type,
        order.session_minutes,
    ]
    return Spec(order.pool, json.dumps(targeting))


def is_kept(order: Order) -> bool:
    """Whether what is spare of it may wait for others: not if a clock of its own may be running."""
    return order.proxy_type in ROTATING_TYPES


def with_spare(order: Order, demanded: int) -> Order:
    """Return the order to send for so many demanded: up to the high-water mark, in one call."""
    spare = min(HIGHEST_WATER, HIGH_WATER_TIMES * demanded) if is_kept(order) else 0
    return replace(order, quantity=min(MAX_QUANTITY, demanded + spare))


def is_low(left: int, demanded: int) -> bool:
    """Whether what is left would not do for another demand like that one."""
    return left < demanded


def fitting(demands: Sequence[int], own: int = 0) -> int:
    """Return how many of these demands, from the first on, fit into one order (C-039).

    Args:
        own: What whoever sends it wants, which comes first.
    """
    total = own
    for number, quantity in enumerate(demands):
        total += quantity
        if total > MAX_QUANTITY:
            return number
    return len(demands)


def shares(count: int, demands: Sequence[int]) -> list[tuple[int, int]]:
    """Cut what came into slices, one for each demand: (start, stop) of each.

    When fewer came than were demanded, or one name again and again (C-067, C-072), everybody gets
    less, at least one, if need be the same: credentials are reusable.
    """
    wanted = sum(demands)
    slices = []
    before = 0
    for quantity in demands:
        after = before + quantity
        start, stop = before, after
        if count < wanted:
            start, stop = count * before // wanted, count * after // wanted
            if start == stop and count:
                start = min(start, count - 1)
                stop = start + 1
        slices.append((start, stop))
        before = after
    return slices
