"""Our meter and the provider's over a real crawl, and over what a stranger takes on the side."""

import csv
import io
import json
from functools import partial

import httpx
import pytest
from support.crawls import ADDON, crawl, environment, spider
from support.invoking import invoke
from support.sandboxes import proxies_of

from rf_core.units import BALANCE_QUANTUM
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS

MB = 1 << 20


@pytest.fixture
def rf(tmp_path, sandbox, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return partial(invoke, tmp_path, sandbox)


def explained(rf):
    done = rf("ledger", "explain", "--json")
    return done, json.loads(done.stdout)["pools"]["premium"][-1]


def exact_balance(sandbox):
    """The judge: the code under test never sees it."""
    return sandbox.state()["balances_bytes"]["premium"]


def test_a_crawl_is_clean_and_a_stranger_with_our_credentials_is_foreign(rf, sandbox, tmp_path):
    assert "Two balances have to be read" in rf("ledger", "explain").stderr
    before = exact_balance(sandbox)
    rf("balance", "--refresh")
    urls = [f"{sandbox.site_https}/bytes/{200_000 + n}" for n in range(20)]
    outcome = crawl(tmp_path, spider(*urls), ADDON, environment(tmp_path, sandbox))
    rf("balance", "--refresh")
    rf("balance", "--refresh")
    done, found = explained(rf)
    assert (found["verdict"], done.returncode) == ("clean", ExitCode.DONE), found
    assert found["our_bytes"] == outcome.wire_bytes == before - exact_balance(sandbox)
    assert abs(found["excess_bytes"]) <= BALANCE_QUANTUM
    assert {f"pools.<pool>[].{name}" for name in found} | {"foreign[]"} == set(
        JSON_KEYS["ledger explain"]
    )

    between = exact_balance(sandbox)
    ((username, password),) = proxies_of(sandbox)
    host, port = sandbox.gateway
    with httpx.Client(timeout=60, proxy=f"http://{username}:{password}@{host}:{port}") as stranger:
        stranger.get(f"{sandbox.site_http}/bytes/{60 * MB}")
    rf("balance", "--refresh")
    done, found = explained(rf)
    taken = between - exact_balance(sandbox)
    assert taken > 60 * MB
    assert (found["verdict"], done.returncode) == ("foreign", ExitCode.CONDITION), found
    assert found["excess_bytes"] == pytest.approx(taken, abs=2 * BALANCE_QUANTUM)
    sheet = list(csv.DictReader(io.StringIO(rf("ledger", "explain", "--csv").stdout)))
    assert int(sheet[-1]["excess_bytes"]) == found["excess_bytes"]
    assert set(sheet[-1]) == {"pool", *found}
    told = rf("ledger", "explain", terminal=True)
    assert "somebody else took 60." in told.stderr
    assert told.stdout.splitlines()[0].split()[:4] == ["POOL", "FROM", "FOR", "VERDICT"]


def test_another_machine_of_the_account_is_foreign_until_it_tells(rf, sandbox, tmp_path):
    """Two machines are two state directories here; each counts what it spends itself."""
    here, there = tmp_path / "here", tmp_path / "there"
    machines = []
    for folder in (here, there):
        folder.mkdir()
        machines.append(partial(invoke, folder, sandbox))

    def look():
        for machine in machines:
            machine("balance", "--refresh")

    look()
    look()
    urls = [f"{sandbox.site_https}/bytes/{200_000 + n}" for n in range(20)]
    outcome = crawl(there, spider(*urls), ADDON, environment(there, sandbox))
    for _ in range(3):
        look()
    one, other = machines
    done, found = explained(one)
    assert (found["verdict"], done.returncode) == ("foreign", ExitCode.CONDITION), found
    told = other("ledger", "readings", "--json").stdout
    (tmp_path / "other.json").write_text(told)
    assert {f"pools.<pool>[].{name}" for name in json.loads(told)["pools"]["premium"][0]} | {
        "host"
    } == set(JSON_KEYS["ledger readings"])
    done = one("ledger", "explain", "--json", "--with", str(tmp_path / "other.json"))
    found = json.loads(done.stdout)["pools"]["premium"][-1]
    assert done.returncode == ExitCode.DONE
    assert (found["verdict"], found["our_bytes"]) == ("clean", outcome.wire_bytes), found


def test_a_file_that_holds_no_readings_is_a_sentence(rf, tmp_path):
    (tmp_path / "x.json").write_text('{"host": 4}')
    for file, said in (("x.json", "holds no readings"), ("gone.json", "No such file")):
        done = rf("ledger", "explain", "--with", file)
        assert (done.returncode, said in done.stderr) == (ExitCode.USAGE, True), done.stderr
    (tmp_path / "x.json").write_text('{"host": "x", "pools": {}}')
    assert "goes with" in rf("ledger", "--with", "x.json").stderr
    assert "Two balances" not in rf("ledger", "explain", "--with", "x.json").stderr
