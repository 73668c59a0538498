"""An order as a person writes it: fields of text, and what may stand in them by what the API lists.

All of it is frozen; each key makes a new form.
"""

from __future__ import annotations

import difflib
import json
import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from rf_core import listing
from rf_core.models import MAX_QUANTITY, ROTATING_TYPES, Discovery, Order, Pool
from rf_core.protocol import proxies
from rf_core.snapshot import Snapshot

FieldName = Literal[
    "pool", "country", "state", "type", "minutes", "quantity", "format", "file", "send"
]

FIELDS: Final[tuple[tuple[FieldName, str], ...]] = (
    ("pool", "pool"),
    ("country", "country"),
    ("state", "US state"),
    ("type", "type"),
    ("minutes", "minutes"),
    ("quantity", "quantity"),
    ("format", "format"),
    ("file", "file"),
    ("send", "GENERATE"),
)
"""Every row of the form and what stands before it; the last one is no field, it asks to send."""

MOST: Final = 4 * MAX_QUANTITY
"""How many are kept in memory at most; `rf generate` writes any number to a file."""

_LONGEST: Final = 200
_MINUTES: Final = (1, 5, 10, 30, 60, 120, 720, 1_440)
_QUANTITIES: Final = (1, 10, 100, 1_000, 5_000, 25_000, 100_000, MAX_QUANTITY)
_NEAR: Final = 0.3
_SHOWN_NEAREST: Final = 3

_FIRST: Final[Mapping[FieldName, str]] = MappingProxyType(
    {"type": "rotating", "quantity": "10", "format": "list", "file": "proxies.txt"}
)


@dataclass(frozen=True, slots=True)
class Form:
    """What has been written so far.

    Attributes:
        texts: Field → its text; what is missing is empty.
        at: Number of the row that is written in.
    """

    texts: Mapping[FieldName, str] = field(default_factory=lambda: _FIRST)
    at: int = 0

    @property
    def name(self) -> FieldName:
        """The row that is written in."""
        return FIELDS[self.at][0]

    def text(self, name: FieldName) -> str:
        """What stands in a field."""
        return self.texts.get(name, "")

    def moved(self, step: int) -> Form:
        """Go some rows down, or up; around the ends."""
        return replace(self, at=(self.at + step) % len(FIELDS))

    def pointed(self, number: int) -> Form:
        """Go to that row."""
        return replace(self, at=min(max(number, 0), len(FIELDS) - 1))

    def typed(self, text: str) -> Form:
        """Add to the field."""
        clean = "".join(char for char in text if char.isprintable())
        return self.written(self.text(self.name) + clean)

    def erased(self) -> Form:
        """Take the last letter back."""
        return self.written(self.text(self.name)[:-1])

    def cleared(self) -> Form:
        """Empty the field."""
        return self.written("")

    def stepped(self, step: int, discovery: Discovery | None) -> Form:
        """Take the next valid value of the field, or the one before."""
        values = self.values(discovery)
        if not values:
            return self
        now = self.text(self.name).strip()
        if now in values:
            return self.written(values[(values.index(now) + step) % len(values)])
        near = nearest(now, values) if now else ()
        return self.written(near[0] if near else values[0 if step > 0 else -1])

    def written(self, text: str) -> Form:
        """Put that into the field instead; the row that sends has none."""
        if self.name == "send":
            return self
        return replace(self, texts=MappingProxyType({**self.texts, self.name: text[:_LONGEST]}))

    def values(self, discovery: Discovery | None, name: FieldName | None = None) -> list[str]:
        """Return what may stand in a field, as far as that can be listed."""
        name = name or self.name
        if name in _LISTED:
            return list(_LISTED[name])
        return _VALUES[name](self, discovery) if discovery and name in _VALUES else []

    def order(self) -> Order:
        """Return the order of one of these; what is no number counts as not said."""
        kind = self.text("type").strip().lower()
        return Order(
            pool=self.text("pool").strip() or None,
            country=self.text("country").strip().lower() or None,
            state=self.text("state").strip().upper() or None,
            proxy_type=kind,
            session_minutes=None if kind in ROTATING_TYPES else self.minutes,
        )

    @property
    def minutes(self) -> int | None:
        """How long a sticky credential keeps its exit; None while that is not said."""
        return _number(self.text("minutes"))

    @property
    def quantity(self) -> int:
        """How many are wanted; 0 while that cannot be read."""
        return _number(self.text("quantity")) or 0

    @property
    def slots(self) -> int:
        """How many slots of the generate window that takes."""
        return math.ceil(self.quantity / MAX_QUANTITY)


def discovery_of(snapshot: Snapshot) -> Discovery | None:
    """Return what the API lists, as a snapshot knows it; None before it is known."""
    if snapshot.targeting is None:
        return None
    pools = tuple(
        Pool(pool.id, pool.label, pool.host, pool.proxy_types)
        for pool in snapshot.pools
        if pool.listed
    )
    return Discovery(pools=pools, targeting=snapshot.targeting)


def nearest(text: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return the values that come closest to a text: those that begin with it, then alike ones."""
    wanted = text.strip().casefold()
    if not wanted:
        return ()
    begins = [value for value in values if value.casefold().startswith(wanted)]
    folded = {value.casefold(): value for value in values}
    alike = difflib.get_close_matches(wanted, folded, n=_SHOWN_NEAREST, cutoff=_NEAR)
    return tuple(dict.fromkeys([*begins, *(folded[one] for one in alike)]))[:_SHOWN_NEAREST]


def body_of(form: Form) -> str:
    """Return the request that would be sent, as JSON: there is no secret in it."""
    order = replace(form.order(), quantity=min(form.quantity, MAX_QUANTITY))
    return json.dumps(json.loads(proxies(order).body or b"{}"))


def command_of(form: Form) -> str:
    """Return the command that does the same."""
    order = form.order()
    options = (
        ("--pool", order.pool),
        ("--country", order.country),
        ("--state", order.state),
        ("--type", order.proxy_type if order.proxy_type != "rotating" else None),
        ("--session-minutes", order.session_minutes and str(order.session_minutes)),
        ("--quantity", str(form.quantity)),
        ("--format", form.text("format").strip()),
        ("-o", form.text("file").strip() or None),
    )
    words = ["rf", "generate"]
    for name, value in options:
        words += [name, value] if value else []
    return shlex.join(words)


def _pools(_form: Form, discovery: Discovery) -> list[str]:
    return [pool.id for pool in discovery.pools]


def _countries(_form: Form, discovery: Discovery) -> list[str]:
    return list(discovery.targeting.countries)


def _states(form: Form, discovery: Discovery) -> list[str]:
    return list(discovery.targeting.us_states) if form.order().country == "us" else []


def _types(form: Form, discovery: Discovery) -> list[str]:
    chosen = discovery.pool(form.text("pool").strip())
    pools = (chosen,) if chosen else discovery.pools
    return sorted({kind for pool in pools for kind in pool.proxy_types})


def _sessions(form: Form, discovery: Discovery) -> list[str]:
    if form.order().proxy_type in ROTATING_TYPES:
        return []
    low = discovery.targeting.session_minutes_min
    high = discovery.targeting.session_minutes_max
    kept = {low, *(number for number in _MINUTES if low < number < high), high}
    return [str(number) for number in sorted(kept)]


_LISTED: Final[Mapping[FieldName, Sequence[str]]] = {
    "format": tuple(listing.FORMATS),
    "quantity": tuple(map(str, _QUANTITIES)),
}
_VALUES: Final[Mapping[FieldName, Callable[[Form, Discovery], list[str]]]] = {
    "pool": _pools,
    "country": _countries,
    "state": _states,
    "type": _types,
    "minutes": _sessions,
}
"""Field → what may stand there, by what the API lists."""


def _number(text: str) -> int | None:
    digits = text.strip().replace(",", "").replace("_", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None  # noqa: PLR2004
