"""Several processes, one key: real sockets, real files, real seconds."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rf_core.governor import margin_seconds
from rf_sandbox.sandbox import Sandbox

HAMMER = Path(__file__).parents[1] / "support" / "hammer.py"
WINDOW = 2.0
LIMIT = 12


@pytest.fixture
def sandbox():
    with Sandbox(seed=13) as running:
        running.limit(generate=LIMIT, window_seconds=WINDOW)
        yield running


@pytest.fixture
def start(sandbox, tmp_path):
    """Start a process that hammers for so many seconds; none outlives the test."""
    started = []

    def hammer(seconds):
        env = {name: value for name, value in os.environ.items() if not name.startswith("RF_")}
        env |= sandbox.ready["env"] | {
            "RF_STATE_DIR": str(tmp_path / "state"),
            "RF_CACHE_DIR": str(tmp_path / "cache"),
            "RF_CONFIG": str(tmp_path / "none.toml"),
        }
        process = subprocess.Popen(
            [sys.executable, HAMMER, str(seconds), str(WINDOW)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield hammer
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def made(process):
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return int(output.split()[-1])


def arrivals(sandbox):
    calls = sandbox.journal()["calls"]
    return [call["at"] for call in calls if call["path"].endswith("/proxies")]


def test_together_they_use_the_window_and_never_overrun_it(sandbox, start):
    """C-120 C-121: one is killed on the way, and its slots come back with their lease."""
    processes = [start(9) for _ in range(4)]
    killed = start(9)
    assert killed.stdout.readline() == "begun\n"
    time.sleep(1.5)
    killed.send_signal(signal.SIGKILL)
    total = sum(made(process) for process in processes)
    assert sandbox.state()["violations"] == 0
    times = arrivals(sandbox)
    assert len(times) >= total
    cycles = (times[-1] - times[0]) / (WINDOW + margin_seconds(WINDOW))
    assert cycles > 2, "it took several windows"
    assert len(times) >= 0.9 * LIMIT * int(cycles), "and they were used"
