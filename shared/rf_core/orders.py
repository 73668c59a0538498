"""Checks an order against what the API lists, before a call is spent on it.

Nothing is hard-coded (C-049): without discovery an order passes as it is, and the API decides.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from rf_core.errors import OrderError
from rf_core.models import MAX_QUANTITY, ROTATING_TYPES, Discovery, Order
from rf_core.redaction import printable

_SHOWN: Final = 24


def check(order: Order, discovery: Discovery | None) -> Order:
    """Return the order in the provider's spelling.

    Raises:
        OrderError: it names something that is not listed; `valid` holds what is.
    """
    order = replace(
        order,
        country=order.country.strip().lower() if order.country else None,
        state=order.state.strip().upper() if order.state else None,
        session_minutes=None if order.proxy_type in ROTATING_TYPES else order.session_minutes,
    )
    if not 1 <= order.quantity <= MAX_QUANTITY:
        message = f"An order is for 1 to {MAX_QUANTITY:,} proxies, not {order.quantity:,}."
        raise OrderError(message, field="quantity")
    if order.state and order.country != "us":
        message = f"State {order.state} needs country us, not {order.country or 'none'} (C-047)."
        raise OrderError(message, field="state", way_out='Set the country to "us".')
    if discovery is not None:
        _check_pool(order, discovery)
        _check_targeting(order, discovery)
    return order


def _check_pool(order: Order, discovery: Discovery) -> None:
    if not discovery.pools:
        raise OrderError(
            "This key has no pools.",
            field="pool",
            way_out="Check the key and the account in the dashboard.",
        )
    offered = discovery.pools
    if order.pool is not None:
        pool = discovery.pool(order.pool)
        if pool is None:
            raise _unlisted("pool", order.pool, [pool.id for pool in discovery.pools])
        offered = (pool,)
    # Without a pool the account's default decides, and it is not known which that is (C-036).
    types = sorted({kind for pool in offered for kind in pool.proxy_types})
    if types and order.proxy_type not in types:
        where = f" of pool {order.pool}" if order.pool else ""
        raise _unlisted("proxy_type", order.proxy_type, types, where)


def _check_targeting(order: Order, discovery: Discovery) -> None:
    targeting = discovery.targeting
    if order.country and targeting.countries and order.country not in targeting.countries:
        raise _unlisted("country", order.country, targeting.countries)
    if order.state and targeting.us_states and order.state not in targeting.us_states:
        raise _unlisted("state", order.state, targeting.us_states)
    low, high = targeting.session_minutes_min, targeting.session_minutes_max
    if order.session_minutes is not None and not low <= order.session_minutes <= high:
        message = f"A session lasts {low} to {high} minutes, not {order.session_minutes}."
        raise OrderError(message, field="session_minutes", valid=(str(low), str(high)))


def _unlisted(field: str, given: str, valid: Sequence[str], where: str = "") -> OrderError:
    nearest = difflib.get_close_matches(given, valid, n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    shown = ", ".join(printable(value, 60) for value in valid[:_SHOWN]) or "none"
    more = f" and {len(valid) - _SHOWN} more" if len(valid) > _SHOWN else ""
    name = field.replace("_", " ")
    message = f"No {name} {printable(given, 60)!r} is listed{where}."
    return OrderError(
        message, field=field, valid=tuple(valid), way_out=f"Valid: {shown}{more}.{hint}"
    )
