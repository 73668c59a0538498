"""What real crawls spent: the ledger, the log and the stats agree with the gateway to the byte."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes, spider
from support.invoking import invoke

from rf_core.units import GIGABYTE
from rf_tui.cli.exit_codes import ExitCode
from rf_tui.cli.json_keys import JSON_KEYS

PRICED = """
[[prices]]
per_gb = 1000
"""


@pytest.fixture
def rf(tmp_path, sandbox, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return partial(invoke, tmp_path, sandbox)


def run_side_by_side(tmp_path, sandbox, sources):
    """Several crawls at once that share a state directory, as crawls of one machine do."""
    env = environment(tmp_path, sandbox)

    def run(name):
        folder = tmp_path / name
        folder.mkdir()
        return crawl(folder, sources[name], ADDON, env)

    with ThreadPoolExecutor(len(sources)) as pool:
        return dict(zip(sources, pool.map(run, sources), strict=True))


def test_ledger_stats_and_log_agree_with_the_gateway_to_the_byte(rf, sandbox, tmp_path):
    (tmp_path / "config.toml").write_text(PRICED)
    http, https = sandbox.site_http, sandbox.site_https
    sources = {
        "plain": spider(*(f"{http}/bytes/{2_000 + n}" for n in range(20))),
        "secure": spider(
            *(f"{https}/bytes/{3_000 + n}" for n in range(20)),
            f"{https}/status/500",
            f"{https}/redirect/2",
        ).replace('"fetch"', '"secure"'),
    }
    outcomes = run_side_by_side(tmp_path, sandbox, sources)
    billed = gateway_bytes(sandbox)

    whole = json.loads(rf("ledger", "--json").stdout)
    assert whole["total_bytes"] == billed > 0
    assert whole["total_cost"] == pytest.approx(1_000 * billed / GIGABYTE)
    rows = {row["name"]: row for row in whole["rows"]}
    for name, outcome in zip(("fetch", "secure"), outcomes.values(), strict=True):
        assert rows[name]["bytes"] == outcome.stats["rf/spent_bytes"]
        assert rows[name]["items"] == outcome.stats["item_scraped_count"]
        assert rows[name]["cost"] == pytest.approx(float(outcome.stats["rf/cost"]), abs=1e-6)
        assert f" = ${Decimal(rows[name]['cost']):.4f} of pool" in outcome.log
    shown = {f"rows[].{name}" for name in rows["fetch"]} | {"by", "since"}
    shown |= {name for name in whole if name.startswith("total_")}
    assert shown == set(JSON_KEYS["ledger"])

    by_domain = json.loads(rf("ledger", "--json", "--by", "domain").stdout)["rows"]
    assert {row["name"]: row["bytes"] for row in by_domain} == _gateway_by_domain(sandbox)
    for by in ("pool", "crawl", "day"):
        assert json.loads(rf("ledger", "--json", "--by", by).stdout)["total_bytes"] == billed

    table = list(csv.DictReader(io.StringIO(rf("ledger", "--csv", "--by", "spider").stdout)))
    assert {row["spider"]: int(row["bytes"]) for row in table} == {
        name: row["bytes"] for name, row in rows.items()
    }
    assert "REQUESTS" in rf("ledger", terminal=True).stdout.splitlines()[0]
    assert f"({billed:,} bytes)" in rf("ledger", terminal=True).stderr
    crawls = json.loads(rf("crawls", "--json").stdout)["crawls"]
    assert sum(one["cost"] for one in crawls) == pytest.approx(whole["total_cost"])


def _gateway_by_domain(sandbox):
    found = {}
    for row in sandbox.traffic()["traffic"]:
        if row["billed"]:
            host = row["target"].rsplit(":", 1)[0]
            found[host] = found.get(host, 0) + row["bytes_up"] + row["bytes_down"]
    return found


def test_without_a_price_there_is_no_cost_and_with_no_spend_no_row(rf):
    done = rf("ledger")
    assert (done.stdout, done.returncode) == ("", ExitCode.DONE)
    assert "Nothing has been spent here" in done.stderr
    whole = json.loads(rf("ledger", "--json").stdout)
    assert (whole["rows"], whole["total_bytes"], whole["total_cost"]) == ([], 0, None)


def test_what_cannot_be_meant_is_refused_in_a_sentence(rf, tmp_path):
    assert "as 7d" in rf("ledger", "--since", "always").stderr
    assert rf("ledger", "--by", "colour").returncode == ExitCode.USAGE
    assert rf("ledger", "--csv", "--json").returncode == ExitCode.USAGE
    (tmp_path / "config.toml").write_text("prices = 4")
    done = rf("ledger")
    assert done.returncode == ExitCode.USAGE
    assert "[[profiles.NAME.prices]]" in done.stderr
