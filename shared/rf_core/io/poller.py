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
from rf_core.io import notes, records
from rf_core.io.client import AsyncClient
from rf_core.io.session import Session
from rf_core.io.windows import Windows
from rf_core.parts import ACCOUNT, BALANCE, DISCOVERY, USAGE
from rf_core.polling import Outage
from rf_core.troubles import barred

Put: TypeAlias = Callable[[sqlite3.Connection, str, str, float, Any], None]

HOLDER: Final = "poller"
"""Who holds the slots of polling: what it costs is read off the window itself."""

_LEASE_SECONDS: Final = 30.0
_CALL_SECONDS: Final = 15.0
_UNCLEAR_SECONDS: Final = 60.0
"""A part whose answer cannot be understood is asked for again after this long."""


class Poller:
    """One process's chance to be the machine's poller; whoever holds the lease is it.

    Answers, troubles and pauses go to `state.db`, where every monitor reads them.
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
        self._takes_no_for_an_answer = False
        self._barred: frozenset[str] = frozenset()
        self._unclear_at: dict[str, float] = {}
        self._identity_balances: tuple[float, Mapping[str, int]] | None = None
        self._prompt = AsyncClient(
            session.settings,
            windows=session.windows,
            clock=session.clock,
            deadline_seconds=_CALL_SECONDS,
            attempts=1,
        )
        session.closing.push_async_callback(self._client.aclose)
        session.closing.push_async_callback(self._prompt.aclose)

    def heed(self, parts: Mapping[str, records.Part]) -> None:
        """Take in what is noted about the API, by whichever process met it."""
        self._outage = notes.stored_outage(parts, self._clock)
        self._barred = barred(notes.stored_troubles(parts))
        if not self._outage.is_final:
            self._takes_no_for_an_answer = True

    def is_pausing(self) -> bool:
        """Tell whether the API is left alone for now, after a failure.

        A refused key is left alone by whoever has seen it refused. A process that was started since
        asks once more: somebody may have mended it.
        """
        if self._outage.is_final:
            return self._takes_no_for_an_answer
        return self._clock.boottime() < self._outage.until

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
        # A leader that was killed is followed at once: to ask twice would do no harm.
        return await self._session.lease(self._lease, _LEASE_SECONDS, strict=False)

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
        self._takes_no_for_an_answer = True
        without_scope = part == BALANCE and BALANCE in self._barred
        try:
            await self._fetch(ACCOUNT if without_scope else part, client, priority)
        except StateError:
            raise
        except InsufficientScopeError as error:
            await notes.note(self._session, error, part)
            self._barred |= {part}
            if part == BALANCE and self._identity_balances is not None:
                await self._keep_balances(*self._identity_balances)
        except (ResponseError, ApiError) as error:
            await self._failed(error, part)
        except ResiFactoryError as error:
            await self._leave_alone(error, part)
        else:
            self._outage = Outage()
            self._unclear_at.pop(part, None)
            answered = ACCOUNT if without_scope else part
            await notes.cure(self._session, answered, client.skew_seconds)

    async def _failed(self, error: ResponseError | ApiError, part: str) -> None:
        """An answer that only this part cannot use does not silence the others."""
        final = isinstance(error, UnauthorizedError | AccountDisabledError)
        if isinstance(error, ApiError) and (final or error.status == 429 or error.status >= 500):  # noqa: PLR2004
            await self._leave_alone(error, part)
        else:
            self._unclear_at[part] = self._clock.monotonic()
            await notes.note(self._session, error, part)

    async def _leave_alone(self, error: ResiFactoryError, part: str) -> None:
        outage = polling.failed(self._outage, error, self._clock.boottime())
        await notes.note(self._session, error, part)
        await notes.leave_alone(self._session, outage)
        self._outage = outage

    async def _fetch(self, part: str, client: AsyncClient, priority: Priority) -> None:
        if part == ACCOUNT:
            account = await client.me(priority=priority)
            document = {"username": account.username, "last4": account.key_last4}
            await self._keep(records.put_part, ACCOUNT, document)
            self._identity_balances = self._clock.wall(), account.balances
            if BALANCE in self._barred:
                await self._keep_balances(*self._identity_balances)
        elif part == DISCOVERY:
            await self._session.discovery(refresh=True, priority=priority, client=client)
        elif part == BALANCE:
            balances = (await client.balance(priority=priority)).balances
            await self._keep_balances(self._clock.wall(), balances)
        elif part == USAGE:
            usage = await client.usage(priority=priority)
            await self._keep(records.put_successor, USAGE, msgspec.to_builtins(usage))

    async def _keep_balances(self, at: float, balances: Mapping[str, int]) -> None:
        await self._session.state.run(records.put_balances, self._session.key, at, balances)

    async def _keep(self, put: Put, part: str, document: dict[str, Any]) -> None:
        await self._session.state.run(put, self._session.key, part, self._clock.wall(), document)
