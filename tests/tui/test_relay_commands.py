"""`rf relay` and `rf run`: other tools' requests, carried, metered and capped."""

import fcntl
import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from support.crawls import environment, gateway_bytes
from support.invoking import RUN, invoke
from support.sandboxes import settled_of

from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS

FETCH = "import sys, urllib.request as u; print(*(u.urlopen(x).read() for x in sys.argv[1:]))"
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"
SECONDS = 20


@pytest.fixture
def rf(tmp_path, sandbox):
    """`rf` in a process of its own: it has signals and a child."""

    def run(*arguments, **extra):
        return subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            env=environment(tmp_path, sandbox, **extra),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def relay(tmp_path, sandbox):
    """`rf relay` with the document it printed, ended whatever happens."""

    @contextmanager
    def started(*options, **extra):
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, "relay", "--json", "--print-url", *options],
            env=environment(tmp_path, sandbox, **extra),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=SECONDS)

    return started


def python(code, *arguments):
    return ["--", sys.executable, "-c", code, *arguments]


def get(url, proxy):
    with httpx.Client(proxy=proxy, trust_env=False, timeout=SECONDS) as client:
        return client.get(url)


def user(url, name):
    """The proxy URL with another user name."""
    scheme, _, rest = url.partition("//")
    return f"{scheme}//{name}:{rest.partition(':')[2]}"


# rf run


def test_run_carries_what_a_command_asks_and_says_what_it_cost(rf, sandbox):
    done = rf("run", *python(FETCH, f"{sandbox.site_http}/ip", f"{sandbox.site_http}/bytes/9000"))
    assert done.returncode == ExitCode.DONE, done.stderr
    assert '"ip": "127.0.0.1"' not in done.stdout
    settled_of(sandbox)
    count = gateway_bytes(sandbox)
    assert count > 9_000
    (row,) = json.loads(rf("crawls", "--json").stdout)["crawls"]
    assert (row["spider"], row["requests"]) == (f"run {Path(sys.executable).name}", 2)
    assert row["wire_bytes"] == row["up_bytes"] + row["down_bytes"] == count
    assert f"({row['up_bytes']:,} bytes up, {row['down_bytes']:,} down)" in done.stderr


def test_the_command_finds_the_relay_and_not_the_key(rf, sandbox):
    done = rf("run", *python(SHOW))
    found = json.loads(done.stdout)
    assert "RF_API_KEY" not in found
    assert sandbox.key not in done.stdout
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        assert found[name] == found[name.upper()]
        assert found[name].startswith("http://rf:")
    assert found["no_proxy"] == found["NO_PROXY"] == ""


def test_hosts_may_be_left_out_by_name(rf, sandbox):
    host = "127.0.0.1"
    done = rf("run", "--no-proxy", host, *python(FETCH, f"{sandbox.site_http}/ip"))
    assert '"ip": "127.0.0.1"' in done.stdout
    assert "cost 0 B" in done.stderr


@pytest.mark.parametrize(
    ("code", "returned"),
    [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_exit_code_is_the_commands_own(rf, code, returned):
    assert rf("run", *python(code)).returncode == returned


def test_a_spent_budget_is_code_3_whatever_the_command_made_of_it(rf, sandbox):
    url = f"{sandbox.site_http}/bytes/3000000"
    done = rf("run", "--budget", "200kB", *python(FETCH, url))
    assert done.returncode == ExitCode.CONDITION
    assert done.stderr.count("The budget is spent") == 1
    assert "itself ended with 1" in done.stderr
    (row,) = json.loads(rf("crawls", "--json").stdout)["crawls"]
    assert row["finish_reason"] == "rf_budget_spent"
    assert 200 * 1024 <= row["wire_bytes"] <= 300 * 1024


def test_after_the_budget_the_next_request_is_refused_in_words(rf, sandbox):
    code = """
import sys, urllib.error, urllib.request as u
try: u.urlopen(sys.argv[1]).read()
except Exception as error: print(type(error).__name__)
try: u.urlopen(sys.argv[1])
except urllib.error.HTTPError as error: print(error.code, error.read())
"""
    url = f"{sandbox.site_http}/bytes/3000000"
    done = rf("run", "--budget", "200kB", *python(code, url))
    assert "402 b'the budget of this relay is spent\\n'" in done.stdout


def test_a_floor_is_held_and_said_in_words(rf, sandbox):
    left = (1 << 30) + 300_000
    sandbox.set_balance("premium", left)
    code = "import sys, urllib.request as u, urllib.error as e\n"
    code += "for n in range(40):\n  try: u.urlopen(sys.argv[1]).read()\n"
    code += "  except (OSError, e.HTTPError) as x: print(x.code, x.read()); break"
    done = rf("run", "--floor", "1GB", *python(code, f"{sandbox.site_http}/bytes/20000"))
    assert done.returncode == ExitCode.CONDITION
    assert "The pool is at its floor: nothing more is carried." in done.stderr
    assert "402 b'the pool is at the floor of this relay\\n'" in done.stdout
    assert 1 << 30 <= sandbox.state()["balances_bytes"]["premium"] < left - 100_000


def test_runs_that_say_the_same_name_draw_from_one_budget(rf, sandbox):
    url = f"{sandbox.site_http}/bytes/150000"
    named = ("run", "--budget", "400kB", "--budget-name", "november")
    codes = [rf(*named, *python(FETCH, url)).returncode for _ in range(4)]
    assert codes[:2] == [ExitCode.DONE, ExitCode.DONE]
    assert codes[2:] == [ExitCode.CONDITION, ExitCode.CONDITION]
    assert gateway_bytes(sandbox) <= 400 * 1024 + 64 * 1024
    assert rf("run", "--budget", "400kB", *python(FETCH, url)).returncode == ExitCode.DONE


def test_a_budget_in_money_needs_a_price(rf, sandbox, tmp_path):
    run = ("run", "--budget", "$0.10", *python(FETCH, f"{sandbox.site_http}/bytes/3000000"))
    done = rf(*run)
    assert done.returncode == ExitCode.USAGE
    assert "--budget) of $0.1000 needs a price" in done.stderr
    assert "per_gb = 3.50" in done.stderr
    (tmp_path / "config.toml").write_text("[[prices]]\nper_gb = 1024\n")
    done = rf(*run)
    assert done.returncode == ExitCode.CONDITION
    assert "(budget $0.1000)" in done.stderr
    (row,) = json.loads(rf("crawls", "--json").stdout)["crawls"]
    assert row["wire_bytes"] <= 102_400 + 64 * 1024


def test_a_pool_that_runs_empty_is_code_3(rf, sandbox):
    sandbox.set_balance("premium", 1_000)
    urls = [f"{sandbox.site_http}/bytes/5000"] * 3
    done = rf("run", *python(FETCH, *urls))
    assert done.returncode == ExitCode.CONDITION, done.stderr
    assert "pool is empty" in done.stderr


def test_a_pool_without_balance_is_code_3_and_nothing_is_run(rf, sandbox):
    sandbox.set_balance("premium", 0)
    done = rf("run", *python("print('ran')"))
    assert done.returncode == ExitCode.CONDITION
    assert "has no balance" in done.stderr
    assert done.stdout == ""


def test_a_refused_key_is_code_4_and_nothing_is_run(rf):
    done = rf("run", *python("print('ran')"), RF_API_KEY="rf_live_nobodyknowsthisone")
    assert done.returncode == ExitCode.KEY_REFUSED
    assert (done.stdout, "Traceback" in done.stderr) == ("", False)


def test_a_command_that_is_not_there_costs_no_call(rf, sandbox):
    done = rf("run", "--", "no-such-command-at-all")
    assert done.returncode == ExitCode.USAGE
    assert "there is no such command" in done.stderr
    assert sandbox.journal()["calls"] == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_signals_reach_the_command(tmp_path, sandbox, name):
    code = f"""
import signal, sys
signal.signal(signal.{name}, lambda *_: sys.exit(5))
print("ready", flush=True)
signal.pause()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "run", *python(code)],
        env=environment(tmp_path, sandbox),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)
    assert process.returncode == 5
    assert "cost 0 B" in err


COUNTING = """
import signal, sys, time
seen = []
signal.signal(signal.SIGINT, lambda *_: seen.append(1))
print("ready", flush=True)
until = time.monotonic() + 20
while not seen and time.monotonic() < until: signal.sigtimedwait([], 0.05)
signal.sigtimedwait([], 0.5)
sys.exit(40 + len(seen))
"""


def take_terminal():
    """Make standard input the terminal that this new session is controlled by."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_ctrl_c_at_a_terminal_reaches_the_command_once(tmp_path, sandbox):
    """Twice is an order to drop everything, for Scrapy among others."""
    near, far = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", RUN, "run", *python(COUNTING)],
            env=environment(tmp_path, sandbox),
            stdin=far,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=take_terminal,  # noqa: PLW1509 - there are no threads yet that hold locks
        ) as process:
            assert process.stdout.readline() == "ready\n"
            os.write(near, b"\x03")
            _, err = process.communicate(timeout=SECONDS + 20)
    finally:
        os.close(near)
        os.close(far)
    assert process.returncode == 41, err
    assert "cost 0 B" in err


# rf relay


def test_the_relay_serves_who_has_the_file_and_nobody_else(relay, sandbox, tmp_path):
    with relay() as (_process, ready):
        assert set(ready) == set(JSON_KEYS["relay"])
        path = tmp_path / "state" / f"relay-{ready['port']}.env"
        assert ready["env_file"] == str(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert f"export http_proxy={ready['url']}\n" in path.read_text()
        answer = get(f"{sandbox.site_http}/ip", ready["url"])
        assert answer.json()["ip"] != "127.0.0.1"
        for stranger in (ready["address"], user(ready["url"], "x").replace("@", "0@")):
            assert get(f"{sandbox.site_http}/ip", stranger).status_code == 407


def test_the_secret_is_printed_only_when_asked_for(tmp_path, sandbox):
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "relay"],
        env=environment(tmp_path, sandbox),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        address, path = process.stdout.readline().rstrip().split("\t")
        (line,) = re.findall(r"^export http_proxy=.*$", Path(path).read_text(), re.MULTILINE)
        secret = line.partition("rf:")[2].partition("@")[0]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert address.startswith("http://127.0.0.1:")
    assert len(secret) == 32
    assert secret not in address + out + err
    assert process.returncode == ExitCode.DONE
    assert "This relay cost 0 B" in err


def test_a_session_in_the_user_name_holds_one_exit(relay, sandbox):
    with relay() as (_process, ready):
        seen = {
            name: [
                get(f"{sandbox.site_http}/ip", user(ready["url"], name)).json()["ip"]
                for _ in range(3)
            ]
            for name in ("session-a", "session-b", "anyone")
        }
    assert len(set(seen["session-a"])) == len(set(seen["session-b"])) == 1
    assert len({seen["session-a"][0], seen["session-b"][0], *seen["anyone"]}) == 5


def test_a_relay_ends_within_two_seconds_and_takes_its_file_along(relay, sandbox, tmp_path):
    with relay() as (process, ready):
        host, _, port = sandbox.site_https.removeprefix("https://").partition(":")
        with socket.create_connection(("127.0.0.1", ready["port"])) as held:
            token = httpx.BasicAuth(*ready["url"][7:].partition("@")[0].split(":"))
            head = f"CONNECT {host}:{port} HTTP/1.1\r\nProxy-Authorization: {token._auth_header}"
            held.sendall(f"{head}\r\n\r\n".encode())
            assert b" 200 " in held.recv(1_000)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=SECONDS)
            assert time.monotonic() - began < 4  # 2 s, and room for a busy machine
        assert process.returncode == ExitCode.DONE
        assert "for 1 request through 1 proxy" in err
        assert list((tmp_path / "state").glob("*.env")) == []


def test_a_relay_whose_budget_is_spent_ends_with_code_3(relay, sandbox):
    with relay("--budget", "100kB") as (process, ready):
        with pytest.raises(httpx.HTTPError):
            get(f"{sandbox.site_http}/bytes/3000000", ready["url"])
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == ExitCode.CONDITION
    assert "The budget is spent" in err


def test_a_port_in_use_is_a_sentence(rf, sandbox):
    port = str(sandbox.ready["gateway"]["port"])
    done = rf("relay", "--port", port)
    assert done.returncode == ExitCode.FAILED
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "options", [("--rotate", "never"), ("--budget", "much"), ("--live", "0"), ("--country", "zz")]
)
def test_what_cannot_be_is_said_before_anything_is_ordered(tmp_path, sandbox, options):
    done = partial(invoke, tmp_path, sandbox)("relay", *options)
    assert done.returncode == ExitCode.USAGE
    assert [c for c in sandbox.journal()["calls"] if c["path"].endswith("/proxies")] == []
