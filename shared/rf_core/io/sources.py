"""The live account as a source of snapshots: what is stored, asked for again when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from rf_core import picture, polling
from rf_core.alert import Alert
from rf_core.call import READS
from rf_core.concluding import Conclusion, Conclusions
from rf_core.errors import StateError
from rf_core.io import journal, processes, records
from rf_core.io.alarms import Alarms
from rf_core.io.gathering import Gathering
from rf_core.io.notes import stored_troubles
from rf_core.io.own_troubles import OwnTroubles
from rf_core.io.poller import HOLDER, Poller
from rf_core.io.session import Session
from rf_core.io.shares import note_shares, stored_shares
from rf_core.meters import Usual
from rf_core.models import Usage
from rf_core.parts import ACCOUNT, BALANCE, DISCOVERY, USAGE
from rf_core.picture import Material
from rf_core.snapshot import ApiCall, Headroom, Snapshot
from rf_core.troubles import trouble_of

_SHOWN_CRAWL_SECONDS: Final = 3_600.0
_GLANCE_SECONDS: Final = 0.05
_JUDGED_AT_ONCE: Final = 1


class LiveSource:
    """What a monitor looks at. It lives as long as its session.

    Any number of them, in any number of processes, cost the API what one does: answers are shared
    through `state.db`, and whoever finds one too old asks for it, one process at a time.

    Args:
        reads_share: The part of the reads window that all polling of this machine may use.
        patience_seconds: How long the very first snapshot may wait for answers when there are none
            or only old ones; later ones never wait.
        alarms: What rings and tells when an alert begins; without it alerts are only shown.
    """

    def __init__(
        self,
        session: Session,
        *,
        reads_share: float = 0.10,
        patience_seconds: float = 5.0,
        alarms: Alarms | None = None,
    ) -> None:
        self._session = session
        self._poller = Poller(session)
        self._reads_share = reads_share
        self._patience_seconds = patience_seconds
        self._alarms = alarms
        # Where nobody may wait, a few at each look; whoever looks once gets all of it.
        self._conclusions = Conclusions(None if patience_seconds else _JUDGED_AT_ONCE)
        self._polling: asyncio.Task[bool] | None = None
        self._looked = False
        self._own = OwnTroubles(session)
        self._fetched_at: dict[str, float] = {}
        self._gathering = Gathering(session.key)
        self._newest_call = -1
        self._calls: tuple[ApiCall, ...] = ()
        self._last = Snapshot(taken_at=session.clock.wall(), key=session.masked_key)
        session.closing.push_async_callback(self._stop)

    async def snapshot(self) -> Snapshot:
        """Return what is known now; what is due is asked for meanwhile. Trouble is a finding."""
        try:
            self._take_in_polling()
            current = await self._look()
            self._start_polling(current)
            if not self._looked and self._polling is not None:
                current = await self._await_answers(self._polling)
        except StateError as error:
            return self._unreadable(error)
        self._looked = True
        self._last = current
        return current

    async def refresh(self) -> Snapshot:
        """Ask for everything now, with a user's priority, and return what came."""
        try:
            if self._polling is not None:
                await asyncio.wait({self._polling})
            await self._ask_now()
            self._last = await self._look()
        except StateError as error:
            return self._unreadable(error)
        return self._last

    async def _ask_now(self) -> None:
        try:
            await self._poller.ask_now()
        except StateError as error:
            self._own.cannot_write(error)

    async def _await_answers(self, polling: asyncio.Task[bool]) -> Snapshot:
        """Wait for what is due, whoever of the machine's processes asks for it."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience_seconds
        while True:
            await asyncio.wait({polling}, timeout=max(0.0, give_up_at - loop.time()))
            led = polling.done() and self._outcome(polling)
            current = await self._look()
            if led or loop.time() >= give_up_at or not self._is_wanting(current):
                return current
            await asyncio.sleep(_GLANCE_SECONDS)
            self._take_in_polling()
            self._start_polling(current)
            polling = self._polling or polling

    def _is_wanting(self, current: Snapshot) -> bool:
        return not self._poller.is_pausing() and bool(self._due(current))

    def _take_in_polling(self) -> None:
        if self._polling is not None and self._polling.done():
            finished, self._polling = self._polling, None
            self._outcome(finished)

    def _outcome(self, finished: asyncio.Task[bool]) -> bool:
        """Tell whether we led; also where what was answered could not be stored."""
        try:
            led = finished.result()
        except StateError as error:
            self._own.cannot_write(error)
            return True
        self._own.can_write()
        return led

    def _start_polling(self, current: Snapshot) -> None:
        if self._polling is None and self._is_wanting(current):
            self._polling = asyncio.get_running_loop().create_task(self._poll())

    async def _poll(self) -> bool:
        """Once we lead, look again: whoever led before us may have asked for the same.

        Returns:
            Whether we led.
        """
        leads = await self._poller.lead()
        if leads:
            await self._poller.poll(self._due(await self._look()))
        return leads

    def _due(self, current: Snapshot) -> tuple[str, ...]:
        reads = next(window for window in current.windows if window.group == READS)
        return polling.due(
            self._poller.ages(self._fetched_at),
            busy=_is_busy(current),
            allowed=polling.allowance(reads.limit, self._reads_share),
            used=dict(reads.holders).get(HOLDER, 0),
        )

    async def _look(self) -> Snapshot:
        session = self._session
        now = session.clock.wall()
        stored = await self._gathered(now)
        if self._own.is_renewed():
            self._gathering = Gathering(session.key)
            self._newest_call, self._calls = -1, ()
            stored = await self._gathered(now)
        await self._read_calls()
        # At once: what our own poller notes meanwhile is newer than what was read.
        self._poller.heed(stored.parts)
        discovery = await session.stored_discovery()
        windows = await session.headroom()
        parts = stored.parts
        account = parts[ACCOUNT].document if ACCOUNT in parts else {}
        self._fetched_at = {name: part.fetched_at for name, part in parts.items()}
        if discovery:
            self._fetched_at[DISCOVERY] = discovery[1]
        usual = stored_shares(parts)
        concluded = self._conclusions.of(stored.readings, usual)
        current = picture.snapshot(
            Material(
                now=now,
                key=session.masked_key,
                account=str(account.get("username", "")),
                discovery=discovery[0] if discovery else None,
                discovery_at=discovery[1] if discovery else None,
                readings=stored.readings,
                latest=frozenset(parts[BALANCE].document["pools"]) if BALANCE in parts else None,
                balance_at=self._fetched_at.get(BALANCE),
                spent=stored.spent,
                usage=_usage(parts.get(USAGE)),
                usage_before=_usage(parts.get(records.before(USAGE))),
                usage_at=self._fetched_at.get(USAGE),
                windows=windows,
                crawls=stored.crawls,
                gone=processes.gone(stored.crawls, now),
                troubles=(*stored_troubles(parts), *self._own.now(account)),
                own_calls=_held_by_polling(windows),
                concluded=concluded,
                runway=self._conclusions.runway,
                rules=session.settings.alerts.rules,
                alerts=stored.alerts,
                calls=self._calls,
            )
        )
        if self._alarms is not None:
            try:
                await self._note(self._alarms, usual, concluded, stored.alerts, current)
            except StateError as error:
                self._own.cannot_write(error)
        return current

    async def _gathered(self, now: float) -> records.Stored:
        state, gathering = self._session.state, self._gathering
        return await state.read(gathering.gather, now - _SHOWN_CRAWL_SECONDS, now)

    async def _read_calls(self) -> None:
        """Read those that are new, unless somebody else here did so meanwhile."""
        after = self._newest_call
        state, key = self._session.state, self._session.key
        newest, calls = await state.read(journal.get_calls, key, after)
        if self._newest_call == after:
            self._newest_call = newest
            self._calls = (*calls, *self._calls)[: journal.SHOWN_CALLS]

    async def _note(
        self,
        alarms: Alarms,
        usual: Mapping[str, Usual],
        concluded: Mapping[str, Conclusion],
        known: Sequence[Alert],
        current: Snapshot,
    ) -> None:
        """Write down what was found, for others and for later."""
        found = {pool: one.usual for pool, one in concluded.items() if one.usual is not None}
        await note_shares(self._session, usual, found)
        await alarms.heed(known, current.alerts, current.pools)

    def _unreadable(self, error: StateError) -> Snapshot:
        now = self._session.clock.wall()
        finding = picture.snapshot(
            Material(now, self._last.key, troubles=(trouble_of(error, "", now=now),))
        ).findings
        others = tuple(old for old in self._last.findings if old.code != "state_unusable")
        return replace(self._last, taken_at=now, findings=(*finding, *others))

    async def _stop(self) -> None:
        polling_task, self._polling = self._polling, None
        if polling_task is not None:
            polling_task.cancel()
            await asyncio.wait({polling_task})


def _is_busy(current: Snapshot) -> bool:
    """Tell whether something drains, or may: what is still being measured is looked at closely."""
    running = any(crawl.finished_at is None for crawl in current.crawls)
    return running or any(pool.drain.state != "idle" for pool in current.pools)


def _usage(part: records.Part | None) -> Usage | None:
    return None if part is None else msgspec.convert(part.document, Usage)


def _held_by_polling(windows: Sequence[Headroom]) -> int:
    return sum(dict(window.holders).get(HOLDER, 0) for window in windows)
