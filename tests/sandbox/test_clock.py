import time

import pytest
from support.sandboxes import TurnedClock, api_of, proxies_of
from support.wire import Wire

from rf_sandbox.clock import Clock, read_pace
from rf_sandbox.sandbox import Sandbox


def test_a_real_clock_tells_the_machines_time_and_can_be_turned():
    clock = Clock()
    assert abs(clock() - time.time()) < 1
    before = clock()
    clock.advance(3_600)
    assert 3_600 <= clock() - before < 3_601
    assert repr(clock) == "<Clock pace 1, advanced 3600 s>"


def test_a_virtual_clock_stands_still_and_a_scaled_one_runs():
    source = TurnedClock(1_000.0)
    virtual, scaled = Clock(0.0, source), Clock(60.0, source)
    source.now += 2
    assert (virtual(), scaled()) == (1_000.0, 1_120.0)
    virtual.advance(0.5)
    assert virtual() == 1_000.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
def test_time_does_not_go_back_nor_to_the_end(seconds):
    clock = Clock()
    with pytest.raises(ValueError, match="advance takes seconds from 0"):
        clock.advance(seconds)
    assert clock.advanced == 0


@pytest.mark.parametrize(
    ("text", "pace"), [("real", 1.0), ("virtual", 0.0), ("scaled:60", 60.0), ("scaled:0.5", 0.5)]
)
def test_three_kinds_of_clock(text, pace):
    assert read_pace(text) == pace


@pytest.mark.parametrize(
    "text", ["", "fast", "scaled", "scaled:", "scaled:0", "scaled:-1", "real:2"]
)
def test_any_other_is_said(text):
    with pytest.raises(ValueError, match="real, virtual, or scaled:N"):
        read_pace(text)


def exit_of(sandbox, credential):
    with Wire(sandbox.gateway) as wire:
        return wire.get(f"{sandbox.site_http}/ip", credential).body


def test_a_day_of_sessions_and_windows_takes_a_moment():
    """C-162, C-163, C-120"""
    started = time.monotonic()
    with Sandbox(clock="virtual") as sandbox, api_of(sandbox) as api:
        (credential,) = proxies_of(sandbox, proxyType="sticky", sessionDuration=30)
        exits = []
        for _ in range(48):
            exits.append(exit_of(sandbox, credential))
            sandbox.advance(15 * 60)
            exits.append(exit_of(sandbox, credential))
            sandbox.advance(15 * 60)
            assert api.post("/proxies", json={"quantity": 1}).status_code == 200
        assert exits[0::2] == exits[1::2]
        assert len(set(exits)) == 48
        rows = sandbox.traffic()["traffic"]
        assert rows[-1]["started"] - rows[0]["started"] == 86_400 - 15 * 60
        assert sandbox.state()["violations"] == 0
    assert time.monotonic() - started < 30


def test_windows_stand_still_with_the_clock():
    """C-120, C-126"""
    with Sandbox(clock="virtual") as sandbox, api_of(sandbox) as api:
        for _ in range(20):
            assert api.post("/proxies", json={"quantity": 1}).status_code == 200
        refused = api.post("/proxies", json={"quantity": 1})
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        sandbox.advance(59.9)
        assert api.post("/proxies", json={"quantity": 1}).headers["Retry-After"] == "1"
        sandbox.advance(0.1)
        assert api.post("/proxies", json={"quantity": 1}).status_code == 200
