"""What the provider usually takes on top of ours, by pool, kept in `state.db` over restarts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from rf_core.io import records
from rf_core.io.session import Session
from rf_core.meters import Usual
from rf_core.parts import SHARES

_BETTER: Final = 0.7
"""A doubt is written down anew when it has become so much smaller."""


def stored_shares(parts: Mapping[str, records.Part]) -> dict[str, Usual]:
    """Read what is known, as it was noted."""
    return msgspec.convert(parts[SHARES].document, dict[str, Usual]) if SHARES in parts else {}


async def note_shares(
    session: Session, known: Mapping[str, Usual], found: Mapping[str, Usual]
) -> None:
    """Note what is better known now."""
    if any(_is_news(known.get(pool), usual) for pool, usual in found.items()):
        document = msgspec.to_builtins({**known, **found})
        now = session.clock.wall()
        await session.state.run(records.put_part, session.key, SHARES, now, document)


def _is_news(known: Usual | None, found: Usual) -> bool:
    return (
        known is None
        or bool(known.share) != bool(found.share)
        or abs(known.share - found.share) > found.doubt
        or found.doubt < _BETTER * known.doubt
    )
