"""A recording played: its clock, its keys, its commands."""

import json
import sqlite3
from dataclasses import replace

import pytest
from support import snapshots
from support.snapshots import NOW

from rf_core.io.recorder import Recorder
from rf_core.io.recordings import Recording
from rf_sandbox.sandbox import Sandbox
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.keys import REPLAY_KEYS
from rf_tui.replay import SPEEDS, Replay
from rf_tui.replay_app import ReplayApp
from rf_tui.screens.help import help_text
from rf_tui.widgets.canvas import Canvas


@pytest.fixture
def path(tmp_path):
    """A hundred seconds of a crawl whose requests tell the second."""
    shown = snapshots.busy()
    with Recorder(tmp_path / "a.rec") as recorder:
        for second in range(101):
            crawl = replace(shown.crawls[0], requests=1_000 + second, updated_at=NOW + second)
            recorder.write(replace(shown, taken_at=NOW + second, crawls=(crawl,)))
    return tmp_path / "a.rec"


@pytest.fixture
def recording(path):
    with Recording(path) as opened:
        yield opened


class Hand:
    """A clock that is turned by hand."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


async def test_it_plays_at_its_speed_and_stands_still_at_the_end(recording):
    tick = Hand()
    replay = Replay(recording, speed=10, tick=tick)
    assert (await replay.snapshot()).crawls[0].requests == 1_000
    tick.seconds = 2.5
    assert (await replay.snapshot()).crawls[0].requests == 1_025
    assert "x10" in replay.label
    tick.seconds = 50
    assert replay.now() == NOW + 100
    assert replay.label.endswith("end")


def test_it_begins_anywhere_moves_and_is_held(recording):
    tick = Hand()
    replay = Replay(recording, begin=NOW + 50, tick=tick)
    replay.seek(-20)
    assert replay.now() == NOW + 30
    tick.seconds = 5
    replay.hold(held=True)
    tick.seconds = 20
    assert replay.now() == NOW + 35
    replay.seek(10)
    assert replay.now() == NOW + 45
    replay.hold(held=False)
    tick.seconds = 21
    assert replay.now() == NOW + 46
    replay.seek(-1_000)
    assert replay.now() == NOW


def test_speeds_are_steps_with_ends(recording):
    replay = Replay(recording, speed=7, tick=Hand())
    for _ in range(20):
        replay.faster(1)
    assert f"x{SPEEDS[-1]:g}" in replay.label
    for _ in range(20):
        replay.faster(-1)
    assert f"x{SPEEDS[0]:g}" in replay.label


async def test_keys_move_in_the_recording_even_while_it_stands_still(recording):
    tick = Hand()
    replay = Replay(recording, tick=tick)
    app = ReplayApp(replay, interval=None)
    async with app.run_test(size=(100, 30)) as pilot:
        shown = app.screen_stack[0].query_one(Canvas)

        async def settled():
            await app.workers.wait_for_complete()
            await pilot.pause()

        await settled()
        assert "replay" in shown.text.splitlines()[0]
        assert all(key.meaning in help_text(app.keys, 100) for key in REPLAY_KEYS)
        assert "1,000" in shown.text
        await pilot.press("right", "right")
        await settled()
        assert "1,020" in shown.text
        await pilot.press("p", "left")
        await settled()
        assert "1,010" in shown.text
        assert "PAUSED" in shown.text
        await pilot.press("space", "plus")
        await settled()
        assert "PAUSED" not in shown.text
        assert "x2" in shown.text
        tick.seconds += 10
        app._tick()
        await settled()
        assert "1,030" in shown.text


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=4) as running:
        yield running


def test_a_line_for_each_frame(rf, path):
    lines = rf("replay", str(path), "--plain").stdout.splitlines()
    assert len(lines) == 101
    assert "requests=1100" in lines[-1]
    assert len(rf("replay", str(path), "--plain", "--from", "+90").stdout.splitlines()) == 11


def test_one_look_at_one_moment_and_its_facts(rf, path):
    assert "1,100" in rf("replay", str(path), "--once").stdout
    document = json.loads(rf("monitor", "--replay", str(path), "--json").stdout)
    assert document["crawls"][0]["requests"] == 1_100
    document = json.loads(rf("replay", str(path), "--json", "--from", "+7").stdout)
    assert document["crawls"][0]["requests"] == 1_007


@pytest.mark.parametrize(
    ("begin", "said"), [("yesterday", "is no time"), ("+1000", "goes from"), ("1999-01-01", "goes")]
)
def test_a_moment_that_is_none_is_one_sentence(rf, path, begin, said):
    done = rf("replay", str(path), "--once", "--from", begin)
    assert done.returncode == ExitCode.USAGE
    assert said in done.stderr


def test_rf_record_writes_what_is_seen_and_no_secret(rf, tmp_path):
    path = tmp_path / "live.rec"
    done = rf("record", str(path), "--seconds", "0.6", "--interval", "0.2")
    assert done.returncode == ExitCode.DONE
    assert "frames" in done.stderr
    assert "premium" in rf("replay", str(path), "--once").stdout
    with Recording(path) as recording:
        assert len(recording.moments()) >= 2
    file = sqlite3.connect(path)
    assert file.execute("SELECT COUNT(*) FROM balances").fetchone()[0] >= 1
    file.close()
