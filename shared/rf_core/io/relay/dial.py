"""Reaches the gateway: its name looked up anew each minute, each of its addresses tried in turn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_KEPT_SECONDS: Final = 60.0
_LEAST_SECONDS: Final = 1.0
_MOST_ADDRESSES: Final = 8
SMALL_BUFFER_BYTES: Final = 16 * 1024


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
        small_buffer: bool = False,
    ) -> asyncio.BaseProtocol:
        """Connect and return the protocol.

        Args:
            seconds: For all addresses together; no single one takes them all.
            small_buffer: Let the kernel take in little ahead of us: what it has taken in is paid.

        Raises:
            TimeoutError: nobody answered in time.
            OSError: nobody is there, or the name is not known.
        """
        async with asyncio.timeout(seconds):
            addresses, is_new = await self._addresses(host, port)
            try:
                return await self._first(protocol, addresses, seconds, small_buffer=small_buffer)
            except OSError:
                self._known.pop((host, port), None)
                if is_new:
                    raise
            addresses, _ = await self._addresses(host, port)
            return await self._first(protocol, addresses, seconds, small_buffer=small_buffer)

    async def _first(
        self,
        protocol: Callable[[], asyncio.BaseProtocol],
        addresses: list[Address],
        seconds: float,
        *,
        small_buffer: bool,
    ) -> asyncio.BaseProtocol:
        """Try each; the one that answers stands first from then on."""
        loop = asyncio.get_running_loop()
        each = max(_LEAST_SECONDS, seconds / (len(addresses) + 1))
        failure: OSError = TimeoutError("no address answered")
        for number, address in enumerate(tuple(addresses)):
            sock = socket.socket(address.family, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                if small_buffer:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
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
