"""What stands between this machine and the API, noted in `state.db` by whoever meets it.

One process learns that a key is refused or the API away, and all leave it alone; one learns that it
answers again, and all go on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from rf_core.errors import ResiFactoryError
from rf_core.io import records
from rf_core.io.clock import Clock
from rf_core.io.session import Session
from rf_core.polling import Outage
from rf_core.troubles import Trouble, cured, merged, skewed, trouble_of

_TROUBLES: Final = "troubles"
_OUTAGE: Final = "outage"

_Troubles: TypeAlias = tuple[Trouble, ...]


def stored_troubles(parts: Mapping[str, records.Part]) -> _Troubles:
    """Read what is wrong, as it was noted."""
    if _TROUBLES not in parts:
        return ()
    return msgspec.convert(parts[_TROUBLES].document["list"], _Troubles)


def stored_outage(parts: Mapping[str, records.Part], clock: Clock) -> Outage:
    """Read how long the API is left alone; what was noted before this boot is over."""
    document = parts[_OUTAGE].document if _OUTAGE in parts else {}
    if document.get("boot") != clock.boot_id():
        return Outage()
    until = document["until"]
    return Outage(document["failures"], float("inf") if until is None else until)


async def note(session: Session, error: ResiFactoryError, part: str) -> None:
    """Note an error of a call for a part."""
    now = session.clock.wall()
    trouble = trouble_of(error, part, now=now)
    await session.state.run(_change, session.key, lambda known: merged(known, trouble), now)


async def cure(session: Session, part: str, skew_seconds: float | None) -> None:
    """Note a good answer to a call for a part: what it disproves is over, for everybody."""
    now = session.clock.wall()

    def change(known: _Troubles) -> _Troubles:
        return skewed(cured(known, part), skew_seconds, now)

    await session.state.run(_change, session.key, change, now)
    await session.state.run(records.drop_part, session.key, _OUTAGE)


async def leave_alone(session: Session, outage: Outage) -> None:
    """Have everybody leave the API alone for that long."""
    document = {
        "failures": outage.failures,
        "until": None if outage.is_final else outage.until,
        "boot": session.clock.boot_id(),
    }
    now = session.clock.wall()
    await session.state.run(records.put_part, session.key, _OUTAGE, now, document)


def _change(
    connection: sqlite3.Connection, key: str, change: Callable[[_Troubles], _Troubles], now: float
) -> None:
    known = stored_troubles(records.get_parts(connection, key))
    changed = change(known)
    if changed != known:
        document = {"list": msgspec.to_builtins(changed)}
        records.put_part(connection, key, _TROUBLES, now, document)
