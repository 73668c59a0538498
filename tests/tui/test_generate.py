"""`rf generate`: credentials on stdout or in a private file, whole or not at all."""

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import threading
import time
from functools import partial

import httpx
import pytest
from support.crawls import environment
from support.invoking import RUN, invoke

from rf_core.models import MAX_QUANTITY
from rf_sandbox.switches import of_profile
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS


@pytest.fixture
def rf(tmp_path, sandbox, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return partial(invoke, tmp_path, sandbox, "generate")


@pytest.fixture
def rf_process(tmp_path, sandbox):
    """Start it in a process of its own, its output in pipes."""

    def started(*arguments, **options):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-c", RUN, "generate", *arguments],
            env=environment(tmp_path, sandbox),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            **(pipes | options),
        )

    return started


def orders(sandbox):
    return sum(call["path"].endswith("/proxies") for call in sandbox.journal()["calls"])


def page_through(sandbox, url):
    with httpx.Client(proxy=url, trust_env=False) as client:
        return client.get(f"{sandbox.site_http}/ip").status_code


@pytest.mark.parametrize("profile", ["documented", "adverse"])
@pytest.mark.parametrize("name", ["list", "userpass", "url", "json"])
def test_what_is_printed_works_as_it_is_printed(rf, sandbox, name, profile):
    """C-063 C-075: whatever the passwords hold."""
    sandbox.switch(**of_profile(profile).document())
    done = rf("--country", "us", "--format", name)
    assert done.returncode == ExitCode.DONE, done.stderr
    if name == "json":
        ((entry),) = json.loads(done.stdout)
        host, port, user, password = entry.values()
    elif name == "list":
        host, port, user, password = done.stdout.strip().split(":", 3)
    elif name == "userpass":
        pair, address = done.stdout.strip().rsplit("@", 1)
        (user, password), (host, port) = pair.split(":", 1), address.split(":")
    if name == "url":
        assert page_through(sandbox, done.stdout.strip()) == 200
    else:
        proxy = httpx.Proxy(f"http://{host}:{port}", auth=(user, password))
        assert page_through(sandbox, proxy) == 200
    assert orders(sandbox) == 1


def test_one_is_a_line_and_stdout_is_nothing_else(rf):
    done = rf()
    assert done.stdout.count("\n") == 1
    assert done.stdout.endswith("\n")
    assert done.stderr == ""


def test_they_are_new_and_no_crawl_has_them(rf):
    seen = {line for _ in range(3) for line in rf("--quantity", "5").stdout.splitlines()}
    assert len(seen) == 15


def test_an_array_is_json_an_entry_a_line(rf):
    done = rf("--quantity", "3", "--format", "json")
    assert len(json.loads(done.stdout)) == 3
    assert len(done.stdout.splitlines()) == 5


@pytest.mark.parametrize("options", [(), ("--format", "url")])
def test_one_object_has_the_keys_of_the_table(rf, options):
    document = json.loads(rf("--quantity", "2", "--json", *options).stdout)
    keys = {key for key in JSON_KEYS["generate"] if not key.startswith("proxies")}
    assert set(document) - {"proxies"} == keys
    assert document["count"] == document["asked"] == 2
    assert document["pool"]
    if options:
        assert all(line.startswith("http://") for line in document["proxies"])
    else:
        assert {f"proxies[].{key}" for one in document["proxies"] for key in one} == {
            key for key in JSON_KEYS["generate"] if key.startswith("proxies[].")
        }


# Files


def test_a_file_is_whole_and_only_its_owner_reads_it(rf, tmp_path):
    path = tmp_path / "proxies.txt"
    path.write_text("before")
    path.chmod(0o644)
    done = rf("--quantity", "5", "-o", "proxies.txt")
    assert (done.returncode, done.stdout) == (ExitCode.DONE, "")
    assert len(path.read_text().splitlines()) == 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.glob("*proxies*")] == ["proxies.txt"]


def test_with_a_file_the_object_tells_the_rest(rf, tmp_path):
    document = json.loads(rf("--quantity", "5", "-o", "proxies.txt", "--json").stdout)
    assert (document["count"], document["file"]) == (5, "proxies.txt")
    assert "proxies" not in document
    assert len((tmp_path / "proxies.txt").read_text().splitlines()) == 5


def test_a_file_that_fails_leaves_what_was_there(rf, sandbox, tmp_path):
    path = tmp_path / "proxies.txt"
    path.write_text("before")
    sandbox.switch(short_count="wrong")
    done = rf("--quantity", "5", "-o", "proxies.txt")
    assert done.returncode == ExitCode.FAILED
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.glob("*proxies*")] == ["proxies.txt"]


@pytest.mark.parametrize("where", ["nowhere/proxies.txt", "."])
def test_a_place_that_cannot_be_written_to_costs_no_slot(rf, sandbox, where):
    done = rf("-o", where)
    assert done.returncode == ExitCode.FAILED
    assert where in done.stderr
    assert "Traceback" not in done.stderr
    assert orders(sandbox) == 0


def test_a_link_is_replaced_and_what_it_led_to_is_left_alone(rf, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "proxies.txt").symlink_to(victim)
    assert rf("-o", "proxies.txt").returncode == ExitCode.DONE
    assert victim.read_text() == "mine"
    assert not (tmp_path / "proxies.txt").is_symlink()


def test_a_device_is_written_to_and_stays_one(rf, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    assert rf("-o", "pipe").returncode == ExitCode.DONE
    reader.join(timeout=20)
    assert got[0].count("\n") == 1
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_dash_is_stdout(rf):
    assert rf("-o", "-").stdout.count("\n") == 1


# What is refused


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--pool", "premum"), "Did you mean premium?"),
        (("--country", "zz"), "Valid: us"),
        (("--country", "us", "--state", "ZZ"), "Valid: CA"),
        (("--country", "de", "--state", "CA"), "needs country us"),
        (("--pool", "premium", "--type", "mobile_sticky"), "Valid: rotating, sticky"),
        (("--type", "sticky", "--session-minutes", "99999"), "1 to 1440"),
        (("--quantity", "0"), "0 is not in the range"),
        (("--format", "csv"), "'url'"),
    ],
)
def test_what_is_not_listed_is_refused_with_what_is_and_costs_no_slot(rf, sandbox, options, told):
    """C-042 C-044 C-047 C-049"""
    done = rf(*options)
    assert done.returncode == ExitCode.USAGE
    assert told in done.stderr
    assert done.stdout == ""
    assert orders(sandbox) == 0


def test_demo_credentials_are_a_condition_unless_they_are_allowed(rf, sandbox, tmp_path):
    """C-068"""
    sandbox.set_balance("premium", 0)
    (tmp_path / "proxies.txt").write_text("before")
    for place in ((), ("-o", "proxies.txt"), ("--json",), ("--format", "json")):
        done = rf("--pool", "premium", *place)
        assert (done.returncode, done.stdout) == (ExitCode.CONDITION, "")
        assert "no balance" in done.stderr
    assert (tmp_path / "proxies.txt").read_text() == "before"
    done = rf("--pool", "premium", "--allow-demo")
    assert done.returncode == ExitCode.DONE
    assert done.stdout.count("\n") == 1
    assert "none of them works" in done.stderr
    assert json.loads(rf("--pool", "premium", "--allow-demo", "--json").stdout)["is_demo"] is True


def test_a_key_that_may_not_is_told_so(rf, sandbox):
    """C-018 C-030"""
    key = sandbox.make_key("pools:read")["key"]
    done = rf(RF_API_KEY=key)
    assert done.returncode == ExitCode.KEY_REFUSED
    assert "proxies:generate" in done.stderr


def test_a_key_that_may_not_list_orders_unchecked(rf, sandbox):
    """C-018"""
    key = sandbox.make_key("proxies:generate")["key"]
    assert rf(RF_API_KEY=key).returncode == ExitCode.DONE


def test_fewer_and_repeated_ones_are_told_of(rf, sandbox):
    """C-067 C-072"""
    sandbox.switch(short_count="fewer")
    assert "1 fewer than were asked for" in rf("--quantity", "10").stderr
    sandbox.switch(short_count="full", rotating_same_username="yes")
    done = rf("--quantity", "10")
    assert done.stdout.count("\n") == 1
    assert "9 that repeat another are left out" in done.stderr


def test_a_full_window_is_told_of_before_it_is_waited_for(rf, rf_process, sandbox):
    sandbox.limit(generate=1)
    assert rf().returncode == ExitCode.DONE
    process = rf_process()
    told = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert b"the generate window is full; its next slot is free in" in told
    assert process.returncode == ExitCode.INTERRUPTED


# Many


def test_a_quarter_of_a_million_comes_as_lines(rf_process, sandbox, tmp_path):
    """C-039 C-077: in bounded memory, none of them an object of its own for long."""
    # Not getrusage: what that calls the peak began with the memory of the process that forked.
    code = RUN.replace("sys.exit(run())", "code = run(); report(); sys.exit(code)").replace(
        "import sys;",
        "import re, sys, pathlib; report = lambda: print(re.search(r'VmHWM:\\s+(\\d+)', "
        "pathlib.Path('/proc/self/status').read_text())[1], file=sys.stderr);",
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "generate", "--quantity", str(MAX_QUANTITY)],
        env=environment(tmp_path, sandbox),
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.count(b"\n") == MAX_QUANTITY
    assert int(done.stderr.split()[-1]) < 200_000, "kilobytes"
    assert orders(sandbox) == 1


def test_more_than_that_takes_a_slot_for_each(rf, sandbox, monkeypatch):
    """C-039: with batches made small."""
    monkeypatch.setattr("rf_tui.cli.generate.MAX_QUANTITY", 4)
    done = rf("--quantity", "10", "--format", "json")
    assert len(json.loads(done.stdout)) == 10
    assert orders(sandbox) == 3
    document = json.loads(rf("--quantity", "10", "--json").stdout)
    assert (document["count"], document["calls"]) == (10, 3)


def test_an_interrupted_one_leaves_no_file(rf_process, sandbox, tmp_path):
    hang = {"where": "api", "match": {"path": "*/proxies"}, "what": {"kind": "hang"}}
    sandbox.faults(hang)
    process = rf_process("-o", "proxies.txt")
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".proxies*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED, err
    assert b"Traceback" not in err
    assert list(tmp_path.glob("*proxies*")) == []


def test_whoever_stops_reading_has_seen_enough(rf_process):
    process = rf_process("--quantity", "20000")
    assert process.stdout.readline().count(b":") == 3
    process.stdout.close()
    assert process.wait(timeout=60) == ExitCode.DONE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_large_one_shows_a_bar_to_a_person_and_to_nobody_else(rf_process):
    ours, theirs = pty.openpty()
    process = rf_process("--quantity", "20000", stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        shown += piece
    os.close(ours)
    assert process.wait(timeout=60) == ExitCode.DONE
    assert b"generating" in shown
    assert b"100%" in shown


def test_help_teaches_by_examples(rf):
    done = rf("--help")
    assert 'curl -x "$(rf generate --format url)"' in done.stdout
    assert "-o proxies.txt" in done.stdout
