"""The command that tells of an alert: facts on its input, no key, no shell, and only so long."""

import asyncio
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rf_core.alert import Alert
from rf_core.alert_settings import FACTS
from rf_core.io.alarms import facts_of
from rf_core.io.telling import environment_without, tell
from rf_core.meters import Reconciliation
from rf_core.redaction import Secret
from rf_core.snapshot import Drain, PoolState, Runway

KEY = "rf_live_0123456789abcdefx7kQ"
ALERT = Alert("premium; rm -rf $HOME", "below 2 GB", "level", 5.0, "Pool 'premium' is low.")


def python(script):
    return [sys.executable, "-c", script]


async def test_it_gets_the_facts_as_one_object_and_its_arguments_as_they_are(tmp_path):
    out = tmp_path / "out"
    script = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]) + sys.stdin.read())"
    facts = facts_of(ALERT, None, "rf_live_…x7kQ")
    assert await tell([*python(script), str(out), "$HOME", "a b; c"], facts) == ""
    arguments, document = out.read_text().split("]", 1)
    assert arguments == "['$HOME', 'a b; c'"
    assert json.loads(document) == facts
    assert facts["pool"] == ALERT.pool


async def test_its_environment_holds_no_key_under_any_name(tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("RF_API_KEY", KEY)
    monkeypatch.setenv("SHOP_KEY", "other_begin_0123456789")
    monkeypatch.setenv("WITHIN", f"https://h/?key={KEY}")
    monkeypatch.setenv("HARMLESS", "yes")
    script = f"import os, json; json.dump(dict(os.environ), open({str(out)!r}, 'w'))"
    assert await tell(python(script), {}, key=Secret("other_begin_0123456789")) == ""
    seen = json.loads(out.read_text())
    assert seen["HARMLESS"] == "yes"
    assert not {"RF_API_KEY", "SHOP_KEY", "WITHIN"} & set(seen)
    assert KEY not in out.read_text()
    assert set(environment_without(None, {"RF_API_KEY": "x", "A": "b"})) == {"A"}


async def test_a_program_that_is_not_there_is_named():
    assert await tell(["/no/such/program", "x"], {}) == (
        "/no/such/program cannot be run: No such file or directory."
    )
    assert "cannot be run" in await tell([str(os.sep)], {})


async def test_one_that_fails_says_its_last_words_without_secrets():
    script = f"import sys; print('x' * 100_000, file=sys.stderr); sys.exit('no way {KEY}\\x1b[2J')"
    said = await tell(python(script), {})
    assert (
        said == f"{sys.executable} ended with 1: no way rf_live_****\N{REPLACEMENT CHARACTER}[2J."
    )


async def test_one_that_does_not_listen_is_no_failure():
    """It closes its input at once; the facts are more than a pipe holds."""
    facts = {"text": "x" * 1_000_000}
    assert await tell(python("import os; os.close(0)"), facts) == ""


async def test_one_that_takes_too_long_is_ended_with_all_its_children(tmp_path):
    child = tmp_path / "child"
    script = (
        "import subprocess, sys, time;"
        f"p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(child)!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    began = time.monotonic()
    said = await tell(python(script), {}, most_seconds=2.0)
    assert said == f"{sys.executable} took longer than 2 s and was ended."
    assert time.monotonic() - began < 30
    pid = int(child.read_text())
    for _ in range(1_000):
        if _is_gone(pid):
            break
        await asyncio.sleep(0.01)
    assert _is_gone(pid)


def _is_gone(pid):
    """Whether a process has ended, reaped or not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rsplit(")", 1)[1].split()[0] == "Z"


@pytest.mark.parametrize("verdict", ["clean", "foreign"])
def test_the_facts_are_numbers_where_there_are_any(verdict):
    meters = Reconciliation(verdict, 0.0, 600.0, 9, 4, 5, 1, 0.0, 0.0)
    drain = Drain("draining", 10.0, runway=Runway(100.0, 80.0, 130.0))
    pool = PoolState("premium", balance_bytes=1_000, drain=drain, meters=meters)
    facts = facts_of(replace(ALERT, pool="premium"), pool, "rf_live_…x7kQ")
    assert list(facts) == list(FACTS)
    assert (facts["left_bytes"], facts["bytes_per_second"]) == (1_000, 10.0)
    assert (facts["runway_low_seconds"], facts["runway_high_seconds"]) == (80.0, 130.0)
    assert (facts["verdict"], facts["excess_bytes"]) == (verdict, 5)
