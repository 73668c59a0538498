"""What a person at the monitor does about what is shown, through the hands of its account."""

from __future__ import annotations

from functools import partial

from rf_core.alert import Alert
from rf_core.snapshot import CrawlReport
from rf_core.snapshot_source import Hands
from rf_tui.alerts_page import place_of
from rf_tui.places import Row
from rf_tui.screens.control import ControlScreen, Wanted
from rf_tui.watching import Watching


class Acting(Watching):
    """A screen from which something can be done, if the account that is shown has hands."""

    def action_alerts(self) -> None:
        """Show alerts; when they are shown, acknowledge the one that is chosen, or all."""
        where = self._where
        if where.here.page != "alerts":
            self._go(where.went("alerts"))
        elif (hands := self._desk.doing) is None:
            self._say("Nothing can be acknowledged here.", wrong=True)
        else:
            place = place_of(self.snapshot, where.here.chosen)
            alert = None if place is None else self._snapshot.alerts[place]
            self.run_worker(self._acknowledge(hands, alert), group="acknowledge")

    async def _acknowledge(self, hands: Hands, alert: Alert | None) -> None:
        self._say(await hands.acknowledge(alert))
        self._look()

    def _enter(self, row: Row | None) -> None:
        """Open the page of a row; of an alert, that of its pool."""
        place = place_of(self.snapshot, row)
        if place is None:
            self._go(self._where.entered(row))
        else:
            self._go(self._where.went("pool", self.snapshot.alerts[place].pool))

    def action_control(self) -> None:
        """Ask what the crawl that is shown or chosen is to be told."""
        hands, crawl = self._desk.doing, self._crawl_meant()
        if hands is None:
            self._say("Nothing can be told from here.", wrong=True)
        elif crawl is None:
            self._say("Choose a crawl first: ↓ or a click does, or open its page.", wrong=True)
        elif crawl.finished_at is not None:
            self._say("It has ended.", wrong=True)
        else:
            self.push_screen(
                ControlScreen(crawl, self.amounts), partial(self._told, hands, crawl.id)
            )

    def _crawl_meant(self) -> CrawlReport | None:
        here = self._where.here
        row = here.chosen
        id_ = row.key if row is not None and row.panel == "crawls" else here.subject
        return next((crawl for crawl in self.snapshot.crawls if crawl.id == id_), None)

    def _told(self, hands: Hands, crawl: str, wanted: Wanted | None) -> None:
        if wanted is not None:
            self.run_worker(self._tell(hands, crawl, wanted), group="control")

    async def _tell(self, hands: Hands, crawl: str, wanted: Wanted) -> None:
        self._say(await hands.tell(crawl, wanted.verb, wanted.limit_bytes))
        self._look()
