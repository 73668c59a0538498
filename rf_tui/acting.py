"""What a person at the monitor does about what is shown, through the hands of its account."""

from __future__ import annotations

from rf_core.snapshot import Alert
from rf_core.snapshot_source import Hands
from rf_tui.alerts_page import place_of
from rf_tui.places import Row
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
