"""What one crawl may spend right now: the nearer edge of what it has drawn of its caps."""

from __future__ import annotations

from dataclasses import replace

from rf_core.budget import Budget, Leave
from rf_core.caps import Cap, Tariff
from rf_core.meter import Meter
from rf_core.purse import Drawn, block_of
from rf_core.verdicts import What


class Allowance:
    """One crawl's answer to each request, from what it was told that it may spend.

    Args:
        at_first: How many may leave together while nothing is known of their size.

    Attributes:
        cap: The budget as it was set; None without one.
        limit: The same in its unit, lowered since, perhaps.
        rate: What a byte takes of it, in the dearest pool that is used.
        budget: None while nothing is capped.
        bound_by: Which cap is the nearer one.
        need_bytes: What is waited for, beyond what is under way.
        tariff: What a byte costs, once that is known.
        was_asked: Somebody has wanted to leave since this was last set back.
    """

    def __init__(self, meter: Meter, cap: Cap | None, *, at_first: int = 2) -> None:
        self.meter = meter
        self.cap = cap
        self.limit = cap.amount if cap else None
        self.rate = 1
        self.budget: Budget | None = None
        self.bound_by = What.SPENT
        self.need_bytes = 0
        self.was_asked = False
        self.tariff: Tariff | None = None
        self._pool = ""
        self._until: int | None = None
        self._ends: int | None = None
        self._can_draw = False
        self._waits_for_draw = False
        self._waits_for_claim = False
        self._claimable_ends = 0
        self._claim_ends: int | None = None
        self._can_claim = False
        self._block_bytes = 0
        self._at_first = at_first

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.budget!r}, bound by {self.bound_by}>"

    @property
    def limit_bytes(self) -> int | None:
        """The budget in bytes, of the dearest pool that is used; None without one."""
        if self.limit is None or (self.cap and self.cap.in_money and self.tariff is None):
            return None
        return self.limit // self.rate

    @property
    def standing(self) -> Cap | None:
        """The budget as it stands; None without one."""
        return replace(self.cap, amount=self.limit) if self.cap and self.limit is not None else None

    @property
    def spent(self) -> int:
        """What the crawl has spent, in the unit of its budget."""
        if self.tariff is None or self.cap is None or not self.cap.in_money:
            return self.meter.billed_bytes
        return sum(
            (spend.up_bytes + spend.down_bytes) * self.tariff.rate(pool)
            for (pool, _), spend in self.meter.spends.items()
        )

    @property
    def under_way(self) -> int:
        """What requests under way are expected to take."""
        return self.budget.reserved_bytes if self.budget else 0

    @property
    def live(self) -> int:
        """How many they are."""
        return self.budget.under_way if self.budget else 0

    @property
    def goodbye_bytes(self) -> int:
        """What is kept for the ends of connections."""
        return self.budget.goodbye_bytes if self.budget else 0

    @property
    def may_grow(self) -> bool:
        """Whether there may be more than is drawn."""
        return self._can_claim if self.bound_by is What.FLOOR else self._can_draw

    @property
    def must_wait(self) -> bool:
        """More may be had when others have given something back, and not before."""
        return self._waits_for_draw or self._waits_for_claim

    @property
    def is_at_edge(self) -> bool:
        """Whether the last byte of what is drawn has come."""
        edge = self.meter.limit_bytes
        return edge is not None and self.meter.billed_bytes >= edge

    @property
    def room_bytes(self) -> int:
        """What of it has not come yet; 0 when nothing is capped."""
        return self.budget.limit_bytes - self.meter.billed_bytes if self.budget else 0

    @property
    def left_bytes(self) -> int:
        """What there is for this crawl, drawn or not, as far as is known; 0 without a cap."""
        end = self.meter.end_bytes
        return 0 if end is None else end - self.meter.billed_bytes

    @property
    def runs_low(self) -> bool:
        """Whether it is time to draw more, before somebody has to wait for it."""
        if not self.may_grow or self.must_wait or self.budget is None:
            return False
        return self.room_bytes - self.budget.reserved_bytes < self._block_bytes // 2

    # Requests

    def ask(self, kind: str) -> Leave:
        """Whether a request of that kind may leave now."""
        budget = self.budget
        if budget is None:
            return Leave.GO
        self.was_asked = True
        spent = self.meter.billed_bytes
        leave = budget.ask(kind, spent)
        if leave is Leave.GO or leave is Leave.SOON:
            return leave
        if self.may_grow:
            self.want(kind)
            return Leave.WAIT
        if leave is Leave.SPENT and budget.dare(spent):
            return Leave.GO
        return leave

    def reserve(self, kind: str) -> int:
        """Set aside what a request that leaves now is expected to take; return how much."""
        if self.budget is None:
            return 0
        reserved = self.budget.reserve(kind)
        if self.budget.is_dared:
            self.meter.limit_bytes = self.budget.cut_bytes
        return reserved

    def settle(self, reserved: int) -> None:
        """A request is back, however it ended: what it had set aside is free again."""
        budget = self.budget
        if budget is not None and reserved:
            was_dared = budget.is_dared
            budget.settle(reserved)
            if was_dared:
                self.meter.limit_bytes = budget.cut_bytes

    def announce(self, kind: str, size_bytes: int, reserved: int) -> int:
        """A request under way is known to take that much; return what is set aside for it now.

        More than there is cannot be taken, whatever a target says.
        """
        if self.budget is None:
            return reserved
        return self.budget.announce(kind, min(size_bytes, self.left_bytes), reserved)

    def learn(
        self, kind: str, taken: int, *, is_all: bool = False, is_announced: bool = False
    ) -> None:
        """Remember what a request took.

        Args:
            is_announced: It was remembered when it was announced.
            is_all: That is all of it; else there is a part that cannot be told apart from others'.
        """
        if self.budget is not None:
            spent = None if is_all else self.meter.billed_bytes
            self.budget.learn(kind, taken, spent_bytes=spent, is_announced=is_announced)

    def want(self, kind: str) -> None:
        """A request of that kind waits for more."""
        if self.budget is not None:
            self.need_bytes = max(self.need_bytes, self.budget.expected(kind))

    def want_more(self) -> None:
        """What is under way waits for more."""
        self.need_bytes = max(self.need_bytes, 1)

    # Caps

    def begin(self, pool: str) -> None:
        """It is known which pool pays to begin with."""
        self._pool = pool

    def was_drawn(self, limit: int, until: int, drawn: Drawn) -> None:
        """Take what was drawn of the budget."""
        self.limit = min(limit, self.limit if self.limit is not None else limit)
        self._until = until
        self._ends = until - drawn.count + drawn.left
        self._can_draw = drawn.may_grow
        self._waits_for_draw = drawn.must_wait
        self._block_bytes = block_of(self.limit, self.rate) // self.rate

    def was_claimed(self, until_bytes: int, drawn: Drawn) -> None:
        """Take what was claimed above the floor."""
        self._claim_ends = until_bytes
        self._claimable_ends = until_bytes - drawn.count + drawn.left
        self._can_claim = drawn.may_grow
        self._waits_for_claim = drawn.must_wait
        if self.limit is None:
            self._block_bytes = block_of(max(0, drawn.left), 1)

    def cannot_grow(self) -> None:
        """Nobody can be asked for more."""
        self._can_draw = self._can_claim = False

    def lower_limit(self, limit_bytes: int) -> None:
        """Let no more than that be spent in all. It never becomes more by this."""
        amount = max(0, limit_bytes) * self.rate
        self.limit = amount if self.limit is None else min(amount, self.limit)
        self.cap = self.cap or Cap(self.limit)
        if self.budget is not None:
            self.budget.lower(self.limit // self.rate)
        self.set_edge()

    def set_edge(self) -> None:
        """See how far the crawl may go before it has to ask again, and how far at most."""
        billed = self.meter.billed_bytes
        edge = end = whole = None
        self.bound_by = What.SPENT
        if self.tariff is not None:
            pools = {self._pool, *(pool for pool, _ in self.meter.spends)}
            self.rate = self.tariff.dearest(pools)
        if self.limit is not None:
            spent = self.spent
            until = self.limit if self._until is None else min(self._until, self.limit)
            ends = until if self._ends is None else max(until, self._ends)
            edge, end = billed + (until - spent) // self.rate, billed + (ends - spent) // self.rate
            whole = self.limit // self.rate
        if self._claim_ends is not None:
            here = billed - self.spent_in_pool
            claimed, claimable = here + self._claim_ends, here + self._claimable_ends
            if edge is None or claimed < edge:
                edge, self.bound_by = claimed, What.FLOOR
            end = claimable if end is None else min(end, claimable)
            whole = claimable if whole is None else min(whole, claimable)
        if edge is None or end is None:
            return
        if self.budget is None:
            self.budget = Budget(
                edge,
                whole or 0,
                at_first=self._at_first,
                is_shared=self.bound_by is What.FLOOR,
            )
        self.budget.limit_bytes = edge
        self.budget.end_bytes = end
        self.meter.limit_bytes = self.budget.cut_bytes
        self.meter.end_bytes = end

    @property
    def spent_in_pool(self) -> int:
        """Bytes that the pool of the floor has paid."""
        return self.meter.billed_bytes
