"""What was spent on anything but pages, and which line would have saved how much of it.

A saving is computed by going through the ledger's own rows once more as if the line had stood in
the settings. It is said as what it is: exact, or a bound from above.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from rf_core.causes import SpendCause
from rf_core.prices import Price, cost_of
from rf_core.spending import CauseEntry, date_of

Certainty: TypeAlias = Literal["exactly", "at most"]

LARGEST_BYTES: Final = 1_048_576
"""What a cap on the size of answers is proposed for: transfers that broke beyond it."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A line for settings.py, and what of an entry it saves.

    Attributes:
        line: "" when no setting helps.
        means: What else follows from it.
        certainty: How what is saved by the rows compares with what is saved.
        saved: Bytes of one entry.
    """

    line: str
    means: str
    certainty: Certainty
    saved: Callable[[CauseEntry], int]


@dataclass(frozen=True, slots=True)
class Waste:
    """What one cause took, and what would save some of it.

    Attributes:
        requests: With `tunnel`, how many tunnels were opened.
        cost, saves_cost: In dollars; None when no price, or not one for all of it, is known.
        remedy: None for pages, or where nothing would be saved.
        domains: Those that took most of it, with their bytes.
    """

    cause: str
    bytes: int
    requests: int
    cost: Decimal | None
    saves_bytes: int
    saves_cost: Decimal | None
    remedy: Remedy | None
    domains: tuple[tuple[str, int], ...]


def _all_of_it(entry: CauseEntry) -> int:
    return entry.bytes


def _beyond_kept_tunnels(entry: CauseEntry) -> int:
    """With as many tunnels as lanes and no more, all opened at what one took."""
    return entry.bytes * entry.surplus // entry.requests if entry.requests else 0


def _of_large_ones(entry: CauseEntry) -> int:
    """Those of a crawl whose transfers broke after more than that, on average."""
    return entry.bytes if entry.bytes > entry.requests * LARGEST_BYTES else 0


REMEDIES: Final[Mapping[SpendCause, tuple[Remedy, ...]]] = {
    SpendCause.PAGE: (),
    SpendCause.RETRY: (
        Remedy("RETRY_ENABLED = False", "what fails at first is given up", "at most", _all_of_it),
    ),
    SpendCause.REDIRECT: (
        Remedy("", "ask for the addresses that these lead to", "at most", _all_of_it),
    ),
    SpendCause.ROBOTS: (
        Remedy(
            'RF_ROBOTS = "direct"', "robots.txt comes from your own address", "exactly", _all_of_it
        ),
    ),
    SpendCause.MEDIA: (
        Remedy(
            'RF_MEDIA = "off"',
            'none are fetched; "direct" saves as much, from your own address',
            "exactly",
            _all_of_it,
        ),
    ),
    SpendCause.BLOCKED: (
        Remedy("AUTOTHROTTLE_ENABLED = True", "sites are asked more slowly", "at most", _all_of_it),
    ),
    SpendCause.ABORTED: (
        Remedy(
            f"DOWNLOAD_MAXSIZE = {LARGEST_BYTES}",
            "larger answers are given up at their head",
            "at most",
            _of_large_ones,
        ),
        Remedy("DOWNLOAD_TIMEOUT = 600", "slow transfers reach their end", "at most", _all_of_it),
    ),
    SpendCause.TUNNEL: (
        Remedy(
            'RF_ROTATE = "tunnel"',
            "exits change with tunnels, and these are kept",
            "at most",
            _beyond_kept_tunnels,
        ),
    ),
}
"""The first that would have saved anything is taken."""


def wasted(
    entries: Iterable[CauseEntry],
    prices: Sequence[Price],
    domains: Mapping[str, Sequence[tuple[str, int]]],
) -> tuple[Waste, ...]:
    """Sum entries by cause, the most bytes first, each with what would have saved some of it.

    Args:
        domains: Cause → the domains that took most of it, with their bytes.
    """
    groups: dict[str, list[CauseEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.cause, []).append(entry)
    found = [
        _wasted(cause, group, prices, tuple(domains.get(cause, ())))
        for cause, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda waste: (-waste.bytes, waste.cause)))


def _wasted(
    cause: str,
    entries: Sequence[CauseEntry],
    prices: Sequence[Price],
    domains: tuple[tuple[str, int], ...],
) -> Waste:
    remedy = next((one for one in _remedies(cause) if any(map(one.saved, entries))), None)
    saved = [(entry, remedy.saved(entry)) for entry in entries] if remedy else []
    return Waste(
        cause,
        sum(entry.bytes for entry in entries),
        sum(entry.requests for entry in entries),
        _cost([(entry, entry.bytes) for entry in entries], prices),
        sum(count for _, count in saved),
        _cost(saved, prices) if remedy else None,
        remedy,
        domains,
    )


def _remedies(cause: str) -> tuple[Remedy, ...]:
    return REMEDIES[SpendCause(cause)] if cause in set(SpendCause) else ()


def _cost(counts: Iterable[tuple[CauseEntry, int]], prices: Sequence[Price]) -> Decimal | None:
    by_day: Counter[tuple[str, int]] = Counter()
    for entry, count in counts:
        by_day[entry.pool, entry.day] += count
    costs = [cost_of(count, prices, pool, date_of(day)) for (pool, day), count in by_day.items()]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None
