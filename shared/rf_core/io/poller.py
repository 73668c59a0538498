"""Asks the API for what a snapshot needs, for all monitors of this machine at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from rf_core import polling
from rf_core.errors import (
    AccountDisabledError,
    ApiError,
    InsufficientScopeError,
    ResiFactoryError,
    ResponseError,
    StateError,
    UnauthorizedError,
)
from rf_core.governor import Priority
from rf_core.io import records
from rf_core.io.client import AsyncClient
from rf_core.io.session import Session
from rf_core.io.windows import Windows
from rf_core.polling import ACCOUNT, BALANCE, DISCOVERY, USAGE, Outage
from rf_core.troubles import Trouble, cured, merged, trouble_of
from rf_core.units import format_seconds

Put: TypeAlias = Callable[[sqlite3.Connection, str, str, float, Any], None]

HOLDER: Final = "poller"
"""Who holds the slots of polling: what it costs is read off the window itself."""

TROUBLES: Final = "troubles"

_LEASE_SECONDS: Final = 30.0
_CALL_SECONDS: Final = 15.0
_SKEW_SECONDS: Final = 60.0
_UNCLEAR_SECONDS: Final = 60.0
"""A part whose answer cannot be understood is asked for again after this long."""


class Poller:
    """One process's chance to be the machine's poller; whoever holds the lease is it.

    Answers and troubles go to `state.db`, where every monitor reads them.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._clock = session.clock
        self._lease = f"poller {session.key}"
        windows = Windows(
            session.state,
            session.key,
            holder=HOLDER,
            clock=session.clock,
            window_seconds=session.window_seconds,
        )
        self._client = AsyncClient(
            session.settings,
            windows=windows,
            clock=session.clock,
            deadline_seconds=_CALL_SECONDS,
            attempts=1,
        )
        self._outage = Outage()
        self._barred: set[str] = set()
        self._unclear_at: dict[str, float] = {}
        self._prompt = AsyncClient(
            session.settings,
            windows=session.windows,
            clock=session.clock,
            deadline_seconds=_CALL_SECONDS,
            attempts=1,
        )
        session.closing.push_async_callback(self._client.aclose)
        session.closing.push_async_callback(self._prompt.aclose)

    def is_pausing(self) -> bool:
        """Tell whether the API is left alone for now, after a failure."""
        return self._clock.monotonic() < self._outage.until

    def ages(self, fetched_at: Mapping[str, float]) -> dict[str, float | None]:
        """Seconds since each part was fetched; what there is no use in asking for is left out.

        Args:
            fetched_at: Part → when it was last fetched (Unix seconds), if ever.
        """
        ages: dict[str, float | None] = {}
        now = self._clock.monotonic()
        for part in polling.RHYTHMS:
            # Balances can be had without their scope: the identity check has them too (C-017).
            if part in self._barred and part != BALANCE:
                continue
            if now - self._unclear_at.get(part, float("-inf")) < _UNCLEAR_SECONDS:
                continue
            fetched = fetched_at.get(part)
            ages[part] = None if fetched is None else self._clock.wall() - fetched
        return ages

    async def lead(self) -> bool:
        """Take or renew the lease of the machine's poller; False while another session has it."""
        return await self._session.lease(self._lease, _LEASE_SECONDS)

    async def poll(self, parts: tuple[str, ...]) -> None:
        """Ask for these parts while we lead, until a call says to wait; then let others lead."""
        for part in parts:
            if self.is_pausing() or not await self.lead():
                break
            await self._ask(part, self._client, "bulk")
        await self._session.release(self._lease)

    async def ask_now(self) -> None:
        """Ask for everything at once, because the user said so."""
        self._outage = Outage()
        for part in polling.RHYTHMS:
            if self.is_pausing():
                return
            await self._ask(part, self._prompt, "interactive")

    async def _ask(self, part: str, client: AsyncClient, priority: Priority) -> None:
        try:
            await self._fetch(part, client, priority)
        except StateError:
            raise
        except InsufficientScopeError as error:
            known = part in self._barred
            self._barred.add(part)
            await self._note(error, part)
            if part == BALANCE and not known:
                await self._ask(part, client, priority)
        except (ResponseError, ApiError) as error:
            await self._failed(error, part)
        except ResiFactoryError as error:
            self._outage = polling.failed(self._outage, error, self._clock.monotonic())
            await self._note(error, part)
        else:
            self._outage = Outage()
            self._unclear_at.pop(part, None)
            await self._cure(part, client.skew_seconds)

    async def _failed(self, error: ResponseError | ApiError, part: str) -> None:
        """An answer that only this part cannot use does not silence the others."""
        final = isinstance(error, UnauthorizedError | AccountDisabledError)
        if isinstance(error, ApiError) and (final or error.status == 429 or error.status >= 500):  # noqa: PLR2004
            self._outage = polling.failed(self._outage, error, self._clock.monotonic())
        else:
            self._unclear_at[part] = self._clock.monotonic()
        await self._note(error, part)

    async def _fetch(self, part: str, client: AsyncClient, priority: Priority) -> None:
        if part == ACCOUNT:
            account = await client.me(priority=priority)
            document = {"username": account.username, "last4": account.key_last4}
            await self._keep(records.put_part, ACCOUNT, document)
        elif part == DISCOVERY:
            await self._session.discovery(refresh=True, priority=priority, client=client)
        elif part == BALANCE and BALANCE in self._barred:
            await self._keep_balances((await client.me(priority=priority)).balances)
        elif part == BALANCE:
            await self._keep_balances((await client.balance(priority=priority)).balances)
        elif part == USAGE:
            usage = await client.usage(priority=priority)
            await self._keep(records.put_successor, USAGE, msgspec.to_builtins(usage))

    async def _keep_balances(self, balances: Mapping[str, int]) -> None:
        state, now = self._session.state, self._clock.wall()
        await state.run(records.put_balances, self._session.key, now, balances)

    async def _keep(self, put: Put, part: str, document: dict[str, Any]) -> None:
        await self._session.state.run(put, self._session.key, part, self._clock.wall(), document)

    async def _note(self, error: ResiFactoryError, part: str) -> None:
        trouble = trouble_of(error, part, now=self._clock.wall())
        known = await self._troubles()
        await self._keep_troubles(known, merged(known, trouble))

    async def _cure(self, part: str, skew_seconds: float | None) -> None:
        known = await self._troubles()
        left = tuple(trouble for trouble in cured(known, part) if trouble.code != "clock_skew")
        if skew_seconds is not None and abs(skew_seconds) > _SKEW_SECONDS:
            old = next((trouble for trouble in known if trouble.code == "clock_skew"), None)
            since = old.since if old else self._clock.wall()
            detail = format_seconds(abs(skew_seconds))
            left = (*left, Trouble("clock_skew", since, detail=detail))
        await self._keep_troubles(known, left)

    async def _troubles(self) -> tuple[Trouble, ...]:
        parts = await self._session.state.read(records.get_parts, self._session.key)
        return stored_troubles(parts)

    async def _keep_troubles(self, known: tuple[Trouble, ...], now: tuple[Trouble, ...]) -> None:
        if now != known:
            await self._keep(records.put_part, TROUBLES, {"list": msgspec.to_builtins(now)})


def stored_troubles(parts: Mapping[str, records.Part]) -> tuple[Trouble, ...]:
    """Read the troubles that the machine's poller noted."""
    if TROUBLES not in parts:
        return ()
    return msgspec.convert(parts[TROUBLES].document["list"], tuple[Trouble, ...])
