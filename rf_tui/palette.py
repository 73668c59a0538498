"""What the command palette finds: every page, every pool, crawl and domain, and what keys do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rf_core.redaction import printable
from rf_core.snapshot import Snapshot
from rf_tui.amounts import format_bytes
from rf_tui.keys import Key, spoken
from rf_tui.panels import own_domains
from rf_tui.places import Page

_LONGEST: Final = 60
_STEPS: Final = frozenset({"move", "next_panel", "open", "step_back", "seek", "zoom", "shift"})
"""Actions that mean something only where one stands."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to find.

    Attributes:
        action: What choosing it runs; pages are gone to by `page`.
    """

    name: str
    meaning: str
    action: str = ""
    page: Page | None = None
    subject: str = ""


def entries(snapshot: Snapshot, keys: Sequence[Key]) -> list[Entry]:
    """Everything that may be looked for, pages first."""
    return [*_actions(keys), *_subjects(snapshot)]


def _actions(keys: Iterable[Key]) -> list[Entry]:
    return [
        Entry(f"{key.label}: {key.meaning}", f"key {spoken(key.keys)}", action=key.action)
        for key in keys
        if key.action.partition("(")[0] not in _STEPS
    ]


def _subjects(snapshot: Snapshot) -> list[Entry]:
    domains = snapshot.domains or own_domains(snapshot.crawls)
    return [
        Entry("Overview", "pools, windows, crawls, domains", page="overview"),
        *(
            Entry(f"Pool {_said(pool.id)}", _left(pool.left_bytes), page="pool", subject=pool.id)
            for pool in snapshot.pools
        ),
        *(
            Entry(
                f"Crawl {_said(crawl.spider)}",
                f"{crawl.requests:,} requests in pool {_said(crawl.pool)}",
                page="crawl",
                subject=crawl.id,
            )
            for crawl in snapshot.crawls
        ),
        *(
            Entry(
                f"Domain {_said(one.domain)}",
                format_bytes(one.bytes),
                page="domain",
                subject=one.domain,
            )
            for one in domains
        ),
    ]


def _left(count: int | None) -> str:
    return "not read yet" if count is None else f"{format_bytes(count)} left"


def _said(text: str) -> str:
    return printable(text, _LONGEST)
