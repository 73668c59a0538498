"""A program in a terminal of its own: what it drew, what it sent, how it ended."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pyte


class Terminal:
    """Runs a program on a pseudo-terminal and draws what it sends on a screen in memory.

    Args:
        redirected: Standard streams that lead elsewhere: name → file object or constant.
    """

    def __init__(self, arguments, *, env, cwd=None, width=80, height=24, redirected=None):
        self.screen = pyte.Screen(width, height)
        self.sent = b""
        self._stream = pyte.ByteStream(self.screen)
        self._ours, theirs = pty.openpty()
        self.settings_before = termios.tcgetattr(theirs)
        self.resize(width, height)
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs} | (redirected or {})
        self._process = subprocess.Popen(
            arguments, env=env, cwd=cwd, start_new_session=True, **streams
        )
        self._theirs = theirs

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        for descriptor in (self._ours, self._theirs):
            os.close(descriptor)

    def resize(self, width, height):
        """Change the size, as a person who drags a corner does."""
        self.screen.resize(height, width)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys):
        os.write(self._ours, keys.encode())

    def signal(self, number):
        os.kill(self._process.pid, number)

    @property
    def text(self):
        return "\n".join(self.screen.display)

    @property
    def settings(self):
        """How the terminal is set now, to compare with `settings_before`."""
        return termios.tcgetattr(self._theirs)

    @property
    def pid(self):
        return self._process.pid

    @property
    def is_running(self):
        return self._process.poll() is None

    def take(self, seconds):
        """Take what comes within that time without drawing it; tell whether something came."""
        ready, _, _ = select.select([self._ours], [], [], seconds)
        data = os.read(self._ours, 65_536) if ready else b""
        self.sent += data
        return data

    def read(self, seconds):
        """Draw what comes within that time."""
        data = self.take(seconds)
        if data:
            # The screen in memory does not know private modes with a `$` or a `>`.
            self._stream.feed(re.sub(rb"\x1b\[[?>][\d;]*(?:\$p|u)", b"", data))

    def settle(self, quiet=0.1):
        """Draw until nothing has come for that long: one picture may come in several pieces."""
        for _ in range(100):
            sent = len(self.sent)
            self.read(quiet)
            if len(self.sent) == sent:
                return

    def wait_for(self, pattern, seconds=60.0):
        """Read until the screen shows it, and the rest of the picture with it."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < deadline, f"no {pattern!r} on:\n{self.text}"
            assert self._process.poll() is None, f"it ended before {pattern!r}:\n{self.text}"
            self.read(0.05)
        self.settle()
        return found

    def end(self, seconds=60.0):
        """Read until it has ended; return its exit code."""
        deadline = time.monotonic() + seconds
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on:\n{self.text}"
            self.read(0.05)
        self.settle()
        return self._process.returncode

    def vanish(self, seconds=60.0):
        """Take the terminal away, and no signal says so; return the program's exit code."""
        os.close(self._ours)
        self._ours = os.open(os.devnull, os.O_RDONLY)
        return self._process.wait(seconds)
