"""`rf` in this process, as a user runs it who has pasted what the sandbox printed."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from support.crawls import environment

from rf_tui.cli.main import run

RUN = "import sys; from rf_tui.cli.main import run; sys.exit(run())"


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


class Terminalish(io.StringIO):
    """Takes text and says that it is a terminal."""

    def isatty(self):
        return True


def invoke(folder, sandbox, *arguments, terminal=False, **extra):
    """Run it, without a terminal unless asked, and return what came."""
    out, err = (Terminalish if terminal else io.StringIO)(), io.StringIO()
    with (
        patch.dict(os.environ, environment(folder, sandbox) | extra, clear=True),
        patch.object(sys, "stdin", io.StringIO()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run(list(arguments))
    return Done(code, out.getvalue(), err.getvalue())
