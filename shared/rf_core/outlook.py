"""Whether what is left of a pool is enough for the crawls that run on it."""

from __future__ import annotations

from dataclasses import dataclass

from rf_core.forecast import finish_chance
from rf_core.snapshot import CrawlReport, PoolState, Snapshot


@dataclass(frozen=True, slots=True)
class CrawlOutlook:
    """One running crawl.

    Attributes:
        need_bytes: What its known requests will take, at what one has taken so far; None when
            either is not known. A crawl that still finds new ones needs more.
        chance: How likely its pool outlasts that, from 0 to 1.
    """

    id: str
    spider: str
    pool: str
    pending_requests: int | None
    need_bytes: int | None
    chance: float | None


def outlooks(snapshot: Snapshot) -> tuple[CrawlOutlook, ...]:
    """Look at every running crawl."""
    pools = {pool.id: pool for pool in snapshot.pools}
    return tuple(
        _outlook(crawl, pools.get(crawl.pool))
        for crawl in snapshot.crawls
        if crawl.finished_at is None
    )


def _outlook(crawl: CrawlReport, pool: PoolState | None) -> CrawlOutlook:
    need = None
    if crawl.pending_requests is not None and crawl.requests:
        need = crawl.pending_requests * crawl.wire_bytes // crawl.requests
    chance = None
    if need is not None and pool is not None and pool.left_bytes is not None:
        others = max(0.0, pool.drain.bytes_per_second - crawl.bytes_per_second)
        seconds = need / crawl.bytes_per_second if crawl.bytes_per_second > 0 else 0.0
        chance = finish_chance(pool.left_bytes, need, others_bytes=others * seconds)
    return CrawlOutlook(crawl.id, crawl.spider, crawl.pool, crawl.pending_requests, need, chance)
