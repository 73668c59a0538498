"""Waits for empty pools to be topped up, with the crawl paused while there are no others."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from rf_core.errors import ResiFactoryError
from rf_core.io import answers
from rf_core.io.top_ups import AT_ONCE_SECONDS, topped_up
from rf_core.units import BALANCE_QUANTUM
from rf_core.verdicts import of_error
from rf_scrapy import compat

if TYPE_CHECKING:
    from rf_scrapy.crawl import Crawl

logger = logging.getLogger(__name__)

GLANCE_SECONDS: Final = 2.0
"""Between two passes of a request that somebody awaits; all others rest in the scheduler."""


class TopUps:
    """The pause of one crawl. Scrapy's own pause is used, so everything keeps its place.

    Attributes:
        pauses: How many there have been.
    """

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._watching: dict[str, asyncio.Task[None]] = {}
        self.pauses: int = 0

    def waits_for(self, pool: str) -> bool:
        """Whether requests of a pool have to wait."""
        watching = self._watching.get(pool)
        return watching is not None and not watching.done()

    @property
    def waits_for_any(self) -> bool:
        """Whether requests of some pool have to wait."""
        return any(not watching.done() for watching in self._watching.values())

    def wait_for(self, pool: str, *, at_floor: bool = False) -> None:
        """Send nothing through a pool until it has a balance, or more above its floor. Repeatable.

        The crawl is paused when its requests ask for no other.
        """
        if self.waits_for(pool):
            return
        self.pauses += 1
        how = "is at its floor" if at_floor else "has no balance left"
        logger.warning("Pool %s %s: paused until it is topped up.", pool, how)
        work = self._watch(pool, at_floor=at_floor)
        self._watching[pool] = asyncio.get_running_loop().create_task(work)
        if all(map(self.waits_for, self._crawl.supply.pools())):
            self._crawl.crawler.engine.pause()

    def close(self) -> None:
        """Wait no longer. Repeatable."""
        for watching in self._watching.values():
            watching.cancel()

    async def _watch(self, pool: str, *, at_floor: bool) -> None:
        crawl = self._crawl
        session = crawl.supply.session
        if session is None:
            return
        enough = crawl.guard.left_bytes + BALANCE_QUANTUM
        try:
            if at_floor:
                await answers.balances(session, AT_ONCE_SECONDS)
            while True:
                await topped_up(session, pool, in_trouble=lambda error: self._note(pool, error))
                if at_floor:
                    # What a reading says is judged with all that was spent since: it may be late.
                    await crawl.guard.renew(is_tick=True)
                if not at_floor or crawl.guard.left_bytes > enough:
                    break
        except ResiFactoryError as error:
            self._note(pool, error)
            crawl.stop(of_error(error).reason)
            return
        logger.info("Pool %s was topped up: the crawl goes on.", pool)
        crawl.supply.begin_anew(pool)
        if not crawl.control.is_paused:
            compat.unpause(crawl.crawler)

    def _note(self, pool: str, error: ResiFactoryError) -> None:
        self._crawl.note(of_error(error))
        logger.warning("The balance of pool %s is not known: %s", pool, error)
