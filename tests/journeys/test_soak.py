"""Real minutes: sixteen processes share one key's windows and are never refused."""

import sys
import time

import pytest
from support.descriptors import assert_none_lost, crawl_within
from support.hammers import Hammers, share_used

from rf_sandbox.sandbox import Sandbox

PROCESSES = 16
WINDOW = 60.0
HOUR = 3_600
LIMITS = {"proxies": 20, "me": 120}
SECONDS = 3.6 * WINDOW


@pytest.mark.soak
@pytest.mark.parametrize("algorithm", ["log", "log_1s", "fixed"])
def test_three_windows_of_hammering_are_never_refused(algorithm, tmp_path, capsys):
    """C-120 C-121 C-129: both groups at once, the server's clock an hour off."""
    with Sandbox(seed=5) as sandbox, Hammers(sandbox, tmp_path, WINDOW) as hammers:
        sandbox.limit(algorithm=algorithm)
        hammers.start(PROCESSES, 600, 0, 1)
        for skew in (HOUR, -HOUR):
            sandbox.switch(clock_skew_seconds=skew)
            time.sleep(SECONDS / 2)
        violations = sandbox.state()["violations"]
        arrivals = {path: hammers.arrivals(path) for path in LIMITS}
    shares = {path: share_used(arrivals[path], LIMITS[path], WINDOW) for path in LIMITS}
    counts = {path: len(times) for path, times in arrivals.items()}
    with capsys.disabled():
        sys.stdout.write(f"\n{algorithm}: {violations=}, {counts}, {shares}\n")
    assert violations == 0
    assert all(times[-1] - times[0] >= 3 * WINDOW for times in arrivals.values())
    assert min(shares.values()) >= 0.95


@pytest.mark.soak
def test_fifty_thousand_requests_within_256_descriptors_lose_none(tmp_path, capsys):
    with Sandbox(seed=25) as sandbox:
        sandbox.limit(generate=1_000)
        done = crawl_within(
            tmp_path, sandbox, descriptors=256, count=50_000, seconds=1_800,
            RF_ROTATE=20, RF_QUANTITY=2_000,
        )  # fmt: skip
    assert_none_lost(tmp_path, done, 50_000)
    told = ("elapsed_time_seconds", "descriptors/most", "rf/exits/distinct", "rf/tunnels")
    with capsys.disabled():
        sys.stdout.write(f"\n{ {name: done.stats[name] for name in told} }\n")
