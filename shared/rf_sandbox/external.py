"""The way out to real sites: a name is looked up once, and what was judged is connected to.

What another look-up would say no longer matters by then: a name that answers with a public
address first and a private one later (DNS rebinding) gets nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Final

from rf_sandbox import reach

_STAGGER_SECONDS: Final = 0.25
_MOST_ADDRESSES: Final = 6
_MOST_LOOK_UPS: Final = 32
_ANY_PORT: Final = 9


class DeniedError(Exception):
    """A target leads where the gateway does not go; the message says what kind of place."""


async def look_up(name: str) -> Sequence[str]:
    """Ask the operating system for a name's addresses.

    In a thread that nobody waits for at the end: a name server that is silent must not keep a
    sandbox from closing.

    Raises:
        socket.gaierror: there is no such name, as far as is known.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def ask() -> None:
        try:
            known = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            found: list[str] | OSError = list(dict.fromkeys(str(one[4][0]) for one in known))
        except (OSError, UnicodeError) as error:
            found = error if isinstance(error, OSError) else _nowhere()
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody wants to know
            loop.call_soon_threadsafe(tell, found)

    def tell(found: list[str] | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    return await answer


async def connect(address: str, port: int) -> socket.socket:
    """Connect to an address, from wherever the operating system sees fit.

    Raises:
        OSError: it cannot be reached.
    """
    sock = socket.socket(_family(address), socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def source_of(address: str) -> str:
    """The address that a connection would leave from; "" where there is no way. Sends nothing."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
            sock.connect((address, _ANY_PORT))
            return str(sock.getsockname()[0])
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class External:
    """How real sites are reached. One for each event loop.

    Attributes:
        look_up: Name → addresses.
        refuses: Address → what it is that is not reached, or "".
        source_of: Address → the address of ours that would be used.
        connect: Address and port → a connected socket.
    """

    look_up: Callable[[str], Awaitable[Sequence[str]]] = look_up
    refuses: Callable[[str], str] = reach.refuses
    source_of: Callable[[str], str] = source_of
    connect: Callable[[str, int], Awaitable[socket.socket]] = connect
    _turns: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(_MOST_LOOK_UPS), repr=False
    )

    async def open(self, name: str, port: int) -> socket.socket:
        """Connect to a name or an address that `reach.way` found well written.

        Raises:
            DeniedError: none of its addresses is on the public internet.
            socket.gaierror: the name has no address.
            OSError: none of the others can be reached.
        """
        return await self._first_of(await self._judged(name), port)

    async def _judged(self, name: str) -> list[str]:
        """The addresses that may be connected to, both families by turns."""
        if reach.is_address(name):
            found: Sequence[str] = [name]
        else:
            async with self._turns:
                found = await self.look_up(name)
        if not found:
            raise _nowhere()
        reasons = {address: self._why_not(address) for address in found}
        allowed = [address for address, why in reasons.items() if not why]
        if not allowed:
            message = f"the address of the target is {reasons[found[0]]}"
            raise DeniedError(message)
        family = _family(allowed[0])
        turns = zip_longest(
            [address for address in allowed if _family(address) is family],
            [address for address in allowed if _family(address) is not family],
        )
        return [address for address in chain.from_iterable(turns) if address][:_MOST_ADDRESSES]

    def _why_not(self, address: str) -> str:
        why = self.refuses(address)
        if not why and reach.is_neighbour(self.source_of(address), address):
            why = "this machine's or next to it"
        return why

    async def _first_of(self, addresses: Sequence[str], port: int) -> socket.socket:
        """Try one after the other, the next when one fails or takes long (RFC 8305, 5)."""
        untried = deque(addresses)
        trying: set[asyncio.Task[socket.socket]] = set()
        failures: list[BaseException] = []
        try:
            while untried or trying:
                if untried:
                    attempt = self.connect(untried.popleft(), port)
                    trying.add(asyncio.ensure_future(attempt))
                done, _ = await asyncio.wait(
                    trying,
                    timeout=_STAGGER_SECONDS if untried else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    trying.discard(task)
                    error = task.exception()
                    if error is None:
                        trying |= done - {task}
                        return task.result()
                    failures.append(error)
            raise failures[0]
        finally:
            for task in trying:
                task.cancel()
                task.add_done_callback(_let_go)


def _let_go(task: asyncio.Task[socket.socket]) -> None:
    """Close what came second."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004 - the version


def _nowhere() -> socket.gaierror:
    return socket.gaierror(socket.EAI_NONAME, "the name has no address")
