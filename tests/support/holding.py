"""Another process that holds a database, as a back-up or a stuck program does."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

_HOLD = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
if sys.argv[2] == "alone":
    file.execute("PRAGMA locking_mode = EXCLUSIVE")
file.execute("BEGIN EXCLUSIVE")
file.execute("CREATE TABLE held (x)")
print("held", flush=True)
sys.stdin.read()
file.execute("ROLLBACK")
file.close()
"""


@contextlib.contextmanager
def held(path: Path, *, alone: bool = False):
    """Hold it while the body runs: nobody else writes; when alone, nobody else reads either."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path), "alone" if alone else "shared"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield
