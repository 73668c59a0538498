"""Tells whoever watches on this machine where a crawl stands."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final

from rf_core.accounts import Statements, cause_totals
from rf_core.snapshot import CrawlReport
from rf_scrapy import compat

if TYPE_CHECKING:
    from rf_scrapy.crawl import Crawl

_RATE_SECONDS: Final = 5.0


class Telemetry:
    """The reports of one crawl. Nothing leaves the machine or the configured store."""

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._host = socket.gethostname()
        self._statements = Statements(crawl.meter)
        self._renewals = 0
        self._samples: list[tuple[float, int]] = []

    async def publish(self, *, finished: bool = False) -> None:
        """Write this crawl's row, and those of its domains that have changed."""
        crawl = self._crawl
        session = crawl.supply.session
        # Others who keep to the same floor have to know what this one spends.
        if (crawl.settings.telemetry or crawl.guard.keeps_floor) and session is not None:
            await session.publish(self.report(finished=finished))
            self._statements.kept()
            if self._renewals != session.state.renewals:
                # Another file is in the place of state.db: it knows nothing of what was kept.
                self._renewals = session.state.renewals
                self._statements = Statements(crawl.meter)
                await session.publish(self.report(finished=finished))
                self._statements.kept()

    def report(self, *, finished: bool = False) -> CrawlReport:
        """Say where this crawl stands; of its domains, those that have changed."""
        crawl = self._crawl
        now = time.time()
        moment = time.monotonic()
        rate = self._bytes_per_second(moment, crawl.meter.wire_bytes)
        crawler = crawl.crawler
        return CrawlReport(
            id=crawl.id,
            spider=crawler.spider.name if crawler.spider else "",
            project=str(crawler.settings.get("BOT_NAME") or ""),
            pid=os.getpid(),
            host=self._host,
            pool=crawl.supply.pool,
            started_at=crawl.started_at,
            updated_at=now,
            up_bytes=crawl.meter.up_bytes,
            down_bytes=crawl.meter.down_bytes,
            unbilled_bytes=crawl.meter.unbilled_bytes,
            requests=sum(spend.requests for spend in crawl.meter.spends.values()),
            pending_requests=0 if finished else compat.pending_requests(crawler),
            paused=self._paused(),
            budget_bytes=crawl.guard.limit_bytes,
            items=crawler.stats.get_value("item_scraped_count", 0),
            direct_requests=crawl.direct.total(),
            failures=dict(crawl.verdicts),
            exits=crawl.exits,
            live_proxies=crawl.supply.lanes.live,
            bytes_per_second=0.0 if finished else rate,
            finished_at=now if finished else None,
            finish_reason=crawl.finish_reason if finished else None,
            domains=self._statements.changed(),
            causes=cause_totals(crawl.meter),
            sessions=crawl.supply.sessions.counts,
            retired_proxies=crawl.supply.lanes.refused,
            backoff_count=crawl.backoff_steps,
            backoff_seconds=round(crawl.backoff_seconds, 3),
            backoffs={
                domain: until - moment
                for domain, until in crawl.backoffs.items()
                if until > moment and not finished
            },
        )

    def _paused(self) -> str:
        crawl = self._crawl
        if crawl.control.is_paused:
            return "asked to"
        return f"waits for a top-up of {crawl.dry_pool}" if crawl.dry_pool else ""

    def _bytes_per_second(self, moment: float, total: int) -> float:
        self._samples = [s for s in self._samples if moment - s[0] <= _RATE_SECONDS]
        self._samples.append((moment, total))
        first_at, first_total = self._samples[0]
        return (total - first_total) / (moment - first_at) if moment > first_at else 0.0
