"""An installation without extras: every command that needs one says so in one sentence."""

import subprocess
import sys

import pytest
from support.crawls import environment
from support.terminals import Terminal

from rf_sandbox.sandbox import Sandbox
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.main import COMMANDS

HIDING = """
import sys

HIDDEN = {"textual", "scrapy", "twisted", "starlette", "uvicorn", "trustme", "rich"}

class Hides:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hides())
from rf_tui.cli.main import run
sys.exit(run())
"""


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=8) as running:
        yield running


@pytest.fixture
def bare(tmp_path, sandbox):
    """Run `rf` where nothing but the bare installation can be imported."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", HIDING, *arguments],
            env=environment(tmp_path, sandbox),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["sandbox"], "sandbox"),
        (["demo", "--plain"], "sandbox,scrapy"),
        (["doctor", "--project", "."], "scrapy"),
    ],
    ids=["sandbox", "demo", "doctor"],
)
def test_what_needs_an_extra_names_it_in_one_sentence(bare, arguments, extra):
    done = bare(*arguments)
    assert done.returncode == ExitCode.USAGE
    assert f'pip install "resifactory-toolkit[{extra}]"' in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_the_dashboard_names_it_on_a_terminal(tmp_path, sandbox):
    env = environment(tmp_path, sandbox) | {"TERM": "xterm-256color"}
    with Terminal([sys.executable, "-c", HIDING], env=env, width=200) as terminal:
        assert terminal.end() == ExitCode.USAGE
        lines = [line.strip() for line in terminal.screen.display if line.strip()]
    (said,) = lines
    assert said.startswith(
        'rf: The dashboard needs textual: pip install "resifactory-toolkit[tui]"'
    )
    assert said.endswith("Without it there are --plain and --once.")


@pytest.mark.parametrize(
    "arguments",
    [
        ["me"],
        ["pools"],
        ["balance", "--json"],
        ["usage"],
        ["limits"],
        ["crawls"],
        ["doctor"],
        ["completion", "fish"],
        ["--once"],
        ["--plain", "--ticks", "1"],
        ["--help"],
    ],
    ids=" ".join,
)
def test_all_else_works_in_the_bare_installation(bare, arguments):
    done = bare(*arguments)
    assert done.returncode == ExitCode.DONE, done.stderr


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_help_can_be_read_in_the_bare_installation(bare, command):
    done = bare(command, "--help")
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "Examples:" in done.stdout
