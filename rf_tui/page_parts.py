"""What several pages are made of: facts of a subject, lists of crawls and of domains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rf_core.snapshot import DomainState, Snapshot
from rf_tui.cells import Line, Span
from rf_tui.layout import Section, section
from rf_tui.panels import crawls_panel, domains_panel
from rf_tui.places import Row, Whereabouts

LABEL: Final = 14


def fact(label: str, *said: Span) -> Line:
    """Say one thing of a page's subject."""
    return (Span(f"   {label:<{LABEL}}", "dim"), *said)


def listed_crawls(shown: Snapshot, where: Whereabouts, width: int) -> Section:
    """List crawls, each a row to choose."""
    rows = [Row("crawls", crawl.id) for crawl in shown.crawls]
    return section(crawls_panel(shown, width, where.sorted_by("crawls")), rows)


def listed_domains(
    domains: Sequence[DomainState], where: Whereabouts, width: int, *, total: int, title: str
) -> Section:
    """List domains, each a row to choose."""
    lines = domains_panel(
        domains, width, total=total, title=title, sorted_by=where.sorted_by("domains")
    )
    return section(lines, [Row("domains", domain.domain) for domain in domains])
