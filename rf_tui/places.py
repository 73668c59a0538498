"""Where a person is in the monitor: the page, the row that is chosen, what is filtered and sorted.

All of it is frozen; each key makes a new one. Rows are named by what they are about, not by their
number: a row stays chosen when others come, go or change places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from rf_tui.reach import Reach

Panel = Literal["pools", "crawls", "domains", "alerts", "requests"]
Page = Literal["overview", "pool", "crawl", "domain", "targeting", "alerts", "requests"]

PAGE_OF: Final[Mapping[Panel, Page]] = {
    "pools": "pool",
    "crawls": "crawl",
    "domains": "domain",
    "alerts": "alerts",
}
"""What opens when a row of a panel is entered; of others there is no more to be seen."""

SORTS: Final[Mapping[Panel, tuple[str, ...]]] = {
    "pools": ("as listed", "left", "drain", "name"),
    "crawls": ("running first", "rate", "on the wire", "requests", "name"),
    "domains": ("bytes", "since last", "requests", "name"),
    "alerts": ("newest first",),
    "requests": ("newest first", "status", "latency", "who"),
}
"""The orders of each panel, by the names of its columns; the first is the one without a choice."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be chosen: a pool, a crawl or a call by its id, a domain by its name."""

    panel: Panel
    key: str


@dataclass(frozen=True, slots=True)
class Place:
    """One page, and the row that is chosen on it."""

    page: Page = "overview"
    subject: str = ""
    chosen: Row | None = None


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The pages that lead to the one that is shown, the last of them, and what is chosen there.

    Attributes:
        filter: Text that rows must hold; with `!` before it, text that they must not hold.
        sorts: Panel → how it is sorted, for those that are not in their first order.
        reach: Which stretch of time charts show.
    """

    trail: tuple[Place, ...] = (Place(),)
    filter: str = ""
    sorts: Mapping[Panel, str] = field(default_factory=lambda: MappingProxyType({}))
    reach: Reach = field(default_factory=Reach)

    @property
    def here(self) -> Place:
        """The page that is shown."""
        return self.trail[-1]

    def moved(self, rows: Sequence[Row], step: int) -> Whereabouts:
        """Choose the row so many further down, or the first or last there is."""
        if not rows:
            return self._choosing(None)
        chosen = self.here.chosen
        if chosen not in rows:
            return self._choosing(rows[0] if step > 0 else rows[-1])
        return self._choosing(rows[min(max(rows.index(chosen) + step, 0), len(rows) - 1)])

    def next_panel(self, rows: Sequence[Row]) -> Whereabouts:
        """Choose the first row of the next panel, and after the last one of the first."""
        firsts = [row for n, row in enumerate(rows) if not n or rows[n - 1].panel != row.panel]
        if not firsts:
            return self
        chosen = self.here.chosen
        panels = [row.panel for row in firsts]
        at = panels.index(chosen.panel) if chosen in rows and chosen is not None else -1
        return self._choosing(firsts[(at + 1) % len(firsts)])

    def pointed(self, row: Row) -> Whereabouts:
        """Choose that very row."""
        return self._choosing(row)

    def entered(self, row: Row | None) -> Whereabouts:
        """Open the page of a row; nothing happens when it is open already."""
        if row is None or row.panel not in PAGE_OF:
            return self
        return self.went(PAGE_OF[row.panel], row.key)

    def went(self, page: Page, subject: str = "") -> Whereabouts:
        """Open a page on top of this one; one that is on the trail is gone back to."""
        kept = [(place.page, place.subject) for place in self.trail]
        if (page, subject) in kept:
            return replace(self, trail=self.trail[: kept.index((page, subject)) + 1], filter="")
        return replace(self, trail=(*self.trail, Place(page, subject)), filter="")

    def back(self) -> Whereabouts:
        """Take back what was done last: the filter, the page, the choice."""
        if self.filter:
            return self.filtered("")
        if len(self.trail) > 1:
            return replace(self, trail=self.trail[:-1])
        return self._choosing(None)

    def filtered(self, text: str) -> Whereabouts:
        """List only rows that hold that text."""
        return replace(self, filter=text)

    def reaching(self, reach: Reach) -> Whereabouts:
        """Show another stretch of time."""
        return replace(self, reach=reach)

    def sorted_anew(self, panel: Panel) -> Whereabouts:
        """Sort a panel by its next order."""
        orders = SORTS[panel]
        now = orders.index(self.sorts.get(panel, orders[0]))
        sorts = {**self.sorts, panel: orders[(now + 1) % len(orders)]}
        return replace(self, sorts=MappingProxyType(sorts))

    def sorted_by(self, panel: Panel) -> str:
        """Name the column that a panel is sorted by; "" while it is in its first order."""
        order = self.sorts.get(panel, SORTS[panel][0])
        return "" if order == SORTS[panel][0] else order

    def _choosing(self, row: Row | None) -> Whereabouts:
        return replace(self, trail=(*self.trail[:-1], replace(self.here, chosen=row)))
