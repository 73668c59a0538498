"""What the two meters of a pool say of each other, in words."""

from __future__ import annotations

import textwrap
from typing import Final

from rf_core.meters import Reconciliation
from rf_core.snapshot import PoolState
from rf_core.units import format_seconds
from rf_tui.amounts import format_bytes, format_rate
from rf_tui.cells import Line, Span, Style
from rf_tui.tables import first_that_fits
from rf_tui.words import brief_seconds

_LABEL: Final = 14


def in_words(one: Reconciliation) -> str:
    """Say what a verdict means, and what may be done."""
    excess, noise = format_bytes(one.excess_bytes), format_bytes(one.noise_bytes)
    match one.verdict:
        case "clean":
            late = f"; its meter is about {format_seconds(one.lag_seconds)} late"
            return (
                f"the provider took what our crawls spent, to {noise}"
                f"{late if one.lag_seconds else ''}."
            )
        case "overhead":
            why = " It looks like a GB of 10^9 bytes." if one.unit == "GB" else ""
            return f"the provider takes {one.share or 0:.1%} more than our crawls spend.{why}"
        case "foreign":
            return (
                f"somebody else took {excess}, {format_rate(one.foreign_bytes_per_second)}: "
                "another machine or tool of yours, or a leak. If nothing is yours, "
                "make new credentials."
            )
        case "inconclusive":
            if one.share is not None:
                return (
                    f"the provider took {excess} more: a share of {one.share:.1%}, or somebody as "
                    "steady as our crawls. It shows when they pause."
                )
            return f"the meters differ by {excess}, which proves nothing yet."


def meters_facts(pool: PoolState, seen_at: float, width: int) -> list[Line]:
    """The lines of a pool's page that compare the two meters: the verdict and its numbers."""
    one = pool.meters
    if one is None:
        return []
    style: Style = "bad" if one.is_foreign else "good" if one.verdict == "clean" else ""
    both = f"  provider {format_bytes(one.provider_bytes)}, ours {format_bytes(one.our_bytes)}"
    short = f"{both} ± {format_bytes(one.noise_bytes)}"
    long = f"{short} in {brief_seconds(one.end - one.begin)}"
    numbers = first_that_fits(
        (f"{long}, {brief_seconds(seen_at - one.end)} ago", long, short, both),
        width - _LABEL - 4 - len(one.verdict),
    )
    heading = (Span(f"   {'meters':<{_LABEL}}", "dim"), Span(one.verdict, style))
    if not one.is_foreign:
        return [(*heading, Span(numbers, "dim"))]
    said = textwrap.wrap(in_words(one), max(20, width - _LABEL - 5))
    return [
        (*heading, Span(numbers, "dim")),
        *((Span(f"   {'':<{_LABEL}}{part}", "warn"),) for part in said),
    ]
