"""Completion as shells do it: a real bash on a terminal, and what every shell is answered."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.crawls import environment
from support.terminals import Terminal

from rf_tui.cli.main import COMMANDS

BIN = Path(sys.executable).parent


@pytest.fixture
def bash(tmp_path):
    env = environment(tmp_path) | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PS1": "$ ",
        "TERM": "xterm",
        "HOME": str(tmp_path),
    }
    with Terminal(["bash", "--norc", "--noprofile", "-i"], env=env, cwd=tmp_path) as terminal:
        terminal.wait_for(r"\$ ")
        terminal.press("source <(rf completion bash); echo ready$((40 + 2))\r")
        terminal.wait_for("ready42")
        yield terminal


def test_a_command_is_completed_in_a_real_bash(bash):
    bash.press("rf ba\t")
    bash.wait_for("rf balance ")


def test_an_option_is_completed_in_a_real_bash(bash):
    bash.press("rf balance --fa\t")
    bash.wait_for("rf balance --fail-below ")


def test_without_a_letter_all_commands_are_shown(bash):
    bash.press("rf \t\t")
    for name in COMMANDS:
        bash.wait_for(rf"\b{name}\b")


def test_options_of_the_dashboard_complete_after_rf_alone(bash):
    bash.press("rf --on\t")
    bash.wait_for("rf --once ")


def test_a_folder_is_completed_where_one_is_asked_for(bash, tmp_path):
    (tmp_path / "projects").mkdir()
    bash.press("rf doctor --project proj\t")
    bash.wait_for("--project projects")


def complete(shell, words, tmp_path):
    """Ask as the script of a shell asks."""
    env = environment(tmp_path) | {
        "_RF_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": words.split(" ")[-1] if shell == "fish" else str(words.count(" ")),
    }
    done = subprocess.run(
        [BIN / "rf"], env=env, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_answered_in_its_own_form(shell, tmp_path):
    answer = complete(shell, "rf bal", tmp_path)
    assert "balance" in answer
    assert "usage" not in answer
    if shell != "bash":
        assert "What every pool has left." in answer


def test_to_complete_a_name_loads_no_command(tmp_path):
    env = environment(tmp_path) | {
        "_RF_COMPLETE": "bash_complete",
        "COMP_WORDS": "rf ",
        "COMP_CWORD": "1",
    }
    code = (
        "import sys, atexit; from rf_tui.cli.main import run; "
        "atexit.register(lambda: print(sorted({'httpx', 'asyncio', 'sqlite3', 'textual'} "
        "& set(sys.modules)))); sys.exit(run())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("shell", "mark"), [("zsh", "#compdef rf"), ("fish", "complete --no-files")]
)
def test_the_script_is_one_for_the_shell(shell, mark):
    done = subprocess.run(
        [BIN / "rf", "completion", shell], capture_output=True, text=True, timeout=30, check=True
    )
    assert mark in done.stdout
    assert re.search(r"_RF_COMPLETE=\w+_complete", done.stdout)
    assert (
        "~/."
        in subprocess.run(
            [BIN / "rf", "completion", "--help"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
    )
