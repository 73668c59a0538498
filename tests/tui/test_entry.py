"""The console script: `rf` alone is the dashboard at once; all else goes the long way."""

import subprocess
import sys

import pytest
from support.crawls import environment
from support.terminals import Terminal

from rf_sandbox.sandbox import Sandbox
from rf_tui.cli.exit_codes import ExitCode

SCRIPT = "import sys; sys.argv[0] = 'rf'; from rf_tui.cli.entry import run; sys.exit(run())"
NO_CLICK = "import sys; sys.modules['click'] = None; " + SCRIPT


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=6) as running:
        yield running


def in_terminal(tmp_path, sandbox, code=SCRIPT, *arguments, **more):
    env = environment(tmp_path, sandbox) | {"TERM": "xterm-256color"} | more
    return Terminal([sys.executable, "-c", code, *arguments], env=env, cwd=tmp_path)


def test_alone_it_draws_without_a_command_line_and_q_leaves(tmp_path, sandbox):
    with in_terminal(tmp_path, sandbox, NO_CLICK) as terminal:
        terminal.wait_for("● live")
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE
        assert terminal.settings == terminal.settings_before


@pytest.mark.parametrize(
    ("more", "said"),
    [({"RF_API_KEY": ""}, "No API key"), ({"TERM": "dumb"}, "cannot be drawn on")],
)
def test_what_keeps_it_from_that_is_said_by_the_long_way(tmp_path, sandbox, more, said):
    with in_terminal(tmp_path, sandbox, **more) as terminal:
        assert terminal.end() == ExitCode.USAGE
        assert said in " ".join(terminal.text.split())


def test_with_words_or_without_a_terminal_it_is_the_command_line(tmp_path, sandbox):
    env = environment(tmp_path, sandbox)
    for arguments, code in ((["--version"], ExitCode.DONE), ([], ExitCode.USAGE)):
        command = [sys.executable, "-c", SCRIPT, *arguments]
        done = subprocess.run(command, env=env, capture_output=True, check=False, timeout=60)
        assert done.returncode == code
