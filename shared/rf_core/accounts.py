"""What a meter has counted, put in order: by pool and domain, and by cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from rf_core.attribution import Part, Spend
from rf_core.causes import SpendCause
from rf_core.meter import Meter
from rf_core.snapshot import CauseSpend, DomainSpend

_Name: TypeAlias = tuple[str, str]
_Mark: TypeAlias = tuple[int, int, int, int]
_Flying: TypeAlias = Mapping[int, list[tuple[SpendCause, Part]]]

_ALL_BUT_PAGES: Final = tuple(cause for cause in SpendCause if cause is not SpendCause.PAGE)


class Statements:
    """States a meter's accounts with their causes, each when it has changed."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._kept: dict[_Name, _Mark] = {}
        self._stated: dict[_Name, _Mark] = {}

    def changed(self) -> tuple[DomainSpend, ...]:
        """Return accounts that have changed since those that were kept, in order."""
        flying = _flying(self._meter)
        spends = {
            name: spend
            for name, spend in self._meter.spends.items()
            if self._kept.get(name) != _mark(spend)
        }
        self._stated = {name: _mark(spend) for name, spend in spends.items()}
        return tuple(_stated(name, spends[name], flying) for name in sorted(spends))

    def kept(self) -> None:
        """Somebody has kept what was returned last."""
        self._kept |= self._stated


def domain_spends(meter: Meter) -> tuple[DomainSpend, ...]:
    """Return every account with its causes, what is under way included."""
    flying = _flying(meter)
    return tuple(_stated(name, spend, flying) for name, spend in sorted(meter.spends.items()))


def cause_totals(meter: Meter) -> tuple[CauseSpend, ...]:
    """Return all that was counted by cause, in the order of their table."""
    whole = Spend()
    for spend in meter.spends.values():
        whole.up_bytes += spend.up_bytes
        whole.down_bytes += spend.down_bytes
        whole.requests += spend.requests
        for cause, part in spend.parts.items():
            whole.part(cause).add(part)
    return causes_of(whole, [one for found in _flying(meter).values() for one in found])


def causes_of(
    spend: Spend, flying: Sequence[tuple[SpendCause, Part]] = ()
) -> tuple[CauseSpend, ...]:
    """Split one account: what no cause is known of is `page`, so the parts sum to the byte."""
    counts: dict[SpendCause, Part] = spend.parts
    if flying:
        counts = {cause: replace(part) for cause, part in spend.parts.items()}
        for cause, taken in flying:
            counts.setdefault(cause, Part()).add(taken)
    up, down, requests = spend.up_bytes, spend.down_bytes, spend.requests
    found: list[CauseSpend] = []
    for cause in _ALL_BUT_PAGES:
        part = counts.get(cause)
        if part is None or not (part.up_bytes or part.down_bytes or part.requests):
            continue
        up -= part.up_bytes
        down -= part.down_bytes
        if cause is not SpendCause.TUNNEL:
            requests -= part.requests
        found.append(CauseSpend(cause.value, part.up_bytes, part.down_bytes, part.requests))
    if up or down or requests:
        found.insert(0, CauseSpend(SpendCause.PAGE.value, up, down, requests))
    return tuple(found)


def _stated(name: _Name, spend: Spend, flying: _Flying) -> DomainSpend:
    causes = causes_of(spend, flying.get(id(spend), ()))
    return DomainSpend(*name, spend.up_bytes, spend.down_bytes, spend.requests, causes)


def _flying(meter: Meter) -> _Flying:
    found: dict[int, list[tuple[SpendCause, Part]]] = {}
    for channel in meter.channels.values():
        if channel.has_flights:
            found.setdefault(id(channel.spend), []).extend(channel.under_way())
    return found


def _mark(spend: Spend) -> _Mark:
    return spend.up_bytes, spend.down_bytes, spend.requests, spend.changes
