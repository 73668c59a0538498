"""Sixteen processes, one key: real sockets, real files, real seconds.

Windows are 3 s on both sides, a twentieth of the real ones; so is the ledger's margin. `make soak`
does the same with real minutes.
"""

import random
import signal
import time

import pytest
from support.hammers import Hammers, share_used

from rf_sandbox.sandbox import Sandbox

PROCESSES = 16
WINDOW = 3.0
LIMIT = 20
HOUR = 3_600
ALGORITHMS = ["log", "log_1s", "fixed"]
PHASE_SECONDS = 3.2 * WINDOW


@pytest.fixture
def sandbox():
    with Sandbox(seed=13) as running:
        running.limit(generate=LIMIT, window_seconds=WINDOW)
        yield running


def test_sixteen_processes_use_the_window_and_never_overrun_it(sandbox, tmp_path):
    """C-120 C-121 C-124 C-129: three full windows of each kind, the server's clock an hour off.

    First ahead, then behind, and nothing is measured anew in between.
    """
    with Hammers(sandbox, tmp_path, WINDOW) as hammers:
        hammers.start(PROCESSES, 60)
        time.sleep(WINDOW)
        for algorithm in ALGORITHMS:
            sandbox.limit(algorithm=algorithm)
            before = len(hammers.arrivals())
            for skew in (HOUR, -HOUR):
                sandbox.switch(clock_skew_seconds=skew)
                time.sleep(PHASE_SECONDS / 2)
            times = hammers.arrivals()
            assert sandbox.state()["violations"] == 0, algorithm
            assert len(times) - before >= 3 * LIMIT, algorithm
            assert share_used(times, LIMIT, WINDOW, since=times[before]) >= 0.95, algorithm


def test_a_killed_process_loses_no_slot_for_longer_than_its_lease(sandbox, tmp_path):
    """C-120: half of them die, at any moment; the others have the whole window again."""
    lease, chance = 1.0, random.Random(7)
    with Hammers(sandbox, tmp_path, WINDOW) as hammers:
        hammers.start(PROCESSES, 60, lease)
        for process in hammers.started[: PROCESSES // 2]:
            time.sleep(chance.uniform(0.0, 0.3))
            process.send_signal(signal.SIGKILL)
        time.sleep(lease + 2.2 * WINDOW)
        assert [process.poll() for process in hammers.started[PROCESSES // 2 :]] == [None] * 8
        times = hammers.arrivals()
        assert times[-1] - times[-1 - LIMIT] < 1.1 * WINDOW, "the last lap had every slot"
        assert sandbox.state()["violations"] == 0
