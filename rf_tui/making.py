"""Sends what a person has ordered, as many calls as it takes, and holds what came.

Credentials stay in their inventories: nothing here prints one. What is shown, copied or written is
asked for by name, and only what is shown unmasked, copied or written holds passwords.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol

from rf_core import listing
from rf_core.errors import ResiFactoryError
from rf_core.governor import Priority
from rf_core.harvest import Harvest
from rf_core.inventory import BatchFacts, Delivery, Inventory
from rf_core.io.private_files import private_draft
from rf_core.models import MAX_QUANTITY, Order, Proxy
from rf_core.redaction import STARS, Secret
from rf_tui.cli.credentials import Printer, Sink

MOST_COPIED_BYTES: Final = 74_994
"""What terminals take at once by OSC 52, at the least: a hundred thousand letters of base64."""

_GLANCE_SECONDS: Final = 0.1
_SHOWN_LETTERS: Final = 4
_COVER: Final = "QQQQQQ"
"""Stands for what is masked until it is written: no format escapes it."""


class Generates(Protocol):
    """Sends orders: a session, or what stands for one."""

    async def generate(
        self, order: Order, harvest: Harvest | None = None, *, priority: Priority = "normal"
    ) -> Delivery:
        """Check an order and send it."""
        ...


@dataclass(slots=True)
class Made:
    """What has come so far.

    Attributes:
        asked: How many are wanted in all.
        coming: Those of the call that is under way.
        repeats: How many were left out because they repeat another one.
    """

    asked: int
    facts: BatchFacts | None = None
    calls: int = 0
    coming: int = 0
    repeats: int = 0
    inventories: list[Inventory] = field(default_factory=list, repr=False)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.inventories))

    @property
    def is_demo(self) -> bool:
        """Whether none of them works (C-068)."""
        return self.facts is not None and self.facts.is_demo


async def make(generates: Generates, order: Order, made: Made) -> None:
    """Send the order, and fill `made` while the answers come.

    Raises:
        ResiFactoryError: what the API or the network said; what came before is kept.
    """
    for first in range(0, made.asked, MAX_QUANTITY):
        part = replace(order, quantity=min(made.asked - first, MAX_QUANTITY))
        harvest = Harvest()
        sending = asyncio.ensure_future(
            generates.generate(part, harvest, priority="normal" if first else "interactive")
        )
        try:
            while not sending.done():
                await asyncio.wait({sending}, timeout=_GLANCE_SECONDS)
                made.coming = harvest.count
        finally:
            sending.cancel()
        delivery = await sending
        found = await asyncio.to_thread(delivery.proxies.distinct)
        made.coming = 0
        made.calls += 1
        made.facts = delivery.facts
        made.repeats += len(delivery.proxies) - len(found)
        made.inventories.append(found)
        if made.is_demo:
            return


def shown(made: Made, name: str, number: int, *, revealed: bool) -> list[str]:
    """Return the first lines in a format, with stars in place of user names and passwords.

    Args:
        revealed: Write them as they are.

    Raises:
        OrderError: a credential cannot be written in that format.
    """
    first = next((inventory for inventory in made.inventories if len(inventory)), Inventory())
    part = first[: max(0, number)]
    if not revealed:
        part = Inventory.of(map(_masked, part))
    lines = [line for piece in listing.write(part, name) for line in piece]
    return lines if revealed else [line.replace(_COVER, STARS) for line in lines]


def copied(made: Made, name: str) -> tuple[str, int]:
    """Return as many credentials as a terminal's clipboard takes, and how many that are.

    Raises:
        OrderError: a credential cannot be written in that format.
    """
    kept: list[str] = []
    room = MOST_COPIED_BYTES - 8
    for lines in _written(made, name):
        for line in lines:
            room -= len(line.encode()) + 2
            if room < 0:
                return _joined(kept, name), len(kept)
            kept.append(line)
    return _joined(kept, name), len(kept)


def export(made: Made, name: str, file: Path) -> int:
    """Write all of them to a file of mode 0600, whole or not at all; return how many.

    Takes a while with many: run it in a thread.

    Raises:
        OSError: it cannot be written there.
        OrderError: a credential cannot be written in that format.
    """
    with private_draft(file) as stream:
        _print(made, name, stream)
    return made.count


def reason(error: ResiFactoryError | OSError) -> str:
    """Say what went wrong, and the way out."""
    if isinstance(error, OSError):
        return f"{error.filename or 'The file'}: {error.strerror or error}."
    return str(error)


def _print(made: Made, name: str, sink: Sink) -> None:
    printer = Printer(sink, name, in_object=False)
    for lines in _written(made, name):
        printer.write(lines)
    printer.end(None)


def _written(made: Made, name: str) -> Iterator[list[str]]:
    for inventory in made.inventories:
        yield from listing.write(inventory, name)


def _joined(lines: list[str], name: str) -> str:
    sink = BytesIO()
    printer = Printer(sink, name, in_object=False)
    printer.write(lines)
    printer.end(None)
    return sink.getvalue().decode()


def _masked(proxy: Proxy) -> Proxy:
    """The same gateway, and of its user's name no more than its beginning."""
    name = proxy.username[:_SHOWN_LETTERS] if len(proxy.username) > 2 * _SHOWN_LETTERS else ""
    safe = "".join(char for char in name if char.isalnum() and char.isascii())
    return replace(proxy, username=safe + _COVER, password=Secret(_COVER))
