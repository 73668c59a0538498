"""A `state.db` that is deleted, replaced or held while something watches: said, and got over."""

import re
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from support.crawls import environment
from support.holding import held
from support.invoking import RUN
from support.terminals import Terminal

from rf_core.io.recordings import Recording
from rf_core.io.state import SCHEMA
from rf_sandbox.sandbox import Sandbox
from rf_tui.cli.exit_codes import ExitCode


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=15) as running:
        yield running


@pytest.fixture
def database(tmp_path):
    return tmp_path / "state" / "state.db"


@pytest.fixture
def rf(tmp_path, sandbox):
    """Open `rf` in a terminal wide enough for a sentence with a path in it."""

    def opened(*arguments):
        return Terminal(
            [sys.executable, "-c", RUN, *arguments],
            env=environment(tmp_path, sandbox) | {"TERM": "xterm-256color"},
            cwd=tmp_path,
            width=200,
        )

    return opened


class Lines:
    """What a process writes, as it comes."""

    def __init__(self, stream):
        self.text = ""
        self._came = threading.Condition()
        self._reading = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reading.start()

    def _read(self, stream):
        for line in stream:
            with self._came:
                self.text += line
                self._came.notify_all()

    def wait_for(self, pattern, seconds=60.0):
        with self._came:
            found = self._came.wait_for(lambda: re.search(pattern, self.text), seconds)
            assert found, f"no {pattern!r} in:\n{self.text}"
            self.text = self.text[found.end() :]

    def end(self):
        self._reading.join(60)


@pytest.fixture
def process(tmp_path, sandbox):
    """Start `rf` with its output in pipes."""
    started = []

    def start(*arguments):
        running = subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            env=environment(tmp_path, sandbox) | {"PYTHONUNBUFFERED": "1"},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(running)
        return running, Lines(running.stdout)

    yield start
    for running in started:
        running.kill()
        running.wait(60)
        running.stdout.close()


def aged(path, version):
    file = sqlite3.connect(path)
    file.execute(f"PRAGMA user_version = {version}")
    file.commit()
    file.close()


def replaced(path):
    """Put a newer version's file in its place, at a stroke; return where the one before is."""
    newer, away = path.with_name("newer.db"), path.with_name("away.db")
    aged(newer, SCHEMA + 1)
    away.hardlink_to(path)
    newer.replace(path)
    return away


def test_a_monitor_goes_on_whatever_becomes_of_the_state(rf, database):
    with rf() as terminal:
        terminal.wait_for(r"premium +\d\.\d{4} GB[^✗]*● live|● live[^✗]*premium +\d\.\d{4} GB")
        database.unlink()
        terminal.wait_for(r"was deleted or\s+replaced")
        terminal.wait_for(r"● live[^✗]*premium +\d\.\d{4} GB")
        away = replaced(database)
        terminal.wait_for(r"○ stale[^✓]*written by a\s+newer\s+version[^✓]*premium +\d\.\d{4} GB")
        away.replace(database)
        terminal.wait_for(r"● live[^✗]*premium +\d\.\d{4} GB")
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE
        assert b"Traceback" not in terminal.sent


def test_a_monitor_says_that_the_state_is_held_and_leaves_at_once(rf, database):
    with rf() as terminal:
        terminal.wait_for("● live")
        with held(database):
            terminal.press("r")
            terminal.wait_for(r"○ stale[^✓]*locked[^✓]*premium")
        terminal.wait_for("● live")
        with held(database):
            terminal.press("q")
            assert terminal.end(60.0) == ExitCode.DONE
        assert b"Traceback" not in terminal.sent


def test_a_monitor_that_cannot_begin_begins_when_it_can(rf, database):
    database.parent.mkdir(mode=0o700)
    aged(database, SCHEMA + 1)
    with rf() as terminal:
        terminal.wait_for(r"newer version[^✓]*tried\s+again\s+by\s+itself")
        database.unlink()
        terminal.wait_for(r"● live[^✗]*premium +\d\.\d{4} GB")
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE


def test_plain_lines_go_on_and_say_it_once(process, database):
    running, lines = process("monitor", "--plain", "--interval", "0.2")
    lines.wait_for("pool=premium left_bytes=[0-9]")
    database.unlink()
    lines.wait_for("warning: .*was deleted or replaced")
    lines.wait_for("pool=premium left_bytes=[0-9]")
    away = replaced(database)
    lines.wait_for("error: .*newer version")
    lines.wait_for("pool=premium left_bytes=[0-9]")
    away.replace(database)
    lines.wait_for("over: .*newer version")
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == ExitCode.INTERRUPTED
    lines.end()
    assert "Traceback" not in lines.text


def test_a_recording_goes_on_over_a_lost_state_and_when_its_own_file_is_moved(
    process, database, tmp_path
):
    path, away = tmp_path / "night.rec", tmp_path / "away.rec"
    running, lines = process("record", str(path), "--interval", "0.2")
    lines.wait_for("Recording to")
    wait_for_frames(path, 2)
    database.unlink()
    path.rename(away)
    wait_for_frames(path, 2)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == ExitCode.INTERRUPTED
    lines.wait_for("frames, .* in ")
    assert "Traceback" not in lines.text
    for one in (path, away):
        with Recording(one) as recording:
            assert len(recording.moments()) >= 2
            assert [pool.id for pool in recording.at(recording.end).pools] == ["premium", "mobile"]


def test_a_recording_waits_for_its_place_to_be_usable_and_says_so_once(process, tmp_path):
    folder = tmp_path / "tapes"
    folder.mkdir()
    path = folder / "night.rec"
    running, lines = process("record", str(path), "--interval", "0.2")
    lines.wait_for("Recording to")
    wait_for_frames(path, 1)
    folder.rename(tmp_path / "elsewhere")
    lines.wait_for("rf: .*cannot be used")
    folder.mkdir()
    lines.wait_for("It records again")
    wait_for_frames(path, 1)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == ExitCode.INTERRUPTED


def wait_for_frames(path, number):
    """Wait until so many are in the file, as another process reads it."""
    watch = threading.Event()
    for _ in range(1_200):
        if path.exists():
            file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            try:
                if file.execute("SELECT COUNT(*) FROM frames").fetchone()[0] >= number:
                    return
            except sqlite3.OperationalError:
                pass  # it is just being made
            finally:
                file.close()
        watch.wait(0.05)
    pytest.fail(f"no {number} frames in {path}")
