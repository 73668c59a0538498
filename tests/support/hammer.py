"""Calls the API as often as the window lets it, in a process of its own.

Usage: hammer.py SECONDS WINDOW_SECONDS; the account comes from the environment. Prints a line when
it begins, and how many calls it made at the end.
"""

import asyncio
import sys
import time

from rf_core.errors import DeadlineError
from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.models import Order


async def main(seconds: float, window_seconds: float) -> None:
    end = time.monotonic() + seconds
    made = 0
    async with Session(load_settings(), holder="hammer", window_seconds=window_seconds) as session:
        print("begun", flush=True)
        while (left := end - time.monotonic()) > 0:
            session.client._deadline_seconds = left
            try:
                await session.client.generate(Order())
            except DeadlineError:
                break
            made += 1
    print(made, flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), float(sys.argv[2])))
