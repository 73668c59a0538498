"""What a person does with what is shown: chooses its units, masks it, takes some of it along."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from textual.theme import Theme

from rf_core.snapshot import Snapshot
from rf_core.units import format_seconds
from rf_tui import preferences
from rf_tui.accounts import Desk
from rf_tui.amounts import UNITS, Amounts
from rf_tui.guest import Guest
from rf_tui.masking import Mask
from rf_tui.places import Whereabouts
from rf_tui.themes import HIGH_CONTRAST

INTERVALS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between looks, as keys go through them."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where files go.

    Attributes:
        reports: Crash reports; None is the system's folder for what is temporary.
        exports: What a person takes along; None is the folder the program was started in.
        preferences: What was chosen; None keeps it nowhere.
    """

    reports: Path | None = None
    exports: Path | None = None
    preferences: Path | None = None


class Handy(Guest):
    """A screen of which a person may choose the looks, and take copies.

    Args:
        desks: The accounts; the first is shown.
        places: Where files go.
        clock: Unix seconds, for ages.
    """

    def __init__(
        self,
        desks: Sequence[Desk],
        places: Places,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(places.reports)
        self._desks = tuple(desks)
        self._desk = self._desks[0]
        self._places = places
        self._clock = clock
        self._chosen = preferences.load(places.preferences)
        self._unkept: preferences.Preferences | None = None
        self._mask = Mask()
        for desk in self._desks:
            desk.snapshot = Snapshot(taken_at=clock())
            desk.where = Whereabouts(sorts=self._chosen.sorts)
        self.register_theme(Theme(**HIGH_CONTRAST))
        if not self.no_color and self._chosen.theme in self.available_themes:
            self.theme = self._chosen.theme

    def on_mount(self) -> None:
        """Remember which theme is chosen."""
        self.theme_changed_signal.subscribe(self, self._keep_theme)

    def on_unmount(self) -> None:
        """Write down what has not been yet."""
        if self._unkept is not None:
            preferences.save(self._places.preferences, self._unkept)
            self._unkept = None

    def _paint(self) -> None:
        raise NotImplementedError

    @property
    def _snapshot(self) -> Snapshot:
        return self._desk.snapshot

    @_snapshot.setter
    def _snapshot(self, snapshot: Snapshot) -> None:
        self._desk.snapshot = snapshot

    @property
    def _where(self) -> Whereabouts:
        return self._desk.where

    @_where.setter
    def _where(self, where: Whereabouts) -> None:
        self._desk.where = where

    @property
    def snapshot(self) -> Snapshot:
        """What is shown, masked if it is to be."""
        return self._mask.covered(self._snapshot) if self._chosen.masked else self._snapshot

    @property
    def amounts(self) -> Amounts:
        """How amounts are printed."""
        return Amounts(
            self._chosen.unit,
            self._desk.costs,
            datetime.fromtimestamp(self._clock(), UTC).date(),
            hidden=self._chosen.masked,
        )

    def _go(self, where: Whereabouts) -> None:
        sorted_anew = where.sorts != self._where.sorts
        self._where = where
        if sorted_anew:
            self._choose(replace(self._chosen, sorts=where.sorts))
        self._paint()

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self.notify(text, severity="warning" if wrong else "information", markup=False)

    def action_units(self) -> None:
        """Print amounts in the next unit."""
        units = [unit for unit in UNITS if unit != "$" or self.amounts.knows_price()]
        unit = (
            units[(units.index(self._chosen.unit) + 1) % len(units)]
            if (self._chosen.unit in units)
            else units[0]
        )
        self._choose(replace(self._chosen, unit=unit))
        self._say(f"Amounts in {unit}: {UNITS[unit]}." if unit != "auto" else "Amounts as usual.")

    def action_mask(self) -> None:
        """Mask names and amounts, or show them again."""
        masked = not self._chosen.masked
        if masked:
            self.clear_notifications()  # they may name what is masked from now on
        move = self._mask.moved_in if masked else self._mask.moved_out
        for desk in self._desks:
            desk.where = move(desk.where)
        self._choose(replace(self._chosen, masked=masked))
        self._say(
            "Masked: pools, domains, spiders, names, amounts; in copies and pictures, too."
            if masked
            else "No mask any more."
        )

    def action_copy(self) -> None:
        """Give the row that is chosen to the terminal's clipboard."""
        from rf_tui import exporting  # noqa: PLC0415 - seldom wanted

        record = exporting.record_of(self.snapshot, self._where, hidden=self._chosen.masked)
        if record is None:
            self._say("Choose a row first: ↓ or a click does.", wrong=True)
            return
        text = exporting.as_words(record)
        self.copy_to_clipboard(text)
        first = text.split(" ", 1)[0]
        way_out = "e writes a file where a page may not." if self.is_web else ""
        self._say(f"Given to the clipboard, if the terminal lets it: {first} … {way_out}".strip())

    def action_export(self, form: str) -> None:
        """Write the table of the row that is chosen, or each of the page, to private files."""
        from rf_tui import exporting  # noqa: PLC0415 - seldom wanted

        here = self._where.here
        tables = exporting.tables_of(self.snapshot, self._where, hidden=self._chosen.masked)
        if form == "json":
            text = exporting.as_json(tables, taken_at=self._snapshot.taken_at, page=here.page)
            self._take({f"{here.page}.json": text}, f"The tables of this page ({here.page}) are")
            return
        table = exporting.table_of(here.chosen, here.page)
        wanted = {table: tables[table]} if table in tables else tables
        filled = {name: rows for name, rows in wanted.items() if rows}
        if not filled:
            self._say("There is nothing in the tables of this page.", wrong=True)
            return
        rows = sum(map(len, filled.values()))
        what = f"{rows:,} row{'s' if rows > 1 else ''} of {', '.join(filled)}"
        files = {f"{name}.csv": exporting.as_csv(rows) for name, rows in filled.items()}
        self._take(files, f"{what} {'are' if rows > 1 else 'is'}")

    def action_picture(self) -> None:
        """Write what is on the screen as an SVG."""
        from rf_tui.pictures import tidy  # noqa: PLC0415 - seldom wanted

        self._take({"screen.svg": tidy(self.export_screenshot(title="rf"))}, "The picture is")

    def _take(self, files: Mapping[str, str], what: str) -> None:
        self.run_worker(self._written(files, what), group="take")

    async def _written(self, files: Mapping[str, str], what: str) -> None:
        from rf_tui import taking  # noqa: PLC0415 - seldom wanted

        folder = self._places.exports or Path.cwd()
        try:
            write = partial(taking.keep, folder, files, at=time.time())
            paths = await asyncio.to_thread(write)
        except OSError as error:
            why = error.strerror or type(error).__name__
            self._say(
                f"Nothing was written to {folder}: {why}. Start rf in a folder of yours.",
                wrong=True,
            )
            return
        sentence = taking.said(paths, what)
        self._say(self._mask.sentence(sentence) if self._chosen.masked else sentence)

    def _keep_theme(self, theme: Theme) -> None:
        if not self.no_color and theme.name != self._chosen.theme:
            self._choose(replace(self._chosen, theme=theme.name))

    def _choose(self, chosen: preferences.Preferences) -> None:
        """Do so from now on, and write it down for the next time."""
        self._chosen = chosen
        self._paint()
        waiting = self._unkept is not None
        self._unkept = chosen
        if not waiting:
            self.run_worker(self._keep(), group="keep")

    async def _keep(self) -> None:
        """Write the newest choice, and again if there came a newer one meanwhile."""
        while (chosen := self._unkept) is not None:
            await asyncio.to_thread(preferences.save, self._places.preferences, chosen)
            if self._unkept is chosen:
                self._unkept = None


def next_interval(now: float, step: int) -> float:
    """The next shorter or longer time between looks."""
    longer = [one for one in INTERVALS if one > now]
    shorter = [one for one in INTERVALS if one < now]
    if step > 0:
        return longer[0] if longer else now
    return shorter[-1] if shorter else now


def looks_said(seconds: float) -> str:
    """Say how often is looked."""
    return f"A look every {format_seconds(seconds)}."
