"""Keeps one crawl, or relay, within what it may spend: its budget and its pool's floor."""

from __future__ import annotations

from collections.abc import Callable

from rf_core.budget import Budget, Leave
from rf_core.io.floors import Floor
from rf_core.io.session import Session
from rf_core.meter import Meter
from rf_core.verdicts import What


class Guard:
    """Ask it before a request leaves, reserve when it does, settle when it is back.

    Args:
        meter: Counts what is spent, and tells when the edge is reached.
        budget_bytes: What may be spent in all, or None.
        floor_bytes: What must remain in the pool, or None.
        reached: Told which cap it is when the last byte has come: cut what is on its way.

    Attributes:
        limit_bytes: The budget as it stands: lowered, perhaps; None without one.
        budget: None while nothing is capped.
        bound_by: Which of both caps is the nearer one.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        budget_bytes: int | None,
        floor_bytes: int | None,
        reached: Callable[[What], None],
    ) -> None:
        self.limit_bytes = budget_bytes
        self.floor_bytes = floor_bytes
        self.budget: Budget | None = None
        self.bound_by = What.SPENT
        self._meter = meter
        self._reached = reached
        self._floor: Floor | None = None
        self._need_bytes = 0

    def __repr__(self) -> str:
        return f"<Guard {self.budget!r} bound by {self.bound_by}>"

    async def open(self, session: Session, pool: str, crawl: str) -> None:
        """Find out what may be spent to begin with.

        Raises:
            ResiFactoryError: the balance cannot be read: without it there is no floor.
        """
        self._meter.at_limit = self._at_limit
        if self.floor_bytes:
            self._floor = Floor(session, pool, crawl, self.floor_bytes)
            await self._floor.open()
        self._set_limit()

    async def renew(self) -> None:
        """Claim what may be spent until the next time, as others' spending and top-ups leave it.

        Raises:
            StateError: nobody can be asked.
        """
        if self._floor is not None:
            need, self._need_bytes = self._need_bytes, 0
            await self._floor.renew(self._meter.billed_bytes, need)
            self._set_limit()

    async def close(self) -> None:
        """Give back what is not spent. Repeatable."""
        if self._floor is not None:
            await self._floor.close()

    @property
    def is_shared(self) -> bool:
        """Whether others have to know what is spent here."""
        return self._floor is not None

    def lower(self, limit_bytes: int) -> None:
        """Let no more than that be spent in all, from now on. It never becomes more by this."""
        self.limit_bytes = min(limit_bytes, self.limit_bytes or limit_bytes)
        if self.budget is not None:
            self.budget.lower(self.limit_bytes)
        self._set_limit()

    # Requests

    def ask(self, kind: str) -> Leave:
        """Whether a request of that kind may leave now."""
        budget = self.budget
        if budget is None:
            return Leave.GO
        spent = self._meter.billed_bytes
        leave = budget.ask(kind, spent)
        if leave is not Leave.SPENT:
            return leave
        if self._may_grow():
            self._need_bytes = max(self._need_bytes, budget.expected(kind))
            return Leave.WAIT
        return Leave.GO if budget.dare(spent) else Leave.SPENT

    def reserve(self, kind: str) -> int:
        """Set aside what a request that leaves now is expected to take; return how much."""
        if self.budget is None:
            return 0
        reserved = self.budget.reserve(kind)
        if self.budget.is_dared:
            self._meter.limit_bytes = self.budget.cut_bytes
        return reserved

    def settle(self, reserved: int) -> None:
        """A request is back, however it ended: what it had set aside is free again."""
        if self.budget is not None and reserved:
            self.budget.settle(reserved)
            self._meter.limit_bytes = self.budget.cut_bytes

    def learn(self, kind: str, taken: int) -> None:
        """Remember what a request took, as far as it can be told apart from others."""
        if self.budget is not None:
            self.budget.learn(kind, taken, spent_bytes=self._meter.billed_bytes)

    # Caps

    def _may_grow(self) -> bool:
        """Tell whether there is more above the floor than is claimed here."""
        floor = self._floor
        return floor is not None and self.bound_by is What.FLOOR and floor.may_grow

    def _set_limit(self) -> None:
        limit, self.bound_by = self.limit_bytes, What.SPENT
        if self._floor is not None and (limit is None or self._floor.until_bytes < limit):
            limit, self.bound_by = self._floor.until_bytes, What.FLOOR
        if limit is None:
            return
        if self.budget is None:
            self.budget = Budget(
                limit, self.limit_bytes or limit, is_shared=self._floor is not None
            )
        self.budget.limit_bytes = limit
        self._meter.limit_bytes = self.budget.cut_bytes

    def _at_limit(self) -> None:
        self._reached(self.bound_by)
