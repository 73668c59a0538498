"""The demo as a person sees it: in a real terminal, twice, ten seconds apart. Needs tmux."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

TMUX = shutil.which("tmux")
RF = Path(sys.executable).with_name("rf")


@pytest.fixture
def terminal(request):
    """A tmux server of our own with one window; yields (send, look)."""
    if TMUX is None:
        pytest.fail("this journey needs tmux: install it, or run make test instead")
    width, height = request.param
    socket = f"rf-journey-{width}"

    def tmux(*arguments):
        return subprocess.run(
            [TMUX, "-L", socket, *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout

    command = f"TERM=tmux-256color {RF} demo; echo EXIT=$?; sleep 60"
    tmux("new-session", "-d", "-x", str(width), "-y", str(height), command)
    yield lambda keys: tmux("send-keys", keys), lambda: tmux("capture-pane", "-p")
    tmux("kill-server")


def wait_for(look, pattern, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = re.search(pattern, look())
        if found:
            return found
        time.sleep(0.2)
    return pytest.fail(f"{pattern!r} did not appear:\n{look()}")


@pytest.mark.parametrize("terminal", [(80, 24), (120, 40)], indirect=True, ids=str)
def test_the_balance_falls_between_two_looks_and_the_meters_agree(terminal):
    send, look = terminal
    wait_for(look, r"catalogue +running", 20)
    balance = r"premium +([0-9.]+) MB"
    requests = r"catalogue +running +[0-9.]+ .B/s +[0-9.]+ .?B +([0-9,]+)"
    first = wait_for(look, balance, 10)[1], wait_for(look, requests, 10)[1]
    time.sleep(10)
    second = wait_for(look, balance, 5)[1], wait_for(look, requests, 5)[1]
    assert float(second[0]) < float(first[0])
    assert int(second[1].replace(",", "")) > int(first[1].replace(",", ""))
    screen = look()
    assert re.search(r"generate +\d+ of 20", screen)
    assert re.search(r"reads +\d+ of 120", screen)
    send("?")
    wait_for(look, "KEYS", 5)
    send("Escape")
    # Until it has been taken, a terminal would read Escape and p as Alt+P.
    wait_for(look, "POOL", 5)
    send("p")
    wait_for(look, "PAUSED", 5)
    send("p")
    send("q")
    wait_for(look, "agree to the byte", 30)
    wait_for(look, "EXIT=0", 5)
