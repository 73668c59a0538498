"""The clocks of the machine, and what loading the core costs."""

import subprocess
import sys

import pytest

from rf_core.io.clock import SystemClock


def in_another_process(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


def test_processes_share_one_clock_since_one_boot():
    code = (
        "from rf_core.io.clock import SystemClock\n"
        "print(SystemClock().boottime(), SystemClock().boot_id(), sep='|')"
    )
    before = SystemClock().boottime()
    other, boot = in_another_process(code).split("|")
    assert before <= float(other) <= SystemClock().boottime()
    assert boot == SystemClock().boot_id()


async def test_sleeping_lets_time_pass():
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() > before


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("rf_core", {"httpx", "diskcache", "msgspec", "sqlite3", "asyncio"}),
        ("rf_core.io.sources", {"httpx", "textual", "scrapy", "rf_sandbox"}),
    ],
)
def test_what_is_heavy_is_loaded_late(module, absent):
    code = f"import sys, {module}; print(*(set(sys.modules) & set({absent!r})))"
    assert in_another_process(code) == ""
