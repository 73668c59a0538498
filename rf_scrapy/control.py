"""Does what a crawl is told through `state.db`: pause, resume, stop, spend less. Nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from rf_core.control import STOPPED, Standing, Verb, answer
from rf_core.io import control
from rf_scrapy import compat

if TYPE_CHECKING:
    from rf_scrapy.crawl import Crawl

logger = logging.getLogger(__name__)


class Control:
    """The orders of one crawl. Scrapy's own pause is used, so everything keeps its place.

    Attributes:
        is_paused: Whether it was told to pause.
        obeyed: How many orders it has done.
    """

    def __init__(self, crawl: Crawl) -> None:
        self._crawl = crawl
        self.is_paused: bool = False
        self.obeyed: int = 0

    async def heed(self) -> None:
        """Look whether this crawl was told something, and do it.

        Raises:
            StateError: nobody can be heard.
        """
        crawl = self._crawl
        session = crawl.supply.session
        if session is None or not crawl.settings.telemetry:
            return
        if not await session.state.read(control.has_wishes, crawl.id):
            return
        wall = session.clock.wall()
        for wish in await session.state.run(control.take_wishes, crawl.id, wall):
            said = answer(wish.verb, self._standing(), wish.limit_bytes)
            # First: a crawl that has stopped cannot answer any more.
            await session.state.run(control.put_answer, wish.id, said)
            if said.is_done:
                logger.warning("Told to %s by rf: %s", wish.verb, said.text)
                self._obey(wish.verb, wish.limit_bytes)

    def _standing(self) -> Standing:
        crawl = self._crawl
        return Standing(
            listens=crawl.settings.control,
            is_paused=self.is_paused,
            dry_pool=crawl.dry_pool,
            is_ending=crawl.finish_reason is not None or compat.is_closing(crawl.crawler),
            limit_bytes=crawl.guard.limit_bytes,
            spent_bytes=crawl.meter.billed_bytes,
        )

    def _obey(self, verb: Verb, limit_bytes: int | None) -> None:
        crawl = self._crawl
        self.obeyed += 1
        if verb == "pause":
            self.is_paused = True
            crawl.crawler.engine.pause()
        elif verb == "resume":
            self.is_paused = False
            if not crawl.dry_pool:
                compat.unpause(crawl.crawler)
        elif verb == "stop":
            crawl.stop(STOPPED)
        elif limit_bytes is not None:
            crawl.guard.lower(limit_bytes)
