"""What stands for the API where only an order's credentials matter."""

import asyncio

from rf_core.errors import TransportError
from rf_core.inventory import BatchFacts, Delivery, Inventory
from rf_core.models import Proxy
from rf_core.redaction import Secret
from rf_tui.making import Made

CANARY = "canary-password"


def proxies(number, *, username="user-country-us-session-{}", password=CANARY, first=0):
    return [
        Proxy("gw.example", 8000, username.format(n), Secret(password))
        for n in range(first, first + number)
    ]


class Api:
    """Answers orders with as many credentials as it is told to, and notes what it was asked."""

    def __init__(self, *, sends=None, is_demo=False, fails_at=None):
        self.gate = None
        self.sends = sends
        self.is_demo = is_demo
        self.fails_at = fails_at
        self.asked = []

    async def generate(self, order, harvest=None, *, priority="normal"):
        self.asked.append((order.quantity, priority))
        if len(self.asked) == self.fails_at:
            raise TransportError("The connection broke.", sent=True)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        found = proxies(self.sends or min(order.quantity, 9))
        facts = BatchFacts(len(found), "us", self.is_demo, order.pool or "premium", "json")
        return Delivery(Inventory.of(found), facts)


def made_of(found):
    return Made(len(found), BatchFacts(len(found), "us", False, "premium", "json"), 1, 0, 0,
                [Inventory.of(found)])  # fmt: skip
