"""One line that says what something cost and where it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from rf_core.accounts import cause_totals
from rf_core.caps import Cap
from rf_core.causes import SpendCause
from rf_core.meter import Meter
from rf_core.prices import format_cost
from rf_core.units import format_bytes

_SHOWN: Final = 3
_WORTH_A_WORD: Final = 0.01
_IN_WORDS: Final[Mapping[SpendCause, str]] = {
    SpendCause.RETRY: "retries",
    SpendCause.REDIRECT: "redirects",
    SpendCause.ROBOTS: "robots.txt",
    SpendCause.MEDIA: "media",
    SpendCause.BLOCKED: "back-offs and bans",
    SpendCause.ABORTED: "aborted transfers",
    SpendCause.TUNNEL: "opening tunnels",
}


def cost_line(
    what: str,
    meter: Meter,
    *,
    pool: str,
    proxies: int,
    budget: Cap | None = None,
    cost: Decimal | None = None,
) -> str:
    """Say it.

    Args:
        what: Who spent it, as `This crawl`.
        proxies: How many credentials served.
        cost: In dollars, where a price is known.
    """
    requests = sum(spend.requests for spend in meter.spends.values())
    domains: Counter[str] = Counter()
    for (_pool, domain), spend in meter.spends.items():
        domains[domain] += spend.up_bytes + spend.down_bytes
    causes = [(one.bytes, one.cause) for one in cause_totals(meter) if one.cause != SpendCause.PAGE]
    top = [(domain, count) for domain, count in domains.most_common(_SHOWN) if count]
    where = ", ".join(f"{domain} {format_bytes(count)}" for domain, count in top) or "nowhere"
    capped = f" (budget {budget})" if budget else ""
    money = f" = {format_cost(cost)}" if cost is not None else ""
    why = _shares(causes, meter.wire_bytes)
    return (
        f"{what} cost {format_bytes(meter.wire_bytes)}{money}{capped} of pool {pool} "
        f"({meter.up_bytes:,} bytes up, {meter.down_bytes:,} down) for {requests:,} "
        f"{'request' if requests == 1 else 'requests'} through {proxies:,} "
        f"{'proxy' if proxies == 1 else 'proxies'}: {where}.{why}"
    )


def _shares(causes: Iterable[tuple[int, str]], whole: int) -> str:
    """Say what was not pages, where it is worth a word."""
    shown = [
        f"{count / whole:.0%} {_IN_WORDS[SpendCause(cause)]}"
        for count, cause in sorted(causes, reverse=True)
        if whole and count >= whole * _WORTH_A_WORD
    ]
    return f" Of it {', '.join(shown)}." if shown else ""
