"""Where the credentials of one targeting come from: its orders, and what stands in their way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rf_core.errors import ResiFactoryError
from rf_core.refusals import Cause
from rf_core.verdicts import Action, Rule, What, Who, judge, of_error

if TYPE_CHECKING:
    from rf_core.inventory import Delivery
    from rf_core.lanes import Share
    from rf_core.models import Order
    from rf_core.stock import Stock
    from rf_core.targeting import Targeting

logger = logging.getLogger(__name__)

_ASKED_AGAIN_SECONDS: Final = 60.0
"""What the API would not have is not asked for again sooner: each time is a call."""


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told what happens to orders.

    Attributes:
        note: Counts a verdict.
        exhausted: Told which pool has no balance, and the reason to end the crawl with.
        stocked: Told that a source has got credentials.
    """

    note: Callable[[Rule], None]
    exhausted: Callable[[str, str], None]
    stocked: Callable[[Source, Delivery], None]


class Source:
    """The orders of one targeting.

    Args:
        deliver: Sends an order; with `fresh`, nothing that came with what was refused.

    Attributes:
        pool: Who pays, as the API named it, or as it was asked for; "" is not known yet.
        orders: How many have been filled.
        error: What stands in the way, once it has been tried often enough.
    """

    def __init__(
        self,
        targeting: Targeting,
        stock: Stock,
        quantity: int,
        *,
        deliver: Callable[[Order, bool], Awaitable[Delivery]],
        ears: Ears,
        now: Callable[[], float],
    ) -> None:
        self.targeting = targeting
        self.stock = stock
        self.pool = targeting.pool or ""
        self.orders = 0
        self.error: ResiFactoryError | None = None
        self._quantity = quantity
        self._deliver = deliver
        self._ears = ears
        self._now = now
        self._failed_at = 0.0
        self._ordering: asyncio.Task[None] | None = None
        self._refills = 0
        self._trouble = judge(Who.API, Cause.OTHER)

    def __repr__(self) -> str:
        return f"<Source {self.targeting.name} {self.orders} orders>"

    def close(self) -> None:
        """Order no more. Repeatable."""
        if self._ordering is not None:
            self._ordering.cancel()

    async def order(self, *, fresh: bool = False) -> None:
        """Order credentials and put them in stock.

        Args:
            fresh: Those there were do not work.

        Raises:
            ResiFactoryError: none could be had.
        """
        delivery = await self._deliver(self.targeting.order(self._quantity), fresh)
        self.orders += 1
        self.pool = delivery.facts.pool
        self._ears.stocked(self, delivery)

    def refill(self) -> bool:
        """Order more credentials in the background; False when that has been tried often enough."""
        if self.is_ordering:
            return True
        rule = self._trouble
        if rule.what is What.INVALID and self._now() - self._failed_at >= _ASKED_AGAIN_SECONDS:
            self.begin_anew()
            rule = self._trouble
        if rule.action is Action.STOP or self._refills >= int(rule.times or 0):
            return False
        self._refills += 1
        self._ordering = asyncio.get_running_loop().create_task(self._refill())
        return True

    @property
    def is_ordering(self) -> bool:
        """Whether an order is under way."""
        return self._ordering is not None and not self._ordering.done()

    async def ordered(self, seconds: float) -> None:
        """Wait a moment for the order that is under way."""
        if self._ordering is not None:
            await asyncio.wait({self._ordering}, timeout=seconds)

    async def _refill(self) -> None:
        try:
            await self.order(fresh=self.orders > 0)
        except ResiFactoryError as error:
            self._failed(error)

    def _failed(self, error: ResiFactoryError) -> None:
        logger.error("No more proxies (%s): %s", self.targeting.name, error)
        rule = of_error(error)
        self._ears.note(rule)
        if rule.action is not Action.WAIT:
            self._trouble = rule
            self.error = error
            self._failed_at = self._now()
        if rule.what is Cause.DEMO:
            self.pool = getattr(error, "pool", "") or self.pool
            self._ears.exhausted(self.pool, rule.reason)

    @property
    def trouble(self) -> Rule:
        """What follows when no credential is left that works."""
        return self._trouble

    @property
    def is_impossible(self) -> bool:
        """Whether the API does not have what is asked for."""
        return self._trouble.what is What.INVALID

    def begin_anew(self) -> None:
        """Whatever stood in the way of orders is over."""
        self._refills = 0
        self._trouble = judge(Who.API, Cause.OTHER)
        self.error = None

    def succeeded(self) -> None:
        """A credential works: later refusals start counting anew."""
        self._refills = 0


class Line:
    """What requests that ask for the same ride on: a share of the lanes, and what fills it."""

    __slots__ = ("share", "source")

    def __init__(self, source: Source, share: Share) -> None:
        self.source = source
        self.share = share

    def __repr__(self) -> str:
        return f"<Line {self.source!r} {self.share!r}>"
