"""Real minutes: several processes share one key's window and are never refused."""

import subprocess
import sys
import textwrap

import pytest
from support.crawls import environment

from rf_sandbox.sandbox import Sandbox

HAMMER = textwrap.dedent(
    """
    import asyncio, sys, time
    from rf_core.errors import ResiFactoryError
    from rf_core.io.configuration import load_settings
    from rf_core.io.session import Session

    async def main(seconds):
        async with Session(load_settings(), holder="hammer") as session:
            end, calls = time.monotonic() + seconds, 0
            while time.monotonic() < end:
                try:
                    await session.client.me()
                    calls += 1
                except ResiFactoryError:
                    pass
            print(calls)

    asyncio.run(main(float(sys.argv[1])))
    """
)
LIMIT = 60
SECONDS = 190


@pytest.mark.soak
def test_three_windows_of_hammering_are_never_refused(tmp_path):
    """C-120, C-121, C-130: the limit is learned from the headers."""
    with Sandbox(seed=5) as sandbox:
        sandbox.limit(reads=LIMIT)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", HAMMER, str(SECONDS)],
                env=environment(tmp_path, sandbox),
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        calls = [int(process.communicate(timeout=SECONDS + 90)[0] or 0) for process in processes]
        assert sandbox.state()["violations"] == 0
        # A slot is held a second longer than the server's window, and for its call's own time.
        assert sum(calls) >= 0.9 * LIMIT * (SECONDS // 60), calls
