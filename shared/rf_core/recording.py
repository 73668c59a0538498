"""Snapshots packed small, and which of them an old recording keeps.

What a recording holds is what a screen shows: masked keys, names and numbers, and never a secret,
because a snapshot has none. Each frame is packed by what it shares with the key frame before it, so
that a second takes some hundred bytes; the history that charts are drawn from is kept once, apart.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from rf_core.snapshot import Snapshot

KEY_FRAME_SECONDS: Final = 3_600.0
"""How long frames are packed against the same key frame."""

THINNED: Final = ((3_600.0, 10.0), (86_400.0, 60.0))
"""Age in seconds → one frame is kept in so many. Younger ones are all kept."""

KEPT_SECONDS: Final = 30 * 86_400.0
"""Older frames go."""

HISTORY_SECONDS: Final = 86_400.0
"""How far back the charts of a replayed moment look."""

_MOST_BYTES: Final = 16 * 1024 * 1024
_LEVEL: Final = 6

_DECODER: Final = msgspec.json.Decoder(Snapshot)

History = Mapping[str, Sequence[tuple[float, int]]]
"""Pool → its balances as (Unix seconds, bytes), oldest first."""


class BrokenFrameError(ValueError):
    """A frame that cannot be read: damaged, or no frame at all."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One snapshot, packed.

    Attributes:
        at: When it was taken, in Unix seconds.
        base: When its key frame was taken; a key frame's own `at`.
    """

    at: float
    base: float
    body: bytes


class Packer:
    """Packs the snapshots of one recording, in the order they are taken."""

    def __init__(self) -> None:
        self._base = 0.0
        self._key: bytes | None = None

    def pack(self, snapshot: Snapshot) -> Frame:
        """Pack one, without the history of its pools and without calls: both are kept apart."""
        at = snapshot.taken_at
        pools = tuple(replace(pool, history=()) for pool in snapshot.pools)
        document = msgspec.json.encode(replace(snapshot, pools=pools, calls=()))
        if self._key is None or not 0 < at - self._base < KEY_FRAME_SECONDS:
            self._base, self._key = at, document
            return Frame(at, at, zlib.compress(document, _LEVEL))
        packing = zlib.compressobj(_LEVEL, zdict=self._key)
        return Frame(at, self._base, packing.compress(document) + packing.flush())


def unpack(frame: Frame, key: Frame, history: History) -> Snapshot:
    """Return the snapshot of a frame, with what its charts are drawn from.

    Raises:
        BrokenFrameError: it is damaged, or written by something else.
    """
    try:
        document = _inflated(key.body)
        if frame.at != key.at:
            document = _inflated(frame.body, document)
        snapshot = _DECODER.decode(document)
    except (zlib.error, msgspec.DecodeError, RecursionError) as error:
        message = f"the frame of {frame.at:.0f} cannot be read"
        raise BrokenFrameError(message) from error
    pools = tuple(replace(pool, history=tuple(history.get(pool.id, ()))) for pool in snapshot.pools)
    return replace(snapshot, pools=pools)


def _inflated(body: bytes, key: bytes = b"") -> bytes:
    packing = zlib.decompressobj(zdict=key) if key else zlib.decompressobj()
    document = packing.decompress(body, _MOST_BYTES)
    if not packing.eof:
        message = "too long, or cut off"
        raise zlib.error(message)
    return document
