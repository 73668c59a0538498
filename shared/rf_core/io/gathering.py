"""What is stored, read again at each look: only what has changed since the one before.

Fifty pools have thirty thousand readings, and a look comes each second: those that are known need
not be read a second time.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Final

from rf_core.drain import Reading
from rf_core.io import records
from rf_core.io.alert_book import get_alerts
from rf_core.io.records import Part, Stored
from rf_core.snapshot import CrawlReport

_WHOLE_SECONDS: Final = 600.0
"""So often everything is read anew, whatever somebody may have mended in it."""


class Gathering:
    """Reads what a snapshot needs, of one key; for the state's own thread alone."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._parts: dict[str, tuple[str, Part]] = {}
        self._readings: dict[str, tuple[Reading, ...]] = {}
        self._whole_at = 0.0
        self._crawls: dict[str, tuple[str, CrawlReport]] = {}

    def gather(self, connection: sqlite3.Connection, crawls_since: float, now: float) -> Stored:
        """Read it.

        Args:
            now: Unix seconds.
        """
        spent = records.spent_by_pool(connection, self._key)
        self._read_readings(connection, spent, now)
        return Stored(
            parts=self._read_parts(connection),
            readings=dict(self._readings),
            spent=spent,
            crawls=self._read_crawls(connection, crawls_since),
            alerts=get_alerts(connection, self._key),
        )

    def _read_parts(self, connection: sqlite3.Connection) -> dict[str, Part]:
        """A text that is known is not read as a document again."""
        rows = connection.execute(
            "SELECT part, fetched_at, body FROM parts WHERE key = ?", (self._key,)
        )
        before, self._parts = self._parts, {}
        for part, fetched_at, body in rows:
            known = before.get(part)
            document = known[1].document if known and known[0] == body else json.loads(body)
            self._parts[part] = body, Part(fetched_at, document)
        return {part: kept for part, (_, kept) in self._parts.items()}

    def _read_readings(
        self, connection: sqlite3.Connection, spent: dict[str, int], now: float
    ) -> None:
        newest = max((series[-1].at for series in self._readings.values()), default=0.0)
        is_due = not 0 <= now - self._whole_at < _WHOLE_SECONDS
        if is_due or self._has_shrunk(spent):
            self._whole_at, newest, self._readings = now, 0.0, {}
        for pool, added in records.get_history(connection, self._key, since=newest).items():
            known = self._readings.get(pool, ())
            # One of that very moment may have been replaced.
            kept = known[:-1] if known and known[-1].at == added[0].at else known
            if known[-len(added) :] != tuple(added):
                self._readings[pool] = (*kept, *added)[-records.KEPT_READINGS :]

    def _has_shrunk(self, spent: dict[str, int]) -> bool:
        """Whether a crawl of long ago was forgotten, which is taken off old readings as well."""
        return any(
            spent.get(pool, 0) < series[-1].spent_bytes for pool, series in self._readings.items()
        )

    def _read_crawls(self, connection: sqlite3.Connection, since: float) -> tuple[CrawlReport, ...]:
        rows = connection.execute(
            "SELECT id, body FROM crawls WHERE key = ? AND updated_at >= ?", (self._key, since)
        ).fetchall()
        before, self._crawls = self._crawls, {}
        for name, body in rows:
            known = before.get(name)
            if known is not None and known[0] == body:
                self._crawls[name] = known
            elif (report := records.crawl_of(connection, body)) is not None:
                self._crawls[name] = body, report
        reports = [report for _, report in self._crawls.values()]
        return tuple(sorted(reports, key=lambda report: -report.started_at))
