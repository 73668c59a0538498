"""`rf sandbox` as a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

COMMAND = [sys.executable, "-c", "from rf_tui.cli.main import run; raise SystemExit(run())"]
TIMEOUT = 30


@contextlib.contextmanager
def started(*options, **popen):
    """`rf sandbox` with its ready document, stopped at the end whatever happens."""
    process = subprocess.Popen(
        [*COMMAND, "sandbox", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=TIMEOUT)


def run(*options):
    return subprocess.run(
        [*COMMAND, "sandbox", *options],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
