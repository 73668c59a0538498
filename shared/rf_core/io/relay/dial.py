"""Reaches the gateway: its name looked up anew each minute, each of its addresses tried in turn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from rf_core.meter import Meter

_KEPT_SECONDS: Final = 60.0
_LEAST_SECONDS: Final = 1.0
_MOST_ADDRESSES: Final = 8
_SMALL_BUFFER_BYTES: Final = 16 * 1024
_FIT_BUFFER_BYTES: Final = 64 * 1024
"""The kernel doubles what it is asked for; as much again may be on its way to us at a cut."""
_USUAL_PACKET_BYTES: Final = 1_460
"""What a packet carries on most ways."""
_NEAR_THE_END: Final = 4 * 1024 * 1024
_FAR_FROM_IT: Final = 1024 * 1024 * 1024


def read_ahead(meter: Meter) -> int | None:
    """How much the kernel may take in ahead of us on a new connection: what it has is paid.

    Without a cap, and far from its end, that is the kernel's business: it knows the way's length.
    """
    if meter.end_bytes is None:
        return None
    left = meter.end_bytes - meter.billed_bytes
    if left < max(_NEAR_THE_END, meter.end_bytes // 10):
        return _SMALL_BUFFER_BYTES
    return _FIT_BUFFER_BYTES if left < _FAR_FROM_IT else None


def _take_little(sock: socket.socket, read_ahead: int) -> None:
    """Let little be on its way, before the connection is made: both are said in its first packet.

    A gateway's kernel takes in of a body by the number of its packets. Those of loopback are as
    large as 45 of any other way, which are told apart by nothing but their size.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_ahead)
    if hasattr(socket, "TCP_MAXSEG"):
        with contextlib.suppress(OSError):  # there are systems that only tell it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _USUAL_PACKET_BYTES)


@dataclass(frozen=True, slots=True)
class Address:
    """One of a gateway's addresses, as the socket module takes it."""

    family: int
    sockaddr: Any


@dataclass(slots=True)
class _Known:
    addresses: list[Address]
    until: float


class Dialler:
    """Connects to gateways by name.

    `getaddrinfo` tells no time to live: a minute stands in for it, and a name none of whose
    addresses answers is looked up again at once, so that a gateway's move is followed.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], _Known] = {}

    async def dial(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        host: str,
        port: int,
        *,
        seconds: float,
        read_ahead: int | None = None,
    ) -> asyncio.BaseProtocol:
        """Connect and return the protocol.

        Args:
            seconds: For all addresses together; no single one takes them all.
            read_ahead: Let the kernel take in so much ahead of us, and not what it likes.

        Raises:
            TimeoutError: nobody answered in time.
            OSError: nobody is there, or the name is not known.
        """
        async with asyncio.timeout(seconds):
            addresses, is_new = await self._addresses(host, port)
            try:
                return await self._first(protocol, addresses, seconds, read_ahead=read_ahead)
            except OSError:
                self._known.pop((host, port), None)
                if is_new:
                    raise
            addresses, _ = await self._addresses(host, port)
            return await self._first(protocol, addresses, seconds, read_ahead=read_ahead)

    async def _first(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        addresses: list[Address],
        seconds: float,
        *,
        read_ahead: int | None,
    ) -> asyncio.BaseProtocol:
        """Try each; the one that answers stands first from then on."""
        loop = asyncio.get_running_loop()
        each = max(_LEAST_SECONDS, seconds / (len(addresses) + 1))
        failure: OSError = TimeoutError("no address answered")
        for number, address in enumerate(tuple(addresses)):
            sock = socket.socket(address.family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                if read_ahead is not None:
                    _take_little(sock, read_ahead)
                async with asyncio.timeout(each):
                    await loop.sock_connect(sock, address.sockaddr)
                _, made = await loop.create_connection(protocol, sock=sock)
            except OSError as error:  # a timeout is one, too
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                if number:
                    addresses.remove(address)
                    addresses.insert(0, address)
                return made
        raise failure

    async def _addresses(self, host: str, port: int) -> tuple[list[Address], bool]:
        """The addresses of a name, and whether they were looked up just now."""
        loop = asyncio.get_running_loop()
        known = self._known.get((host, port))
        if known is not None and loop.time() < known.until:
            return known.addresses, False
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # no name at all, as far as IDNA goes
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
        addresses = [Address(family, sockaddr) for family, _, _, _, sockaddr in found]
        del addresses[_MOST_ADDRESSES:]
        self._known[host, port] = _Known(addresses, loop.time() + _KEPT_SECONDS)
        return addresses, True
