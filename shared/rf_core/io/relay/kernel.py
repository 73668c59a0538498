"""What the kernel knows of a connection and we have not read: it has crossed the wire and is paid.

Only Linux tells (`TCP_INFO`, since 4.1); elsewhere a cut transfer is counted as what was read of
it, which is a lower bound.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import Final

_TCP_INFO: Final = 11
_BYTES_RECEIVED_AT: Final = 128
_HAS_FIN: Final = frozenset({7, 8, 9, 11})
"""TCP_CLOSE, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_CLOSING: the goodbye took one sequence number."""


def unread_bytes(transport: asyncio.Transport | None, read_bytes: int) -> int:
    """How many bytes have arrived on a connection beyond those that were read from it."""
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None or not sys.platform.startswith("linux"):
        return 0
    try:
        facts = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BYTES_RECEIVED_AT + 8)
    except OSError:  # closed already
        return 0
    if len(facts) < _BYTES_RECEIVED_AT + 8:  # an old kernel
        return 0
    (received,) = struct.unpack_from("=Q", facts, _BYTES_RECEIVED_AT)
    goodbye = 1 if facts[0] in _HAS_FIN else 0
    return max(0, int(received) - goodbye - read_bytes)
