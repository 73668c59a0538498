"""Numbers and states in as few letters as a table has room for."""

from __future__ import annotations

from typing import Final

from rf_core.snapshot import CrawlReport, Drain, Headroom, PoolState, Runway
from rf_core.units import format_seconds
from rf_tui.amounts import format_bytes, format_rate
from rf_tui.cells import Span
from rf_tui.tables import first_that_fits

SILENT_SECONDS: Final = 5.0
"""A crawl reports each second; after this long without a report its state is not known."""

_MILLION: Final = 1_000_000
_ORDERLY: Final = frozenset({"finished", "shutdown"})


def brief_seconds(seconds: float) -> str:
    """Print a duration in six letters at most: `7s`, `4m05s`, `2h07m`, `3d04h`."""
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes}m{rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:  # noqa: PLR2004 - hours in a day
        return f"{hours}h{minutes:02d}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02d}h"


def count(number: int, width: int) -> str:
    """Print a count with its thousands apart, or in millions where that is too wide."""
    return first_that_fits((f"{number:,}", f"{number / _MILLION:.2f}M"), width)


def drain_words(drain: Drain, pool: str = "") -> Span:
    """Say how fast a pool is emptying, or why that is not said."""
    if drain.state == "draining":
        return Span(f"↓ {format_rate(drain.bytes_per_second, pool)}")
    return Span(drain.state, "dim")


def runway_words(runway: Runway | None) -> str:
    """Say how long a pool lasts as the interval that it is: `40m-1h10`; nothing if unknown."""
    if runway is None:
        return ""
    low, high = brief_seconds(runway.low_seconds), brief_seconds(runway.high_seconds)
    return low if low == high else f"{low}-{high}"


def wait_words(seconds: float | None) -> str:
    """Say when a slot is free."""
    if seconds is None:
        return "unknown"
    return f"in {format_seconds(seconds)}" if seconds > 0 else "now"


def holders_words(window: Headroom) -> str:
    """Say who made the calls that still count."""
    who = [f"{name} {number}" for name, number in window.holders]
    if window.foreign:
        who.append(f"strangers {window.foreign}")
    return ", ".join(who) or "nobody"


def crawl_state(crawl: CrawlReport, seen_at: float) -> Span:
    """Say whether a crawl runs, has ended and why, or has not been heard of.

    Args:
        seen_at: When the snapshot was made, so that a frozen picture does not age its crawls.
    """
    if crawl.finished_at is not None:
        reason = crawl.finish_reason or "finished"
        return Span(reason.removeprefix("rf_"), "dim" if reason in _ORDERLY else "warn")
    silent = seen_at - crawl.updated_at
    if silent < SILENT_SECONDS:
        return Span("paused", "warn") if crawl.paused else Span("running", "good")
    return Span(f"silent {brief_seconds(silent)}", "warn")


def crawl_age(crawl: CrawlReport, seen_at: float) -> str:
    """How long a crawl has been running, or ran."""
    end = crawl.finished_at if crawl.finished_at is not None else seen_at
    return brief_seconds(end - crawl.started_at)


def failures(crawl: CrawlReport, width: int) -> str:
    """Failures by verdict, most frequent first; only their number where there is no room."""
    total = sum(crawl.failures.values())
    ranked = sorted(crawl.failures.items(), key=lambda item: (-item[1], item[0]))
    each = [f"{short_verdict(name)}:{number}" for name, number in ranked]
    if not each:
        return "none"
    return first_that_fits(
        (" ".join(each), f"{each[0]} +{total - ranked[0][1]}", str(total)), width
    )


def left_alone(crawl: CrawlReport, width: int) -> str:
    """Domains that asked for patience, the longest wait first, with what is left of it."""
    waits = sorted(crawl.backoffs.items(), key=lambda item: (-item[1], item[0]))
    if not waits:
        return "nobody"
    each = [f"{domain} {brief_seconds(seconds)}" for domain, seconds in waits]
    some = f"{each[0]} +{len(waits) - 1}" if waits[1:] else each[0]
    return first_that_fits(
        (", ".join(each), some, f"{len(waits)}, {brief_seconds(waits[0][1])}"), width
    )


def short_verdict(verdict: str) -> str:
    """A verdict without whom it is about: the site's status alone is a number."""
    return verdict.removeprefix("gateway_").removeprefix("target_").removeprefix("network_")


def pool_note(pool: PoolState, seen_at: float, width: int) -> str:
    """What else is to be said of a pool: a recent top-up, or what it offers."""
    if not pool.listed:
        return "no longer listed"
    offers = ", ".join(pool.proxy_types)
    if pool.topped_up_at is None:
        return offers
    ago = brief_seconds(seen_at - pool.topped_up_at)
    return first_that_fits((f"topped up {ago} ago", f"+ {ago} ago"), width)


def growth(delta_bytes: int | None) -> Span:
    """How much a domain has grown since the reading before; nothing when that is not known."""
    if delta_bytes is None:
        return Span("")
    if not delta_bytes:
        return Span("·", "dim")
    return Span(f"+{format_bytes(delta_bytes)}", "accent")
