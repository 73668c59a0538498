"""What a meter has counted, put in order: by pool and domain, and by cause."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rf_core.attribution import Part, Spend
from rf_core.causes import SpendCause
from rf_core.meter import Meter
from rf_core.snapshot import CauseSpend, DomainSpend


def domain_spends(meter: Meter) -> tuple[DomainSpend, ...]:
    """Return every account with its causes, what is under way included."""
    flying: dict[int, list[tuple[SpendCause, Part]]] = {}
    for channel in meter.channels.values():
        if not channel.is_idle:
            flying.setdefault(id(channel.spend), []).extend(channel.under_way())
    return tuple(
        DomainSpend(
            pool,
            domain,
            spend.up_bytes,
            spend.down_bytes,
            spend.requests,
            causes_of(spend, flying.get(id(spend), ())),
        )
        for (pool, domain), spend in sorted(meter.spends.items())
    )


def causes_of(
    spend: Spend, flying: Iterable[tuple[SpendCause, Part]] = ()
) -> tuple[CauseSpend, ...]:
    """Split one account: what no cause is known of is `page`, so the parts sum to the byte."""
    counts: dict[str, list[int]] = {
        cause: [part.up_bytes, part.down_bytes, part.requests]
        for cause, part in spend.parts.items()
    }
    for of_cause, part in flying:
        of = counts.setdefault(of_cause, [0, 0, 0])
        of[0] += part.up_bytes
        of[1] += part.down_bytes
        of[2] += part.requests
    counts.pop(SpendCause.PAGE, None)
    page = [spend.up_bytes, spend.down_bytes, spend.requests]
    for name, of in counts.items():
        page[0] -= of[0]
        page[1] -= of[1]
        if name != SpendCause.TUNNEL:
            page[2] -= of[2]
    return _listed({SpendCause.PAGE: page, **counts})


def cause_totals(spends: Iterable[DomainSpend]) -> tuple[CauseSpend, ...]:
    """Sum the causes of several accounts, in the order of their table."""
    counts: dict[str, list[int]] = {}
    for spend in spends:
        for one in spend.causes:
            of = counts.setdefault(one.cause, [0, 0, 0])
            of[0] += one.up_bytes
            of[1] += one.down_bytes
            of[2] += one.requests
    return _listed(counts)


def _listed(counts: Mapping[str, list[int]]) -> tuple[CauseSpend, ...]:
    return tuple(
        CauseSpend(cause.value, *counts[cause])
        for cause in SpendCause
        if cause in counts and any(counts[cause])
    )
