"""Waits for an empty pool to be topped up, with the crawl paused meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from rf_core.errors import InsufficientScopeError, ResiFactoryError
from rf_core.verdicts import Action, of_error
from rf_scrapy import compat

if TYPE_CHECKING:
    from rf_core.io.session import Session
    from rf_scrapy.crawl import Crawl

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 15.0
"""Between two looks at the balance: four calls a minute, when nobody else wants the slot."""

GLANCE_SECONDS: Final = 2.0
"""Between two passes of a request that somebody awaits; all others rest in the scheduler."""


class TopUps:
    """The pause of one crawl. Scrapy's own pause is used, so everything keeps its place.

    Attributes:
        pauses: How many there have been.
    """

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self._watching: asyncio.Task[None] | None = None
        self.pauses: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether the crawl is paused."""
        return self._watching is not None and not self._watching.done()

    def wait_for(self, pool: str) -> None:
        """Pause the crawl until that pool has a balance. Repeatable."""
        if self.is_waiting:
            return
        self.pauses += 1
        logger.warning("Pool %s has no balance left: paused until it is topped up.", pool)
        self._crawl.crawler.engine.pause()
        self._watching = asyncio.get_running_loop().create_task(self._watch(pool))

    def close(self) -> None:
        """Wait no longer. Repeatable."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self, pool: str) -> None:
        crawl = self._crawl
        while (session := crawl.supply.session) is not None:
            await crawl.supply.clock.sleep(LOOK_SECONDS)
            try:
                left = await _balance(session, pool)
            except ResiFactoryError as error:
                rule = of_error(error)
                crawl.note(rule)
                logger.warning("The balance of pool %s is not known: %s", pool, error)
                if rule.action is Action.STOP:
                    crawl.stop(rule.reason)
                    return
                continue
            if left > 0:
                logger.info("Pool %s was topped up: the crawl goes on.", pool)
                crawl.supply.begin_anew()
                compat.unpause(crawl.crawler)
                return


async def _balance(session: Session, pool: str) -> int:
    """What a pool has left, also for a key that may not read usage (C-017)."""
    try:
        balances = (await session.client.balance(priority="bulk")).balances
    except InsufficientScopeError:
        balances = (await session.client.me(priority="bulk")).balances
    return balances.get(pool, 0)
