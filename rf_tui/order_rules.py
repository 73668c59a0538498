"""What is to be said of each field of an order while it is typed, by the rules for every order.

Nothing is spent and nobody asked: a field is checked alone, against what the API lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rf_core import listing, orders
from rf_core.errors import OrderError
from rf_core.models import ROTATING_TYPES, Discovery, Order, Pool
from rf_tui.order_form import FIELDS, MOST, FieldName, Form, nearest

_ANY_POOL: Final = Pool("", "", "", ())
"""Whose targeting it is does not matter, nor which types it offers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one field.

    Attributes:
        is_good: Whether the order may be sent as far as this field goes.
        text: A few words, or "".
        nearest: Valid values that come close to what was typed, best first.
    """

    is_good: bool
    text: str = ""
    nearest: tuple[str, ...] = ()


def judged(form: Form, discovery: Discovery | None) -> dict[FieldName, Verdict]:
    """Judge every field."""
    return {name: _RULES[name](form, discovery) for name, _ in FIELDS if name in _RULES}


def may_send(verdicts: Mapping[FieldName, Verdict]) -> bool:
    """Whether nothing stands in the way of asking for it."""
    return all(verdict.is_good for verdict in verdicts.values())


def _pool(form: Form, discovery: Discovery | None) -> Verdict:
    order = form.order()
    if order.pool is None:
        return Verdict(is_good=True, text="the account's default decides")
    found = discovery.pool(order.pool) if discovery else None
    kind = found.proxy_types[0] if found and found.proxy_types else "rotating"
    verdict = _checked(form, "pool", Order(pool=order.pool, proxy_type=kind), discovery)
    return replace(verdict, text=", ".join(found.proxy_types)) if found else verdict


def _country(form: Form, discovery: Discovery | None) -> Verdict:
    country = form.order().country
    if country is None:
        return Verdict(is_good=True, text="anywhere")
    return _checked(form, "country", Order(country=country), _of_any_pool(discovery))


def _state(form: Form, discovery: Discovery | None) -> Verdict:
    order = form.order()
    if order.state is None:
        return Verdict(is_good=True)
    alone = Order(country=order.country, state=order.state)
    known = _of_any_pool(discovery)
    if known is not None:  # a country that is not listed has its own verdict
        known = replace(known, targeting=replace(known.targeting, countries=()))
    return _checked(form, "state", alone, known)


def _type(form: Form, discovery: Discovery | None) -> Verdict:
    order = form.order()
    if not order.proxy_type:
        return Verdict(
            is_good=False, text="say which", nearest=tuple(form.values(discovery, "type"))
        )
    listed = order.pool if order.pool and discovery and discovery.pool(order.pool) else None
    return _checked(form, "type", Order(pool=listed, proxy_type=order.proxy_type), discovery)


def _minutes(form: Form, discovery: Discovery | None) -> Verdict:
    if form.order().proxy_type in ROTATING_TYPES:
        return Verdict(is_good=True, text="not for this type")
    if not form.text("minutes").strip():
        return Verdict(is_good=True, text="the pool's default")
    if form.minutes is None:
        return Verdict(is_good=False, text="Write a whole number.")
    alone = Order(proxy_type="sticky", session_minutes=form.minutes)
    return _checked(form, "minutes", alone, _of_any_pool(discovery))


def _quantity(form: Form, _discovery: Discovery | None) -> Verdict:
    if not 1 <= form.quantity <= MOST:
        return Verdict(is_good=False, text=f"Write a number from 1 to {MOST:,}.")
    return Verdict(is_good=True, text=f"{form.slots} slot{'s' if form.slots > 1 else ''}")


def _format(form: Form, discovery: Discovery | None) -> Verdict:
    text = form.text("format").strip()
    if text in listing.FORMATS:
        return Verdict(is_good=True)
    near = nearest(text, form.values(discovery, "format"))
    return Verdict(is_good=False, text="There is no such format.", nearest=near)


def _file(_form: Form, _discovery: Discovery | None) -> Verdict:
    return Verdict(is_good=True, text="written on demand, for you alone")


_RULES: Final[Mapping[FieldName, Callable[[Form, Discovery | None], Verdict]]] = {
    "pool": _pool,
    "country": _country,
    "state": _state,
    "type": _type,
    "minutes": _minutes,
    "quantity": _quantity,
    "format": _format,
    "file": _file,
}


def _checked(form: Form, name: FieldName, alone: Order, discovery: Discovery | None) -> Verdict:
    try:
        orders.check(alone, discovery)
    except OrderError as error:
        said = error.message if error.valid else str(error)
        near = (
            _closest(form.minutes or 0, error.valid)
            if name == "minutes"
            else nearest(form.text(name), form.values(discovery, name) or error.valid)
        )
        return Verdict(is_good=False, text=said, nearest=near)
    return Verdict(is_good=True, text="" if discovery else "not checked: nothing is listed yet")


def _of_any_pool(discovery: Discovery | None) -> Discovery | None:
    return replace(discovery, pools=(_ANY_POOL,)) if discovery else None


def _closest(number: int, valid: Sequence[str]) -> tuple[str, ...]:
    bounds = [int(bound) for bound in valid if bound.isdigit()]
    return (str(min(bounds, key=lambda bound: abs(bound - number))),) if bounds else ()
