"""Single answers for commands: what is stored when it is fresh enough, else a call of their own.

What a command asks for is stored too, so that the monitor and the next command have it. Of any
number of commands that find something too old at the same time, one asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from rf_core.errors import InsufficientScopeError, StateError
from rf_core.io import notes, records
from rf_core.io.glance import Balances, stored_balances
from rf_core.io.session import Session
from rf_core.models import Account, Discovery, Usage
from rf_core.parts import ACCOUNT, BALANCE, DISCOVERY, USAGE
from rf_core.troubles import barred

_IDENTITY: Final = "identity"
_LEASE_SECONDS: Final = 30.0
_GLANCE_SECONDS: Final = 0.1


async def balances(session: Session, max_age_seconds: float | None) -> Balances:
    """Return what every pool has. Needs no scope (C-017).

    Args:
        max_age_seconds: How old a stored answer may be; None makes a call whatever is stored.
    """

    async def ask() -> None:
        part, found = await _ask_for_balances(session)
        now = session.clock.wall()
        await session.state.run(records.put_balances, session.key, now, found)
        await notes.cure(session, part, session.client.skew_seconds)

    await _have(session, BALANCE, max_age_seconds, ask)
    found = await session.state.read(stored_balances, session.key)
    if found is None:
        raise StateError("The balances that were just stored are gone.")
    return found


async def _ask_for_balances(session: Session) -> tuple[str, Mapping[str, int]]:
    """Return which call told them, and what it told."""
    parts = await session.state.read(records.get_parts, session.key)
    if BALANCE not in barred(notes.stored_troubles(parts)):
        try:
            return BALANCE, (await session.client.balance(priority="interactive")).balances
        except InsufficientScopeError as error:
            await notes.note(session, error, BALANCE)
    return ACCOUNT, (await session.client.me(priority="interactive")).balances


async def usage(session: Session, max_age_seconds: float | None) -> tuple[Usage, float]:
    """Return the top domains, and when they were read."""

    async def ask() -> None:
        document = msgspec.to_builtins(await session.client.usage(priority="interactive"))
        now = session.clock.wall()
        await session.state.run(records.put_successor, session.key, USAGE, now, document)
        await notes.cure(session, USAGE, session.client.skew_seconds)

    await _have(session, USAGE, max_age_seconds, ask)
    part = await _part(session, USAGE)
    return msgspec.convert(part.document, Usage), part.fetched_at


async def identity(session: Session, max_age_seconds: float | None) -> tuple[Account, float]:
    """Return who the key is, and when that was asked."""

    async def ask() -> None:
        document = msgspec.to_builtins(await session.client.me(priority="interactive"))
        now = session.clock.wall()
        await session.state.run(records.put_part, session.key, _IDENTITY, now, document)
        await notes.cure(session, ACCOUNT, session.client.skew_seconds)

    await _have(session, _IDENTITY, max_age_seconds, ask)
    part = await _part(session, _IDENTITY)
    return msgspec.convert(part.document, Account), part.fetched_at


async def discovery(session: Session, max_age_seconds: float | None) -> tuple[Discovery, float]:
    """Return pools and targeting, and when they were fetched."""
    stored = await session.stored_discovery()
    now = session.clock.wall()
    if stored and max_age_seconds is not None and _is_fresh(stored[1], now, max_age_seconds):
        return stored
    found = await session.discovery(refresh=True, priority="interactive")
    await notes.cure(session, DISCOVERY, session.client.skew_seconds)
    return found


async def _have(
    session: Session, name: str, max_age_seconds: float | None, ask: Callable[[], Awaitable[None]]
) -> None:
    """See to it that a fresh enough answer is stored.

    Whoever finds it too old while another process asks waits for what that one brings.
    """
    if max_age_seconds is None:
        await ask()
        return
    before = await _fetched_at(session, name)
    if _is_fresh(before, session.clock.wall(), max_age_seconds):
        return
    lease = f"answer {name} {session.key}"
    for _ in range(int(_LEASE_SECONDS / _GLANCE_SECONDS)):
        leads = await session.lease(lease, _LEASE_SECONDS, strict=False)
        # Looked at after the lease: whoever had it before us may have brought it just now.
        if await _fetched_at(session, name) != before:
            if leads:
                await session.release(lease)
            return
        if leads:
            break
        await session.clock.sleep(_GLANCE_SECONDS)
    try:
        await ask()
    finally:
        await session.release(lease)


async def _fetched_at(session: Session, name: str) -> float | None:
    return await session.state.read(records.get_fetched_at, session.key, name)


def _is_fresh(fetched_at: float | None, now: float, max_age_seconds: float) -> bool:
    """One from the future is not: a clock has moved, and its age is not known."""
    return fetched_at is not None and 0 <= now - fetched_at <= max_age_seconds


async def _part(session: Session, name: str) -> records.Part:
    return (await session.state.read(records.get_parts, session.key))[name]
