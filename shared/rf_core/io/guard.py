"""Keeps one crawl, or relay, within what it may spend: its budget and its pool's floor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from rf_core.allowance import Allowance
from rf_core.budget import Leave
from rf_core.caps import Cap, Tariff
from rf_core.errors import StateError
from rf_core.io.counts import Count, Counts
from rf_core.io.floors import Floor
from rf_core.io.purses import Begun, Name, Purse
from rf_core.meter import Meter
from rf_core.verdicts import What

if TYPE_CHECKING:
    from rf_core.io.relay import Relay
    from rf_core.io.session import Session

logger = logging.getLogger(__name__)

_GLANCE_SECONDS: Final = 0.2
_KEPT_SECONDS: Final = 86_400.0
_PATIENCE_GLANCES: Final = 150
"""How long what is on its way is held at the edge while others may give something back: 30 s."""


class Guard(Allowance):
    """Ask it before a request leaves, reserve when it does, settle when it is back.

    Args:
        meter: Counts what is spent, and tells when the edge of what is drawn is reached.
        at_first: How many may leave together while nothing is known of their size.
        reached: Told which cap it is when its last byte has come, and what is on its way was cut.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        cap: Cap | None,
        floor_bytes: int | None,
        reached: Callable[[What], None],
        at_first: int = 2,
    ) -> None:
        super().__init__(meter, cap, at_first=at_first)
        self.floor_bytes = floor_bytes
        self.relay: Relay | None = None
        self._reached = reached
        self._purse: Purse | None = None
        self._floor: Floor | None = None
        self._renewing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._drawing: asyncio.Task[None] | None = None
        self._at_edge: asyncio.Task[None] | None = None
        self._count: Count | None = None

    def price(self, session: Session) -> None:
        """Find out what a byte costs, before anything is spent.

        Raises:
            SettingsError: the budget is in money, and there is no price.
        """
        day = datetime.fromtimestamp(session.clock.wall(), UTC).date()
        self.tariff = Tariff(self.cap, session.settings.prices, day)

    async def open(self, session: Session, pool: str, crawl: str, name: Name) -> Begun:
        """Find out what may be spent to begin with, and who else spends it.

        Raises:
            ResiFactoryError: the balance cannot be read: without it there is no floor.
        """
        self.begin(pool)
        self.meter.at_limit = self._at_limit
        begun = Begun(0, 0)
        if not self.floor_bytes and self.cap is None:
            return begun
        counts = Counts(session.state.path.parent, session.clock.boot_id())
        counts.tidy(session.clock.wall() - _KEPT_SECONDS)
        self._count = counts.of(crawl)
        self._count.open()
        self.meter.cells = self._count.cells
        if self.floor_bytes:
            self._floor = Floor(session, pool, crawl, self.floor_bytes, counts)
            await self._floor.open()
        if self.cap is not None:
            self._purse = Purse(session, name, crawl, counts)
            begun = await self._purse.open()
        await self.renew()
        return begun

    async def renew(self, *, is_tick: bool = False) -> None:
        """Draw and claim anew what may be spent, as others' spending and top-ups leave it.

        Args:
            is_tick: It is done each second: who has wanted nothing since the last gives back all.

        Raises:
            StateError: nobody can be asked. What was drawn before may be spent.
        """
        async with self._renewing:
            need, self.need_bytes = self.need_bytes, 0
            wanted = self.under_way + self.goodbye_bytes + need if need else 0
            is_idle = is_tick and not self.was_asked and not need
            purse, floor = self._purse, self._floor
            if purse is not None:
                await self._draw_from(purse, wanted, is_idle=is_idle)
            if floor is not None:
                # Who waits for one of both holds nothing of the other: another may need just that.
                waits = purse is not None and purse.drawn.must_wait
                await self._claim_from(floor, 0 if waits else wanted, is_idle=is_idle or waits)
                if purse is not None and floor.drawn.must_wait:
                    await self._draw_from(purse, 0, is_idle=True)
            if is_tick:
                self.was_asked = False
                if self.budget is not None:
                    self.budget.wait_no_longer()
            self.set_edge()

    async def _draw_from(self, purse: Purse, wanted: int, *, is_idle: bool) -> None:
        assert self.cap is not None  # noqa: S101 - there is a purse for it
        assert self.limit is not None  # noqa: S101 - likewise
        rate = self.rate
        await purse.draw(
            self.cap.amount,
            self.limit,
            self.spent,
            under_way=self.under_way * rate,
            need=wanted * rate,
            rate=0 if is_idle else rate,
        )
        self.was_drawn(purse.limit, purse.until, purse.drawn)

    async def _claim_from(self, floor: Floor, wanted: int, *, is_idle: bool) -> None:
        await floor.renew(
            self.spent_in_pool,
            under_way=self.under_way,
            live=self.live,
            need=wanted,
            is_idle=is_idle,
        )
        self.was_claimed(floor.until_bytes, floor.drawn)

    def set_edge(self) -> None:
        """See how far the crawl may go, and note for whoever may outlive it what it has spent."""
        super().set_edge()
        if self._count is not None:
            self._count.note(self.spent, self.meter.billed_bytes, self.rate)

    async def close(self, *, is_done: bool = False) -> None:
        """Say what was spent, and give back the rest. Repeatable.

        Args:
            is_done: What the budget was for is finished.
        """
        for task in self._tasks:
            task.cancel()
        purse, self._purse = self._purse, None
        if purse is not None:
            # What cannot be given back is found by our count, or stays spent: the safe side.
            try:
                await purse.close(self.spent, is_done=is_done)
            except StateError:
                self._stop_counting(keeps=True)
        if self._floor is not None:
            await self._floor.close()
        self._stop_counting(keeps=False)

    def _stop_counting(self, *, keeps: bool) -> None:
        count, self._count = self._count, None
        if count is not None:
            self.meter.cells = [0]
            count.let_go() if keeps else count.close()

    @property
    def keeps_floor(self) -> bool:
        """Whether others have to know what is spent here."""
        return self._floor is not None

    def lower(self, limit_bytes: int) -> None:
        """Let no more than that be spent in all, from now on. It never becomes more by this.

        Of a budget that others draw from it is what all may spend together.
        """
        self.lower_limit(limit_bytes)
        if self._purse is not None and self.cap is not None and self.limit is not None:
            self._spawn(partial(self._purse.lower, self.cap.amount, self.limit))

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._tried(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _tried(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except StateError as error:
            self._went_wrong(error)

    async def more(self, kind: str) -> Leave:
        """Draw what a request of that kind needs to leave, and ask again."""
        self.want(kind)
        if self.may_grow and not self.must_wait:
            await self._tried(self.renew)
        return self.ask(kind)

    def reserve(self, kind: str) -> int:
        """Set aside what a request that leaves now is expected to take; return how much."""
        reserved = super().reserve(kind)
        if reserved and self.runs_low and (self._drawing is None or self._drawing.done()):
            self._drawing = self._spawn(self.renew)
        return reserved

    def _went_wrong(self, error: StateError) -> None:
        logger.warning("%s What is drawn of the caps may be spent, and no more.", error)
        self.cannot_grow()

    # The edge

    def _at_limit(self) -> None:
        """The last byte of what is drawn has come: there may be more, if what comes is held."""
        if self._at_edge is not None and not self._at_edge.done():
            return
        if not self.may_grow or self.relay is None:
            self._cut()
            return
        self.relay.hold()
        self._at_edge = self._spawn(partial(self._over_the_edge, self.relay))

    async def _over_the_edge(self, relay: Relay) -> None:
        for _ in range(_PATIENCE_GLANCES):
            self.want_more()
            await self._tried(self.renew)
            if not self.is_at_edge:
                relay.go_on()
                return
            if not self.may_grow:
                break
            await asyncio.sleep(_GLANCE_SECONDS)
        self._cut()

    def _cut(self) -> None:
        self._reached(self.bound_by)
        if self.relay is not None:
            self.relay.cut()
