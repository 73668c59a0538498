"""The dashboard in a real terminal, over a real sandbox."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest
from support.crawls import environment
from support.terminals import Terminal

from rf_sandbox.sandbox import Sandbox
from rf_tui.cli.exit_codes import ExitCode

RUN = "import sys; from rf_tui.cli.main import run; sys.exit(run())"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=5) as running:
        yield running


@pytest.fixture
def rf(tmp_path, sandbox):
    """Open `rf` in a terminal."""

    def opened(*arguments, env=None, **options):
        return Terminal(
            [sys.executable, "-c", RUN, *arguments],
            env=environment(tmp_path, sandbox) | {"TERM": "xterm-256color"} | (env or {}),
            cwd=tmp_path,
            **options,
        )

    return opened


def test_rf_alone_is_the_dashboard_and_q_leaves(rf):
    with rf() as terminal:
        terminal.wait_for(r"premium +\d\.\d{4} GB")
        terminal.wait_for("● live")
        assert "generate" in terminal.text
        terminal.wait_for("Filter")
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE
        assert terminal.settings == terminal.settings_before


def test_it_follows_the_size_of_the_terminal(rf):
    with rf(width=80, height=24) as terminal:
        terminal.wait_for("● live")
        for width, height in ((60, 20), (200, 60), (20, 5), (120, 40)):
            terminal.resize(width, height)
            terminal.signal(signal.SIGWINCH)
        terminal.wait_for("each where it comes free")  # no room for that at first
        terminal.wait_for(r"palette *$")  # in the last line
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_leaves_the_terminal_as_it_was(rf, ending):
    with rf() as terminal:
        terminal.wait_for("● live")
        assert terminal.settings != terminal.settings_before
        terminal.signal(ending)
        assert terminal.end() == ExitCode.INTERRUPTED
        assert terminal.settings == terminal.settings_before
        assert terminal.sent.rfind(b"\x1b[?1049l") > terminal.sent.rfind(b"\x1b[?1049h")


def test_it_ends_with_its_terminal_though_no_signal_says_so(rf):
    """As under `nohup`: it would read the end of its input for ever."""
    with rf() as terminal:
        terminal.wait_for("● live")
        assert terminal.vanish() == ExitCode.INTERRUPTED


def test_without_colours_none_are_sent(rf):
    with rf(env={"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("● live")
        terminal.press("?")
        terminal.wait_for("KEYS")
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE
    codes = re.findall(rb"\x1b\[([\d;:]*)m", terminal.sent)
    coloured = {
        code for code in codes for part in re.split(rb"[;:]", code)
        if part.isdigit() and (30 <= int(part) <= 38 or 40 <= int(part) <= 48 or int(part) >= 90)
    }  # fmt: skip
    assert coloured == set()


def test_the_key_is_nowhere_in_what_is_sent(rf, sandbox):
    with rf() as terminal:
        terminal.wait_for("● live")
        terminal.press("?")
        terminal.wait_for("KEYS")
        terminal.press("q")
        terminal.end()
    assert sandbox.key.encode() not in terminal.sent


def test_a_refused_key_is_said_and_the_dashboard_stays(rf):
    with rf(env={"RF_API_KEY": "rf_live_nobodyknowsthisone"}) as terminal:
        terminal.wait_for("refused the key rf_live_…sone")
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE


def test_a_terminal_that_cannot_be_drawn_on_gets_a_sentence(rf):
    with rf(env={"TERM": "dumb"}) as terminal:
        assert terminal.end() == ExitCode.USAGE
        assert "--plain" in terminal.text


@pytest.mark.parametrize("stream", ["stdin", "stdout", "stderr"])
def test_a_redirected_stream_is_not_drawn_into(rf, stream):
    with rf(redirected={stream: subprocess.DEVNULL}) as terminal:
        assert terminal.end() == ExitCode.USAGE
        assert b"\x1b[?1049h" not in terminal.sent


CRASHING = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from support.snapshots import Still, busy
    from rf_tui.app import MonitorApp
    from rf_tui.handy import Places

    class Breaking(Still):
        async def snapshot(self):
            secret = "canary" + "-in-a-local"
            if self.looks:
                message = "rf_live_" + "abcdefghijklmnop went wrong"
                raise RuntimeError(message)
            return await super().snapshot()

    app = MonitorApp(Breaking(busy()), interval=0.1, places=Places(Path(sys.argv[1])))
    app.run()
    sys.exit(app.return_code or 0)
    """
)


def test_a_crash_is_a_sentence_a_report_and_a_code(tmp_path, sandbox):
    reports = tmp_path / "reports"
    reports.mkdir()
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    env = environment(tmp_path, sandbox) | {"TERM": "xterm-256color"} | paths
    command = [sys.executable, "-c", CRASHING, str(reports)]
    with Terminal(command, env=env, width=120) as terminal:
        assert terminal.end() == ExitCode.FAILED
        assert "stopped on an error of its own" in terminal.text
        assert terminal.settings == terminal.settings_before
    (report,) = reports.iterdir()
    assert report.name in re.sub(r"\s", "", terminal.text)
    assert report.stat().st_mode & 0o777 == 0o600
    assert "RuntimeError" in report.read_text()
    for text in (report.read_text(), terminal.sent.decode(errors="replace")):
        assert "canary-in-a-local" not in text
        assert "abcdefghijklmnop" not in text


@pytest.mark.parametrize("command", ["balance", "me", "pools", "usage", "limits"])
def test_on_a_terminal_facts_are_a_table_with_headings_and_an_age(rf, command):
    with rf(command) as terminal:
        assert terminal.end() == ExitCode.DONE
        assert "Traceback" not in terminal.text
        if command != "limits":
            assert re.search(r"as of (now|[\d.]+ s ago)", terminal.text)
        if command == "balance":
            assert re.search(r"POOL +LEFT *\n", terminal.text)


def test_credentials_are_ordered_shown_masked_and_written_to_a_private_file(rf, tmp_path, sandbox):
    with rf(width=100, height=30) as terminal:
        terminal.wait_for("● live")
        terminal.press("g")
        terminal.wait_for("GENERATE credentials")
        terminal.press("prem\x1b[C\tus\t\t\t\t\x1500")
        terminal.wait_for(r"quantity +00▏")
        terminal.press("\x15250\t\t\t\r")
        terminal.wait_for("Order 250 credentials")
        terminal.press("y")
        terminal.wait_for("250 credentials of pool premium, country us, by 1 call")
        terminal.wait_for(r"prem\*{4}:\*{4}")
        terminal.press("c")
        terminal.wait_for("Copied 250, as list")
        assert b"\x1b]52;c;" in terminal.sent
        terminal.press("x")
        terminal.wait_for("250 written as list")
        file = tmp_path / "proxies.txt"
        assert file.stat().st_mode & 0o777 == 0o600
        lines = file.read_text().splitlines()
        assert len(set(lines)) == 250
        assert lines[0].split(":")[3].encode() not in terminal.sent
        terminal.press("\x1b")
        terminal.wait_for("Esc leaves")
        terminal.press("\x1b")
        terminal.wait_for("● live")
        terminal.press("l")
        terminal.wait_for(r"POST /proxies .* 200 .*monitor")
        terminal.press("q")
        assert terminal.end() == ExitCode.DONE
