"""The command line against a real sandbox: stdout is data, exit codes are an interface."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.crawls import environment
from support.invoking import RUN

from rf_tui.cli.exit_codes import MEANINGS, ExitCode
from rf_tui.cli.main import COMMANDS


@pytest.fixture
def rf_process(tmp_path, sandbox):
    """Start `rf` in a process of its own, its output in pipes."""

    def started(*arguments, **extra):
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            env=environment(tmp_path, sandbox) | extra,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return started


def test_no_key_is_one_sentence_with_three_ways(rf):
    for command in (["balance"], ["monitor", "--once"], []):
        done = rf(*command, RF_API_KEY="")
        assert done.returncode == ExitCode.USAGE
        assert "RF_API_KEY" in done.stderr
        assert "config.toml" in done.stderr
        assert "rf demo" in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    "command", [["me"], ["balance"], ["monitor", "--once"], ["monitor", "--plain", "--ticks", "1"]]
)
def test_a_refused_key_is_named_and_has_its_own_code(rf, command):
    done = rf(*command, RF_API_KEY="rf_live_nobodyknowsthisone")
    assert done.returncode == ExitCode.KEY_REFUSED, done.stdout + done.stderr
    assert "rf_live_…sone" in done.stderr
    assert "nobodyknows" not in done.stdout + done.stderr


def test_an_api_that_is_not_there_fails_in_a_sentence(rf):
    done = rf("balance", RF_BASE_URL="http://127.0.0.1:9/api/v1")
    assert done.returncode == ExitCode.FAILED
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_plaintext_to_another_machine_is_refused_before_a_byte_is_sent(rf):
    """C-002"""
    done = rf("me", RF_BASE_URL="http://api.example/api/v1")
    assert done.returncode == ExitCode.USAGE
    assert "plaintext" in done.stderr


def test_the_dashboard_needs_a_terminal_and_says_what_does_not(rf):
    done = rf()
    assert done.returncode == ExitCode.USAGE
    assert "--plain" in done.stderr
    assert "--once" in done.stderr


@pytest.mark.parametrize("command", [["monitor", "--once"], ["--once"]])
def test_one_look_has_no_escape_codes(rf, command):
    done = rf(*command)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert "premium" in done.stdout
    assert "generate" in done.stdout
    assert "\x1b" not in done.stdout


def test_plain_is_a_greppable_line_a_tick(rf):
    done = rf("monitor", "--plain", "--ticks", "2", "--interval", "0.2")
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("pool=premium left_bytes=" in line for line in lines)
    assert all("window=generate free=" in line for line in lines)


def test_plain_and_json_is_an_object_a_tick(rf):
    done = rf("--plain", "--json", "--ticks", "2", "--interval", "0.2")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["taken_at"] < second["taken_at"]
    assert second["pools"][0]["left_bytes"] > 0


def test_json_alone_is_one_look_as_one_object(rf):
    done = rf("monitor", "--json")
    assert done.returncode == ExitCode.DONE, done.stderr
    shown = json.loads(done.stdout)
    assert {window["group"] for window in shown["windows"]} == {"generate", "reads"}
    assert shown["age_seconds"]["balance"] >= 0


def test_plain_goes_on_until_interrupted(rf_process):
    with rf_process("monitor", "--plain", "--interval", "0.2") as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert all(b"window=reads" in line for line in lines)
    assert process.returncode == ExitCode.INTERRUPTED
    assert b"Traceback" not in err


def test_plain_ends_when_the_key_is_refused(rf):
    done = rf("--plain", RF_API_KEY="rf_live_nobodyknowsthisone")
    assert done.returncode == ExitCode.KEY_REFUSED
    assert "error: The API refused the key" in done.stdout


def test_whoever_has_read_enough_may_hang_up(rf_process):
    with rf_process("monitor", "--plain", "--interval", "0.2") as process:
        process.stdout.readline()
        process.stdout.close()
        process.wait(20)
        assert process.returncode == ExitCode.DONE
        assert process.stderr.read() == b""


def test_an_alphabet_without_block_characters_is_no_crash(rf_process):
    with rf_process("--once", PYTHONIOENCODING="ascii") as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == ExitCode.DONE, err
    assert b"premium" in out


def test_the_exit_code_of_the_dashboard_is_that_of_rf_alone(rf, monkeypatch):
    monkeypatch.setattr("rf_tui.cli.monitor.require_terminal", lambda: None)
    monkeypatch.setattr("rf_tui.cli.monitor.require_dashboard", lambda: None)

    monkeypatch.setattr("rf_tui.cli.monitor.show", lambda *_: 1)
    assert rf().returncode == ExitCode.FAILED
    assert rf("monitor").returncode == ExitCode.FAILED


def test_without_textual_one_sentence_says_what_to_install(rf, monkeypatch):
    monkeypatch.setattr("rf_tui.cli.monitor.require_terminal", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = rf()
    assert done.returncode == ExitCode.USAGE
    assert 'pip install "resifactory-toolkit[tui]"' in done.stderr


def test_a_cache_that_cannot_be_used_is_said_and_lived_with(rf, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = rf("monitor", "--once", RF_CACHE_DIR=str(blocked / "cache"))
    assert done.returncode == ExitCode.DONE
    assert "cannot be used" in done.stdout
    assert "premium" in done.stdout


def test_a_state_directory_that_cannot_be_used_is_a_sentence(rf, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = rf("balance", RF_STATE_DIR=str(blocked / "state"))
    assert done.returncode == ExitCode.USAGE
    assert "RF_STATE_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_a_sentence(rf, sandbox):
    port = str(sandbox.ready["gateway"]["port"])
    done = rf("sandbox", "--gateway-port", port)
    assert done.returncode == ExitCode.FAILED
    assert f"Port {port}" in done.stderr
    assert "in use (--gateway-port)" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_typo_gets_the_nearest_command(rf):
    done = rf("balnce")
    assert done.returncode == ExitCode.USAGE
    assert "Did you mean `rf balance`?" in done.stderr


def test_help_lists_every_command_and_loads_nothing_heavy(rf):
    done = rf("--help")
    assert all(name in done.stdout for name in COMMANDS)
    assert all(text in " ".join(done.stdout.split()) for text in MEANINGS.values())
    code = (
        "import sys; from rf_tui.cli.main import run; run(['--help']); "
        "heavy = {'httpx', 'textual', 'scrapy', 'starlette', 'sqlite3', 'diskcache', 'rich'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert loaded.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(rf, shell):
    assert "_RF_COMPLETE" in rf("completion", shell).stdout


def test_the_documentation_knows_every_command():
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "commands.md"
    text = page.read_text()
    assert [name for name in COMMANDS if f"rf {name}" not in text] == []
