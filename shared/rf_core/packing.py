"""A window's ledger as bytes, and back; what is not whole is told from what is.

Every call reads and writes its window twice. One value of bytes costs half of what a row for each
slot does in SQLite, and any store can keep it.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from typing import Final

from rf_core.governor import Window, settled_end
from rf_core.ledger import Ledger
from rf_core.turns import Waiter

_HEAD: Final = struct.Struct("<II14d")
_WAITER: Final = struct.Struct("<dddd")
_CHECK: Final = struct.Struct("<I")
_LONGEST_LEASE_SECONDS: Final = 300.0
_JITTER_SECONDS: Final = 1.0


class DamagedError(ValueError):
    """These bytes are no ledger of this time; a new one has to begin, and hold back a window."""


def pack(ledger: Ledger) -> bytes:
    """Make bytes of it: head, ends, tags, line, names, checksum."""
    head = _HEAD.pack(len(ledger.ends), len(ledger.line), *ledger.window)
    line = b"".join([_WAITER.pack(*waiter) for waiter in ledger.line]) if ledger.line else b""
    names = b"\0".join(ledger.names)
    body = b"".join((head, ledger.ends.tobytes(), ledger.tags.tobytes(), line, names))
    return body + _CHECK.pack(zlib.crc32(body))


def unpack(packed: bytes, now: float) -> Ledger:
    """Read those bytes.

    Raises:
        DamagedError: they are not whole, somebody else wrote them, or by a clock that has begun
            anew since.
    """
    try:
        ledger = _read(packed)
    except (struct.error, ValueError, OverflowError) as error:
        raise DamagedError(str(error)) from error
    window = ledger.window
    latest = settled_end(now + _LONGEST_LEASE_SECONDS, window_seconds=window.seconds)
    ends = ledger.ends[-1] if ledger.ends else now
    held = (ends, window.hold_until, window.foreign_until)
    # Written so that a NaN is damage too.
    if not (window.granted_at <= now + _JITTER_SECONDS and all(end <= latest for end in held)):
        raise DamagedError("it speaks of another time")
    return ledger


def _read(packed: bytes) -> Ledger:
    body = packed[: -_CHECK.size]
    if _CHECK.unpack(packed[-_CHECK.size :]) != (zlib.crc32(body),):
        raise DamagedError("the bytes are not whole")
    slots, waiters, limit, *figures = _HEAD.unpack_from(body)
    window = Window(int(limit), *figures)
    at = _HEAD.size
    ends, tags = array("d"), array("Q")
    ends.frombytes(body[at : (at := at + ends.itemsize * slots)])
    tags.frombytes(body[at : (at := at + tags.itemsize * slots)])
    if not (window.limit > 0 and window.seconds > 0 and len(tags) == slots):
        raise DamagedError("the figures are not of a window")
    line = []
    if waiters:
        rows = _WAITER.iter_unpack(body[at : (at := at + _WAITER.size * waiters)])
        line = [Waiter(int(rank), asked, int(id_), alive) for rank, asked, id_, alive in rows]
    names = body[at:]
    return Ledger(window, ends, tags, line, names.split(b"\0") if names else [])
