"""What goes wrong with one exchange on the gateway, as fault rules have it.

Whatever happens, the meter stays exact: what crosses the client's connection is counted, a refusal
below 500 is free, everything else is billed as it would be without the fault.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rf_sandbox.faults import Fault
from rf_sandbox.traffic import Row
from rf_sandbox.tunnel import ESTABLISHED, Tunnel

_FATAL_ALERT: Final = b"\x15\x03\x03\x00\x02\x02\x28"
_DRIP_BYTES: Final = 64
_MOST_WAITING: Final = 64 * 1024

_FAILURES: Final = {
    "dns_failure": (502, "dns_error", "the name of the target does not resolve"),
    "connect_timeout": (504, "connection_timeout", "the target did not accept in time"),
    "exit_dropped": (502, "destination_unavailable", "the exit is gone"),
    "pool_down": (503, "destination_unavailable", "no exit is free in this pool"),
}
_ENDINGS: Final = {"reset": "reset", "truncate": "close", "exit_dropped": "abort"}


@dataclass(frozen=True, slots=True)
class Failure:
    """An answer of the gateway's own instead of the target's."""

    status: int
    error: str | None
    details: str


class Plight:
    """The faults of one exchange."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self._by_kind = {fault.kind: fault for fault in faults}

    def has(self, kind: str) -> bool:
        """Whether a fault of that kind strikes."""
        return kind in self._by_kind

    @property
    def latency_seconds(self) -> float:
        """How long nothing is done."""
        latency = self._by_kind.get("latency")
        return latency.milliseconds / 1000 if latency else 0.0

    @property
    def hangs(self) -> str:
        """`before` the target is asked, `after` it has answered, or "" not at all."""
        hang = self._by_kind.get("hang")
        return hang.when if hang else ""

    @property
    def header_changes(self) -> Mapping[str, str | None]:
        """Headers to set, and to drop where there is no value."""
        changes = [
            self._by_kind[kind].headers for kind in ("headers", "status") if kind in self._by_kind
        ]
        return {name: value for change in changes for name, value in change.items()}

    @property
    def length_delta(self) -> int:
        """By how much an announced length is wrong."""
        wrong = self._by_kind.get("wrong_length")
        return wrong.delta if wrong else 0

    def failure(self) -> Failure | None:
        """What is answered instead of asking the target."""
        if status := self._by_kind.get("status"):
            details = (status.message or status.body or "a fault was ordered").replace('"', "'")
            return Failure(status.status, status.code or None, details)
        for kind, known in _FAILURES.items():
            fault = self._by_kind.get(kind)
            if fault is not None and not fault.bytes:
                return Failure(*known)
        return None

    def pass_down(self, before: int, data: bytes) -> tuple[bytes, str]:
        """Cut off what comes after the end; name the ending if this is it.

        Args:
            before: Bytes that have gone to the client already.
            data: What is to follow.
        """
        for kind, ending in _ENDINGS.items():
            fault = self._by_kind.get(kind)
            if fault is None or (kind in _FAILURES and not fault.bytes):
                continue
            if before + len(data) >= fault.bytes:
                return data[: max(0, fault.bytes - before)], ending
        return data, ""

    def drip(self, hand_over: Callable[[Row, bytes, int], None]) -> Drip | None:
        """Make the drip, if there is to be one."""
        fault = self._by_kind.get("drip")
        if fault is None:
            return None
        return Drip(fault.bytes or _DRIP_BYTES, fault.milliseconds / 1000, hand_over)


class Drip:
    """Bytes on their way to a client, so many at a time."""

    def __init__(
        self, each: int, seconds: float, hand_over: Callable[[Row, bytes, int], None]
    ) -> None:
        self._each = each
        self._seconds = seconds
        self._hand_over = hand_over
        self._waiting: deque[tuple[Row, bytes, int]] = deque()
        self._size = 0
        self._then: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_full(self) -> bool:
        """Whether whoever brings more should wait."""
        return self._size > _MOST_WAITING

    def add(self, row: Row, data: bytes, free: int) -> None:
        """Let bytes follow those that wait; `free` of them are not billed."""
        self._waiting.append((row, data, free))
        self._size += len(data)
        if self._timer is None:
            self._fall()

    def then(self, act: Callable[[], None]) -> bool:
        """Do something when the last byte has gone; False when it has already."""
        if not self._waiting:
            return False
        self._then = act
        return True

    def stop(self) -> None:
        """Nobody is there any more: what waits never goes."""
        self._waiting.clear()
        self._then = None
        if self._timer is not None:
            self._timer.cancel()

    def _fall(self) -> None:
        self._timer = None
        room = self._each
        while room and self._waiting:
            row, data, free = self._waiting.popleft()
            piece, rest = data[:room], data[room:]
            if rest:
                self._waiting.appendleft((row, rest, max(0, free - len(piece))))
            self._size -= len(piece)
            room -= len(piece)
            self._hand_over(row, piece, min(free, len(piece)))
        if self._waiting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._seconds, self._fall)
        elif (act := self._then) is not None:
            self._then = None
            act()


class BrokenTls(Tunnel):
    """A tunnel that stands and leads to a TLS alert: no target is asked."""

    def stand(self) -> None:
        """Say that the tunnel is there."""
        if self._client is not None:
            self.row.status = 200
            self._client.send(self.row, ESTABLISHED, connects=len(ESTABLISHED))

    def from_client(self, data: bytes) -> None:
        """Answer whatever comes by the alert (RFC 8446, 6.2: handshake_failure)."""
        if self._client is not None and data:
            self._client.send(self.row, _FATAL_ALERT)
            self._finish("fault_tls_failure")
