"""Single answers for commands: what is stored when it is fresh enough, else a call of their own.

What a command asks for is stored too, so that the monitor and the next command have it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from rf_core.errors import InsufficientScopeError
from rf_core.io import records
from rf_core.io.session import Session
from rf_core.models import Account, Discovery, Usage
from rf_core.polling import BALANCE, USAGE

_IDENTITY: Final = "identity"


async def balances(session: Session, max_age_seconds: float) -> tuple[dict[str, int], float]:
    """Return pool → bytes, and when that was read (Unix seconds). Needs no scope (C-017)."""
    stored = await session.state.read(records.gather, session.key, float("inf"))
    part = stored.parts.get(BALANCE)
    if part is not None and session.clock.wall() - part.fetched_at <= max_age_seconds:
        pools = part.document["pools"]
        return {pool: stored.readings[pool][-1].balance_bytes for pool in pools}, part.fetched_at
    try:
        found = dict((await session.client.balance(priority="interactive")).balances)
    except InsufficientScopeError:
        found = dict((await session.client.me(priority="interactive")).balances)
    now = session.clock.wall()
    await session.state.run(records.put_balances, session.key, now, found)
    return found, now


async def usage(session: Session, max_age_seconds: float) -> tuple[Usage, float]:
    """Return the top domains, and when they were read."""
    parts = await session.state.read(records.get_parts, session.key)
    part = parts.get(USAGE)
    if part is not None and session.clock.wall() - part.fetched_at <= max_age_seconds:
        return msgspec.convert(part.document, Usage), part.fetched_at
    found = await session.client.usage(priority="interactive")
    now = session.clock.wall()
    await session.state.run(
        records.put_successor, session.key, USAGE, now, msgspec.to_builtins(found)
    )
    return found, now


async def identity(session: Session, max_age_seconds: float) -> tuple[Account, float]:
    """Return who the key is, and when that was asked."""
    parts = await session.state.read(records.get_parts, session.key)
    part = parts.get(_IDENTITY)
    if part is not None and session.clock.wall() - part.fetched_at <= max_age_seconds:
        return msgspec.convert(part.document, Account), part.fetched_at
    found = await session.client.me(priority="interactive")
    now = session.clock.wall()
    await session.state.run(
        records.put_part, session.key, _IDENTITY, now, msgspec.to_builtins(found)
    )
    return found, now


async def discovery(session: Session, max_age_seconds: float) -> tuple[Discovery, float]:
    """Return pools and targeting, and when they were fetched."""
    stored = await session.stored_discovery()
    if stored is not None and session.clock.wall() - stored[1] <= max_age_seconds:
        return stored
    return await session.discovery(refresh=True, priority="interactive")
