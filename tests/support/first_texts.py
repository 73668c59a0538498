"""How long a program takes to its first text on a terminal, and what it takes while it idles."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from pathlib import Path

from support.terminals import Terminal

_STEERING = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[P_^].*?\x1b\\|\x1b[\[?>][0-9;:?>$<=]*[ -/]*[@-~]"
    rb"|\x1b[()][A-Z0-9]|\x1b.|[\x00-\x20\x7f]",
    re.DOTALL,
)
_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def letters(sent: bytes) -> int:
    """Count what was printed that is not empty and steers nothing."""
    alternate = sent.rfind(b"\x1b[?1049h")
    return len(_STEERING.sub(b"", sent[max(alternate, 0) :])) if alternate >= 0 else 0


def first_text(command, env, *, cwd=None, width=120, height=40, limit=60.0):
    """Start it in a terminal; return seconds to its first text, by the clock and of processors."""
    began = time.perf_counter()
    with _opened(command, env, cwd, width, height) as terminal:
        while not letters(terminal.sent):
            assert time.perf_counter() - began < limit, f"{command[0]} shows nothing"
            assert terminal.is_running, f"{command} ended:\n{terminal.text}"
            _drain(terminal, 0.005)
        return time.perf_counter() - began, _spent(terminal.pid)


def idle(command, env, *, cwd=None, width=120, height=40, settle=8.0, seconds=15.0):
    """Let it stand; return the part of a processor it takes, and its bytes in memory."""
    with _opened(command, env, cwd, width, height) as terminal:
        _drain(terminal, settle)
        assert terminal.is_running, f"{command} ended:\n{terminal.text}"
        before, began = _spent(terminal.pid), time.perf_counter()
        _drain(terminal, seconds)
        assert terminal.is_running, f"{command} ended:\n{terminal.text}"
        spent = _spent(terminal.pid) - before
        return spent / (time.perf_counter() - began), _resident(terminal.pid)


@contextlib.contextmanager
def _opened(command, env, cwd, width, height):
    with Terminal(command, env=env, cwd=cwd, width=width, height=height) as terminal:
        try:
            yield terminal
        finally:
            for pid in _family(terminal.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _drain(terminal, seconds):
    """Take what it sends, and draw nothing of it: that would be our own time."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0 and terminal.is_running:
        if terminal.take(left) and seconds < 1:
            return


def _family(pid):
    """A process and all that it has started."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _spent(pid):
    total = 0
    for one in _family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / _TICK


def _resident(pid):
    total = 0
    for one in _family(pid):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return total * _PAGE
