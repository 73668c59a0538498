"""One line that says what something cost and where it went."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rf_core.meter import Meter
from rf_core.units import format_bytes

_SHOWN: Final = 3


def cost_line(
    what: str, meter: Meter, *, pool: str, proxies: int, budget_bytes: int | None = None
) -> str:
    """Say it.

    Args:
        what: Who spent it, as `This crawl`.
        proxies: How many credentials served.
    """
    requests = sum(spend.requests for spend in meter.spends.values())
    domains: Counter[str] = Counter()
    for (_pool, domain), spend in meter.spends.items():
        domains[domain] += spend.up_bytes + spend.down_bytes
    top = [(domain, count) for domain, count in domains.most_common(_SHOWN) if count]
    where = ", ".join(f"{domain} {format_bytes(count)}" for domain, count in top) or "nowhere"
    budget = f" (budget {format_bytes(budget_bytes)})" if budget_bytes else ""
    return (
        f"{what} cost {format_bytes(meter.wire_bytes)}{budget} of pool {pool} "
        f"({meter.up_bytes:,} bytes up, {meter.down_bytes:,} down) for {requests:,} "
        f"{'request' if requests == 1 else 'requests'} through {proxies:,} "
        f"{'proxy' if proxies == 1 else 'proxies'}: {where}."
    )
