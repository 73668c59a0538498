"""`rf me`, `pools`, `balance`, `usage`, `limits`, `crawls`: rows, objects, and what they cost."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from time import time as clock
from unittest.mock import patch

import httpx
import pytest
from support.apis import ScriptedApi, answer
from support.crawls import environment
from support.invoking import RUN, invoke
from support.sandboxes import proxies_of

from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.snapshot import CauseSpend, CrawlReport, DomainSpend
from rf_core.units import GIGABYTE
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS
from rf_tui.cli.main import COMMANDS

FACTS = ("me", "pools", "balance", "usage", "limits", "crawls")
ASKING = ("me", "pools", "balance", "usage")


def calls(sandbox):
    return [call["path"].rsplit("/", 1)[-1] for call in sandbox.journal()["calls"]]


def published(folder, sandbox, **changes):
    """A crawl of this machine, as it reports itself."""
    now = time.time()
    values = {
        "id": "0123456789abcdef",
        "spider": "books",
        "project": "shop",
        "pid": os.getpid(),
        "host": "here",
        "pool": "premium",
        "started_at": now - 75,
        "updated_at": now,
        "up_bytes": 1_000,
        "down_bytes": 4_000_000,
        "requests": 1_234,
        "failures": {"target_429": 3},
        "domains": (DomainSpend("premium", "a.example", 1_000, 4_000_000, 1_234),),
        "backoffs": {"a.example": 3.5},
        "causes": (CauseSpend("page", 1_000, 4_000_000, 1_234),),
    }
    report = CrawlReport(**values | changes)

    async def publish():
        settings = load_settings(environ=environment(folder, sandbox))
        async with Session(settings, holder="crawl books") as session:
            await session.publish(report)

    asyncio.run(publish())
    return report


# Rows and objects


@pytest.mark.parametrize("command", FACTS)
def test_in_a_pipe_rows_are_bare_and_as_wide_as_each_other(rf, sandbox, tmp_path, command):
    published(tmp_path, sandbox)
    if command == "usage":
        spend(sandbox)
    done = rf(command)
    assert done.returncode == ExitCode.DONE, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows
    assert len({len(row) for row in rows}) == 1
    assert "\x1b" not in done.stdout


def spend(sandbox):
    """Something that the account's usage shows."""
    ((username, password),) = proxies_of(sandbox)
    host, port = sandbox.gateway
    with httpx.Client(proxy=f"http://{username}:{password}@{host}:{port}") as client:
        assert client.get(f"{sandbox.site_http}/bytes/1000").status_code == 200


@pytest.mark.parametrize("command", FACTS)
def test_the_keys_of_an_object_are_those_of_the_table_no_more_and_no_fewer(
    rf, sandbox, tmp_path, command
):
    published(tmp_path, sandbox)
    spend(sandbox)
    sandbox.patch_targeting(carriers=["acme"])
    rf("pools", "--refresh")
    done = rf(command, "--json", *(["--fail-below", "500GB"] if command == "balance" else []))
    shown = set(paths(json.loads(done.stdout), list(JSON_KEYS[command])))
    assert shown == set(JSON_KEYS[command])


def paths(value, known, path=""):
    """Every key, as the table writes it: names that are data become what the table calls them."""
    if path in known:
        yield path
        return
    if isinstance(value, list):
        assert value, f"{path} is empty: the test shows nothing"
        for item in value:
            yield from paths(item, known, f"{path}[]")
        return
    assert isinstance(value, dict), f"{path} is in no table"
    if not value:
        yield from (key for key in known if key.startswith(f"{path}.<"))
    for name, item in value.items():
        below = f"{path}.{name}" if path else name
        named = any(key == below or key.startswith((f"{below}.", f"{below}[")) for key in known)
        if named:
            yield from paths(item, known, below)
        else:
            data = re.compile(re.escape(path) + r"\.?(<[a-z]+>)")
            places = {data.match(key).group(0) for key in known if data.match(key)}
            assert len(places) == 1, f"{below} is in no table"
            yield from paths(item, known, places.pop())


def test_a_person_sees_headings_aligned_and_the_age(rf):
    done = rf("balance", terminal=True)
    assert done.stdout.splitlines() == [
        "POOL          LEFT",
        "premium  2.0000 GB",
        "mobile   1.0000 GB",
    ]
    assert done.stderr == "as of now\n"
    assert re.search(r"as of [\d.]+ s ago\n", aged(rf, 2.0).stderr)


def aged(rf, seconds):
    """The same later on."""
    with patch("rf_tui.cli.facts.time.time", lambda: clock() + seconds):
        return rf("balance", terminal=True)


def test_a_person_sees_targeting_values_and_a_pipe_the_pools_alone(rf):
    shown = rf("pools", terminal=True, COLUMNS="60").stdout
    assert "countries       us gb de" in shown
    assert "session minutes 1 to 1440" in shown
    assert all(len(line) <= 60 for line in shown.splitlines())
    assert len(rf("pools").stdout.splitlines()) == 2


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_crawls_fit_every_terminal(rf, sandbox, tmp_path, columns):
    published(tmp_path, sandbox, spider="a_spider_with_quite_a_name", host="a-host.example")
    shown = rf("crawls", terminal=True, COLUMNS=str(columns)).stdout.splitlines()
    assert all(len(line) <= columns for line in shown)
    assert "3.82 MB" in shown[1]
    assert ("a-host.example" in shown[1]) == (columns >= 200)


def test_nothing_to_show_is_said(rf):
    done = rf("crawls", terminal=True)
    assert (done.returncode, done.stdout) == (ExitCode.DONE, "")
    assert "No crawl has run here" in done.stderr


# What they cost


def test_what_is_fresh_costs_no_call_and_refresh_always_one(rf, sandbox):
    for command in ASKING:
        rf(command)
    before = calls(sandbox)
    assert sorted(before) == ["balance", "me", "pools", "usage"]
    for command in FACTS:
        assert rf(command).returncode == ExitCode.DONE
    assert calls(sandbox) == before
    for command in ASKING:
        rf(command, "--refresh")
    assert sorted(calls(sandbox)[4:]) == sorted(before)


def test_a_fresh_balance_is_printed_without_what_a_call_would_need(rf, sandbox, tmp_path):
    rf("balance")
    before = calls(sandbox)
    code = (
        "import sys; from rf_tui.cli.main import run; run(['balance']); "
        "heavy = {'httpx', 'asyncio', 'msgspec', 'diskcache', 'ssl', 'textual'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path, sandbox),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines()[0].startswith("premium\t2.0000 GB")
    assert done.stdout.splitlines()[-1] == "[]"
    assert calls(sandbox) == before


def test_what_a_monitor_has_read_costs_a_command_no_call(rf, sandbox):
    assert rf("--once").returncode == ExitCode.DONE
    before = calls(sandbox)
    for command in ("balance", "usage", "pools", "limits", "crawls"):
        rf(command)
    assert calls(sandbox) == before


def test_max_age_decides_what_is_fresh(rf, sandbox):
    rf("balance")
    rf("balance", "--max-age", "0")
    assert calls(sandbox) == ["balance", "balance"]
    assert rf("balance", "--max-age", "-1").returncode == ExitCode.USAGE


def test_of_commands_that_come_together_one_asks(sandbox, tmp_path):
    sandbox.faults({"where": "api", "what": {"kind": "latency", "milliseconds": 1_000}})
    environ = environment(tmp_path, sandbox)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, "balance", "--json"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    done = [(process.communicate(timeout=60), process.returncode) for process in started]
    assert {code for _, code in done} == {ExitCode.DONE}, done
    balances = {json.dumps(json.loads(out)["balances_bytes"]) for (out, _), _ in done}
    assert len(balances) == 1
    assert calls(sandbox) == ["balance"]


def test_without_usage_read_a_refused_call_is_made_once(rf, sandbox):
    """C-017"""
    key = sandbox.make_key("pools:read")["key"]
    for _ in range(3):
        done = rf("balance", "--refresh", RF_API_KEY=key)
        assert done.stdout.startswith("premium\t2.0000 GB")
    assert calls(sandbox) == ["balance", "me", "me", "me"]
    assert rf("usage", RF_API_KEY=key).returncode == ExitCode.KEY_REFUSED


# The condition


def test_a_low_balance_is_a_condition(rf):
    assert rf("balance", "--fail-below", "1 GB").returncode == ExitCode.DONE
    done = rf("balance", "--fail-below", "1.5GB")
    assert done.returncode == ExitCode.CONDITION
    assert done.stderr == "rf: pool mobile has 1.0000 GB left, less than 1.5000 GB\n"
    for size in ("much", "0", "-1GB", "2 parsecs"):
        assert rf("balance", "--fail-below", size).returncode == ExitCode.USAGE


def test_one_pool_alone_may_be_judged(rf):
    done = rf("balance", "--pool", "premium", "--fail-below", "1.5GB", "--json")
    assert done.returncode == ExitCode.DONE
    assert set(json.loads(done.stdout)["left_bytes"]) == {"premium"}
    done = rf("balance", "--pool", "premum")
    assert done.returncode == ExitCode.USAGE
    assert "Did you mean premium? There is: premium, mobile." in done.stderr


def test_what_crawls_have_spent_since_is_not_left(rf, sandbox, tmp_path):
    rf("balance")
    published(tmp_path, sandbox)
    shown = json.loads(rf("balance", "--json", "--fail-below", "2GB").stdout)
    assert shown["balances_bytes"]["premium"] == 2 * GIGABYTE
    assert shown["spent_since_bytes"]["premium"] == 4_001_000
    assert shown["left_bytes"]["premium"] == 2 * GIGABYTE - 4_001_000
    assert shown["below"] == ["premium", "mobile"]
    person = rf("balance", terminal=True).stdout.splitlines()
    assert person[0].split() == ["POOL", "LEFT", "SPENT", "SINCE"]
    assert "3.82 MB" in person[1]


# Manners


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_help_teaches_by_example(rf, command):
    done = rf(command, "--help")
    assert done.returncode == ExitCode.DONE
    examples = done.stdout.partition("Examples:\n")[2]
    assert f"rf {command}" in examples or (command == "monitor" and "rf --once" in examples)
    assert rf(command, "-h").stdout == done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("given", "nearest"), [("--refersh", "--refresh"), ("--f", "--fail-below")]
)
def test_an_unknown_option_gets_the_nearest(rf, given, nearest):
    done = rf("balance", given)
    assert done.returncode == ExitCode.USAGE
    assert f"Did you mean '{nearest}'?" in done.stderr


def test_whoever_interrupts_a_call_is_told_that_by_the_exit_code(sandbox, tmp_path):
    sandbox.faults({"where": "api", "what": {"kind": "hang"}})
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, "balance"],
        env=environment(tmp_path, sandbox),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        for _ in range(1_000):
            if (tmp_path / "state" / "state.db").exists() and sandbox.state()["windows"]:
                break
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert (out, "Traceback" in err) == ("", False)


HOSTILE = "evil\x1b]0;owned\x07\x9b31m\u202etxt\r\n\tx"


def test_a_strangers_text_steers_no_terminal(tmp_path):
    document = {
        "me": {
            "id": 1,
            "username": HOSTILE,
            "scopes": [HOSTILE],
            "balances": {HOSTILE: 1},
            "key": {"name": HOSTILE, "prefix": "rf_live_", "last4": HOSTILE},
        },
        "pools": {
            "pools": [{"id": HOSTILE, "label": HOSTILE, "host": HOSTILE, "proxy_types": [HOSTILE]}],
            "targeting": {
                "countries": [HOSTILE],
                "us_states": [HOSTILE],
                "carriers": [HOSTILE],
                "session_minutes": {"min": 1, "max": 1_440},
            },
        },
        "balance": {"balances": {HOSTILE: 1}},
        "usage?limit=100": {"top_domains": [{"domain": HOSTILE, "bytes": 1, "requests": 1}]},
    }

    async def shown():
        async with ScriptedApi() as hostile:
            for command, path in zip(ASKING, document, strict=True):
                hostile.script = [answer(200, document[path])]
                for options in ([], ["--json"], ["--fail-below", "5GB"]):
                    if options[:1] == ["--fail-below"] and command != "balance":
                        continue
                    for terminal in (False, True):
                        yield await asyncio.to_thread(
                            invoke,
                            tmp_path,
                            None,
                            command,
                            *options,
                            terminal=terminal,
                            RF_BASE_URL=hostile.url,
                            RF_API_KEY="rf_live_0123456789abcdefx7kQ",
                        )

    async def collect():
        return [done async for done in shown()]

    for done in asyncio.run(collect()):
        assert done.returncode in {ExitCode.DONE, ExitCode.CONDITION}, done.stderr
        for line in (done.stdout + done.stderr).splitlines():
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", line), repr(line)
        if done.stdout.startswith("{"):
            assert HOSTILE in repr_of(json.loads(done.stdout))


def repr_of(document):
    """All texts of a document, to find one among them."""
    if isinstance(document, dict):
        return "\0".join(repr_of(value) for pair in document.items() for value in pair)
    if isinstance(document, list):
        return "\0".join(map(repr_of, document))
    return str(document)


@pytest.mark.parametrize("arguments", [["--help"], ["balance"], ["pools", "--json"]])
def test_whoever_reads_may_hang_up_before_the_first_line(sandbox, tmp_path, arguments):
    command = f"'{sys.executable}' -c '{RUN}' {' '.join(arguments)}; echo $? >&2"
    with subprocess.Popen(
        ["/bin/sh", "-c", f"({command}) | true"],
        env=environment(tmp_path, sandbox),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, err = process.communicate(timeout=30)
    assert err == "0\n"
