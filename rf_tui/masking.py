"""For a screen that others see: names are replaced, the same ones always by the same.

What is masked is the snapshot, before anything is drawn, copied or exported from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal

from rf_core.alert import Alert
from rf_core.snapshot import CrawlReport, DomainState, Finding, Headroom, PoolState, Snapshot
from rf_tui.amounts import without_amounts
from rf_tui.places import Panel, Place, Row, Whereabouts

Kind = Literal["pool", "site", "gateway", "spider", "project", "machine", "account"]

_KIND_OF: Final[Mapping[Panel, Kind]] = {"pools": "pool", "domains": "site"}
"""What names the rows of a panel; crawls are named by numbers that nobody sees."""

_SUBJECTS: Final[Mapping[str, Kind]] = {"pool": "pool", "domain": "site"}
"""What a page is about."""

_Naming = Callable[[Kind, str], str]
_KEY_END: Final = re.compile(r"…\w{1,8}")
_HOME: Final = re.compile(r"/(?:home|Users)/[^/\s]+")


class Mask:
    """Gives each name another, for as long as the program runs, and takes it back."""

    def __init__(self) -> None:
        self._aliases: dict[tuple[Kind, str], str] = {}
        self._names: dict[tuple[Kind, str], str] = {}
        self._numbers: dict[Kind, int] = {}
        self._labels: dict[str, str] = {}
        self._last: tuple[Snapshot, Snapshot] | None = None

    def __repr__(self) -> str:
        return f"<Mask {len(self._aliases)} names>"

    def alias(self, kind: Kind, name: str) -> str:
        """Return what stands for a name; nothing for nothing."""
        if not name:
            return ""
        found = self._aliases.get((kind, name))
        if found is None:
            self._numbers[kind] = self._numbers.get(kind, 0) + 1
            found = f"{kind}-{self._numbers[kind]}"
            self._aliases[kind, name] = found
            self._names[kind, found] = name
        return found

    def covered(self, snapshot: Snapshot) -> Snapshot:
        """Return a snapshot that can be shown to strangers. Amounts are hidden where printed."""
        if self._last is not None and self._last[0] is snapshot:
            return self._last[1]
        covered = replace(
            snapshot,
            key=_KEY_END.sub("…••••", snapshot.key),
            account=self.alias("account", snapshot.account),
            pools=tuple(map(self._pool, snapshot.pools)),
            crawls=tuple(map(self._crawl, snapshot.crawls)),
            domains=tuple(self._domain(domain) for domain in snapshot.domains),
            windows=tuple(map(self._window, snapshot.windows)),
            calls=tuple(replace(call, who=self._holder(call.who)) for call in snapshot.calls),
        )
        # Last: by now, every name that a sentence may hold is known.
        covered = replace(
            covered,
            findings=tuple(map(self._finding, snapshot.findings)),
            alerts=tuple(map(self._alert, snapshot.alerts)),
        )
        self._last = snapshot, covered
        return covered

    def moved_in(self, where: Whereabouts) -> Whereabouts:
        """Name the same place by what stands for it; a filter by a name is taken back."""
        return self._moved(where, self.alias)

    def moved_out(self, where: Whereabouts) -> Whereabouts:
        """Name the same place by what it is."""
        return self._moved(where, self._name)

    def sentence(self, text: str) -> str:
        """Mask what is known in a text that was written elsewhere, and every amount."""
        # Of the thousands that a day may bring, a sentence holds a few: a pattern is made of those.
        by_name = {name: alias for name, alias in self._labels.items() if name in text} | {
            name: alias for (_, name), alias in self._aliases.items() if name in text
        }
        named = _any_of(by_name).sub(lambda found: by_name[found[0]], text)
        return without_amounts(_KEY_END.sub("…••••", _HOME.sub("~", named)))

    def _name(self, kind: Kind, alias: str) -> str:
        return self._names.get((kind, alias), alias)

    def _moved(self, where: Whereabouts, named: _Naming) -> Whereabouts:
        trail = tuple(_renamed(place, named) for place in where.trail)
        return replace(where, trail=trail, filter="")

    def _pool(self, pool: PoolState) -> PoolState:
        alias = self.alias("pool", pool.id)
        if pool.label and pool.label not in self._labels:  # it may stand in a sentence
            self._labels[pool.label] = alias
        return replace(pool, id=alias, label="", host=self.alias("gateway", pool.host))

    def _crawl(self, crawl: CrawlReport) -> CrawlReport:
        return replace(
            crawl,
            spider=self.alias("spider", crawl.spider),
            project=self.alias("project", crawl.project),
            host=self.alias("machine", crawl.host),
            pool=self.alias("pool", crawl.pool),
            domains=tuple(
                replace(
                    spend,
                    pool=self.alias("pool", spend.pool),
                    domain=self.alias("site", spend.domain),
                )
                for spend in crawl.domains
            ),
            paused=self.sentence(crawl.paused),
            backoffs={self.alias("site", name): left for name, left in crawl.backoffs.items()},
        )

    def _domain(self, domain: DomainState) -> DomainState:
        return replace(domain, domain=self.alias("site", domain.domain))

    def _window(self, window: Headroom) -> Headroom:
        return replace(
            window, holders=tuple((self._holder(name), slots) for name, slots in window.holders)
        )

    def _holder(self, name: str) -> str:
        """`crawl books` is a spider's; `poller` and `monitor` are nobody's secret."""
        what, _, spider = name.partition(" ")
        return f"{what} {self.alias('spider', spider)}" if spider else name

    def _finding(self, finding: Finding) -> Finding:
        return replace(
            finding, text=self.sentence(finding.text), way_out=self.sentence(finding.way_out)
        )

    def _alert(self, alert: Alert) -> Alert:
        return replace(
            alert,
            pool=self.alias("pool", alert.pool),
            rule=self.sentence(alert.rule),
            text=self.sentence(alert.text),
            outcome=self.sentence(alert.outcome),
        )


def _renamed(place: Place, named: _Naming) -> Place:
    kind = _SUBJECTS.get(place.page)
    row = place.chosen
    if row is not None and row.panel in {"alerts", "requests"}:
        row = None  # their ids hold names
    elif row is not None and (of_row := _KIND_OF.get(row.panel)):
        row = Row(row.panel, named(of_row, row.key))
    return replace(place, subject=named(kind, place.subject) if kind else place.subject, chosen=row)


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """Match any of these words, the longest first; never a part of a longer word."""
    words = sorted({name for name in names if name}, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, words)) or '(?!)'})(?![\w-])")
