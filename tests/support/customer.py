"""A process with an account of its own opening: does what it is told, a line of JSON each time.

Says "ready" when its session is open. `{"do": "discovery"}` fetches what is listed;
`{"do": "deliver", "order": {…}, "fresh": false}` orders. Answers with one line: what came, or which
error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from rf_core.errors import ResiFactoryError
from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.models import Order


async def discovery(session: Session, told: dict[str, Any]) -> dict[str, Any]:
    found, fetched_at = await session.discovery(refresh=told.get("refresh", False))
    return {"pools": [pool.id for pool in found.pools], "fetched_at": fetched_at}


async def deliver(session: Session, told: dict[str, Any]) -> dict[str, Any]:
    delivery = await session.deliver(Order(**told["order"]), fresh=told.get("fresh", False))
    names = [proxy.username for proxy in delivery.proxies]
    return {"names": names, "pool": delivery.facts.pool, "country": delivery.facts.country}


WORK = {"discovery": discovery, "deliver": deliver}


async def main() -> None:
    loop = asyncio.get_running_loop()
    async with Session(load_settings(), holder="customer") as session:
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            told = json.loads(line)
            try:
                said = await WORK[told["do"]](session, told)
            except ResiFactoryError as error:
                said = {"error": type(error).__name__, "message": str(error)}
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
