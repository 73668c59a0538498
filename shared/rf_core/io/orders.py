"""One order for all processes of a machine that want the same: summed, shared, kept in stock.

Whoever gets the lease of a spec leads: it waits a moment for others to get into line, sends one
call for all of them, and cuts what comes into slices (C-052). The others look at their row. When it
is killed its lease ends in three seconds, and the next in line leads.

What goes wrong with sharing costs the sharing and not the order: then everybody orders alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import msgspec

from rf_core import failures, supply
from rf_core.errors import DemoCredentialsError, ResiFactoryError, StateError
from rf_core.governor import Priority
from rf_core.inventory import BatchFacts, Delivery, Inventory, line_of
from rf_core.io import demands
from rf_core.io.afterwards import Afterwards
from rf_core.io.clock import Clock
from rf_core.io.demands import Free, NewStock, Now, Share
from rf_core.io.inventories import InventoryFolder, purpose_of
from rf_core.io.leases import LEASE_SECONDS, Leases, beating
from rf_core.io.state import State
from rf_core.models import Order, Proxy
from rf_core.supply import Spec

_GATHER_SECONDS: Final = 0.05
_GLANCE_SECONDS: Final = 0.1
_MOST_GLANCES: Final = 3_000
"""Whoever has stood in line for longer than any call takes orders alone."""

_REMEMBERED_FILES: Final = 16


class Send(Protocol):
    """Sends an order that has been checked, by one call of the API, demo answers included."""

    def __call__(self, order: Order, priority: Priority) -> Coroutine[Any, Any, Delivery]:
        """Send it."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """Whose orders they are.

    Attributes:
        key: The key's fingerprint.
        base_url: Whose API it is.
    """

    key: str
    base_url: str


class Orders:
    """The orders of one session."""

    def __init__(
        self,
        account: Account,
        *,
        send: Send,
        state: State,
        leases: Leases,
        clock: Clock,
        afterwards: Afterwards,
    ) -> None:
        self._account = account
        self._send = send
        self._state = state
        self._leases = leases
        self._clock = clock
        self._afterwards = afterwards
        self._folder = InventoryFolder(state.path.parent)
        self._handed: dict[str, list[str]] = {}
        self._refills: dict[str, asyncio.Task[None]] = {}

    def __repr__(self) -> str:
        return f"<Orders {self._account.base_url}>"

    async def close(self) -> None:
        """Stop what goes on in the background. Repeatable."""
        tasks, self._refills = list(self._refills.values()), {}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def get(self, order: Order, *, fresh: bool = False) -> Delivery:
        """Return credentials for an order that has been checked: from stock, or by a shared call.

        Args:
            fresh: None that came with those this session has had: they did not work.

        Raises:
            DemoCredentialsError: the pool has no balance (C-068).
            ResiFactoryError: what else the API or the network said, to whoever asked it.
        """
        spec = supply.spec_of(order, self._account.base_url)
        try:
            if fresh:
                await self._spoil(spec)
            elif supply.is_kept(order):
                delivery = await self._from_stock(order, spec)
                if delivery is not None:
                    return delivery
            return await self._in_line(order, spec)
        except StateError:
            return await self._alone(order)

    async def refuse(self, proxy: Proxy) -> None:
        """Note that a credential does not work: nobody is given it out of stock any more."""
        name = _name(line_of(proxy)[:-1].encode())
        with contextlib.suppress(StateError):
            await self._state.run(demands.refuse, self._account.key, name, self._now())

    async def _alone(self, order: Order) -> Delivery:
        delivery = await self._send(order, "normal")
        if delivery.facts.is_demo:
            raise DemoCredentialsError(delivery.facts.pool)
        return replace(delivery, proxies=await asyncio.to_thread(delivery.proxies.distinct))

    async def _from_stock(self, order: Order, spec: Spec) -> Delivery | None:
        key = self._account.key
        share = await self._state.run(demands.take, key, spec, order.quantity, self._now())
        if share is None:
            return None
        delivery = await self._load(share, spec)
        if delivery is None:  # the file is gone, or nothing in it works: no use to anybody
            gone = await self._state.run(demands.spoil, key, spec, [share.file])
            await asyncio.to_thread(self._folder.remove, gone)
        elif share.left is not None and supply.is_low(share.left, order.quantity):
            self._refill(order, spec)
        return delivery

    async def _in_line(self, order: Order, spec: Spec) -> Delivery:
        key, run = self._account.key, self._state.run
        mine = await run(demands.ask, key, spec, order.quantity, self._until())
        try:
            async with beating(lambda: run(demands.keep_alive, mine, self._until())):
                for _ in range(_MOST_GLANCES):
                    seen = await self._state.read(
                        demands.look, mine, self._lease(spec), self._now()
                    )
                    if isinstance(seen, Share):
                        return await self._load(seen, spec) or await self._alone(order)
                    if isinstance(seen, Free):
                        delivery = await self._try_to_lead(order, spec, mine)
                        if delivery is not None:
                            return delivery
                    elif seen is not None:
                        raise _failure_of(seen)
                    await asyncio.sleep(_GLANCE_SECONDS)
                return await self._alone(order)
        finally:
            self._afterwards.do(run(demands.leave, mine))

    async def _try_to_lead(self, order: Order, spec: Spec, mine: int) -> Delivery | None:
        """Lead, unless somebody else does or has done so meanwhile."""
        lease = self._lease(spec)
        async with self._leases.held(lease, by=f" {mine}") as leads:
            if not leads:
                return None
            # Whoever led before has told those that it knew of, and may have brought some to spare.
            seen = await self._state.read(demands.look, mine, "", self._now())
            if not isinstance(seen, Free):
                return None
            if supply.is_kept(order):
                delivery = await self._from_stock(order, spec)
                if delivery is not None:
                    return delivery
            return await self._lead(order, spec, mine)

    async def _lead(self, order: Order, spec: Spec, mine: int | None) -> Delivery:
        """Send one order for everybody in line, and return what is one's own of it.

        Whatever goes wrong is told to all who waited. If this is cancelled, nobody is told
        anything, and the next in line leads.

        Args:
            mine: The leader's demand; None when it is about the stock alone.
        """
        await asyncio.sleep(_GATHER_SECONDS)
        own = 0 if mine is None else order.quantity
        others = await self._state.read(
            demands.collect, self._account.key, spec, mine, self._now(), own=own
        )
        wanted = [own, *(quantity for _, quantity in others)]
        asked = supply.with_spare(order, sum(wanted) or order.quantity)
        try:
            delivery = await self._send(asked, "normal" if sum(wanted) else "bulk")
            if delivery.facts.is_demo:
                raise DemoCredentialsError(delivery.facts.pool)
        except ResiFactoryError as error:
            with contextlib.suppress(StateError):
                document = failures.to_document(error)
                await self._state.run(demands.fail, document, others)
            raise
        # Looking for repeats takes up to 100 ms: in a thread the event loop is not held for it.
        found = await asyncio.to_thread(delivery.proxies.distinct)
        delivery = replace(delivery, proxies=found)
        (first, last), *slices = supply.shares(len(found), wanted)
        if others or (supply.is_kept(asked) and (len(found) > own or len(found) < asked.quantity)):
            shared = [(demand, *cut) for (demand, _), cut in zip(others, slices, strict=True)]
            taken = min(sum(wanted), len(found))
            with contextlib.suppress(StateError):  # those in line then lead one after the other
                await self._put_away(delivery, spec, asked, taken, shared)
        return replace(delivery, proxies=found[first:last])

    async def _put_away(
        self,
        delivery: Delivery,
        spec: Spec,
        asked: Order,
        taken: int,
        shared: Sequence[tuple[int, int, int]],
    ) -> None:
        """Keep what came, for those in line and those to come."""
        key, facts = self._account.key, delivery.facts
        purpose = purpose_of(key, spec.targeting, facts.pool)
        file, size = await asyncio.to_thread(self._folder.save, delivery.proxies, purpose)
        new = NewStock(
            key=key,
            targeting=spec.targeting,
            pool=facts.pool,
            is_default=spec.pool is None,
            kept=supply.is_kept(asked),
            asked=asked.quantity,
            count=len(delivery.proxies),
            taken=taken,
            bytes=size,
            file=file,
            facts=msgspec.to_builtins(facts),
        )
        gone = await self._state.run(demands.fill, new, shared, self._now())
        self._remember(spec, file)
        known = await self._state.read(demands.files)
        await asyncio.to_thread(self._folder.remove, gone)
        await asyncio.to_thread(self._folder.sweep, frozenset(known))

    def _refill(self, order: Order, spec: Spec) -> None:
        """Bring the stock up to high water behind everybody's back."""
        task = self._refills.get(spec.name)
        if task is None or task.done():
            work = self._lead_for_stock(order, spec)
            self._refills[spec.name] = asyncio.get_running_loop().create_task(work)

    async def _lead_for_stock(self, order: Order, spec: Spec) -> None:
        # Nobody waits for this: whoever does later will be told what is wrong.
        with contextlib.suppress(ResiFactoryError):
            async with self._leases.held(self._lease(spec), by=" refill") as leads:
                stocked = await self._state.read(
                    demands.is_stocked, self._account.key, spec, order.quantity, self._now()
                )
                if leads and not stocked:
                    await self._lead(order, spec, None)

    async def _load(self, share: Share, spec: Spec) -> Delivery | None:
        """Read credentials of a file, without those refused since; None when none are left."""
        purpose = purpose_of(self._account.key, share.targeting, share.pool)
        refused = await self._state.read(demands.refused_since, self._account.key, share.made_at)
        found = await asyncio.to_thread(
            self._folder.load, share.file, purpose, share.first, share.last
        )
        if found is not None and refused:
            found = await asyncio.to_thread(_without, found, refused)
        if not found:
            return None
        try:
            facts = msgspec.convert(dict(share.facts), BatchFacts)
        except msgspec.ValidationError:  # somebody has tampered with the row
            return None
        self._remember(spec, share.file)
        return Delivery(found, facts)

    def _remember(self, spec: Spec, file: str) -> None:
        handed = self._handed.setdefault(spec.name, [])
        handed.append(file)
        del handed[:-_REMEMBERED_FILES]

    async def _spoil(self, spec: Spec) -> None:
        handed = self._handed.pop(spec.name, [])
        gone = await self._state.run(demands.spoil, self._account.key, spec, handed)
        await asyncio.to_thread(self._folder.remove, gone)

    def _lease(self, spec: Spec) -> str:
        return f"order {self._account.key} {spec.name}"

    def _now(self) -> Now:
        clock = self._clock
        return Now(clock.wall(), clock.boottime(), clock.boot_id())

    def _until(self) -> Now:
        now = self._now()
        return replace(now, boottime=now.boottime + LEASE_SECONDS)


def _failure_of(document: Mapping[str, Any]) -> ResiFactoryError:
    """Read what a leader told; what cannot be read is trouble of the state, not of the order."""
    if not isinstance(document.get("kind"), str) or not isinstance(document.get("facts"), dict):
        return StateError("state.db tells of a failure that cannot be read.")
    return failures.from_document(document)


def _name(line: bytes) -> str:
    """Name a credential so that nobody can tell it from its name."""
    return hashlib.blake2b(line, digest_size=16).hexdigest()


def _without(found: Inventory, refused: frozenset[str]) -> Inventory:
    numbers = [n for n, line in enumerate(found.lines()) if _name(line) not in refused]
    return found if len(numbers) == len(found) else found.only(numbers)
