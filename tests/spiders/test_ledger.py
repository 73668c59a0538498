"""What real crawls spent: the ledger, the log and the stats agree with the gateway to the byte."""

import csv
import io
import json
from decimal import Decimal
from functools import partial

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes
from support.expeditions import by_spider, gateway_by_domain, side_by_side
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


def test_ledger_stats_and_log_agree_with_the_gateway_to_the_byte(rf, sandbox, tmp_path):
    (tmp_path / "config.toml").write_text(PRICED)
    outcomes = side_by_side(tmp_path, sandbox, pages=11, size=3_000)
    by_domain = gateway_by_domain(sandbox)
    billed = sum(by_domain.values())

    whole = json.loads(rf("ledger", "--json").stdout)
    assert whole["total_bytes"] == billed > 0
    assert whole["total_cost"] == pytest.approx(1_000 * billed / GIGABYTE)
    rows = {row["name"]: row for row in whole["rows"]}
    for name, outcome in outcomes.items():
        assert rows[name]["bytes"] == by_spider(by_domain)[name] == outcome.stats["rf/spent_bytes"]
        assert rows[name]["items"] == outcome.stats["item_scraped_count"]
        assert rows[name]["cost"] == pytest.approx(float(outcome.stats["rf/cost"]), abs=1e-6)
        assert f" = ${Decimal(rows[name]['cost']):.4f} of pool" in outcome.log
    shown = {f"rows[].{name}" for name in rows["ada"]} | {"by", "since"}
    shown |= {name for name in whole if name.startswith("total_")}
    assert shown == set(JSON_KEYS["ledger"])

    found = json.loads(rf("ledger", "--json", "--by", "domain").stdout)["rows"]
    assert {row["name"]: row["bytes"] for row in found} == by_domain
    for by in ("pool", "crawl", "cause", "day"):
        assert json.loads(rf("ledger", "--json", "--by", by).stdout)["total_bytes"] == billed

    table = list(csv.DictReader(io.StringIO(rf("ledger", "--csv", "--by", "spider").stdout)))
    assert {row["spider"]: int(row["bytes"]) for row in table} == {
        name: row["bytes"] for name, row in rows.items()
    }
    assert "REQUESTS" in rf("ledger", terminal=True).stdout.splitlines()[0]
    assert f"({billed:,} bytes)" in rf("ledger", terminal=True).stderr
    crawls = json.loads(rf("crawls", "--json").stdout)["crawls"]
    assert sum(one["cost"] for one in crawls) == pytest.approx(whole["total_cost"])
    sheet = list(csv.DictReader(io.StringIO(rf("crawls", "--csv").stdout)))
    assert [(row["id"], int(row["wire_bytes"])) for row in sheet] == [
        (one["id"], one["wire_bytes"]) for one in crawls
    ]
    costs = [float(row["cost"]) for row in sheet]  # each with six digits
    assert sum(costs) == pytest.approx(whole["total_cost"], abs=len(costs) * 1e-6)


def test_without_a_price_there_is_no_cost_and_with_no_spend_no_row(rf):
    done = rf("ledger")
    assert (done.stdout, done.returncode) == ("", ExitCode.DONE)
    assert "Nothing has been spent here" in done.stderr
    whole = json.loads(rf("ledger", "--json").stdout)
    assert (whole["rows"], whole["total_bytes"], whole["total_cost"]) == ([], 0, None)


def test_what_cannot_be_meant_is_refused_in_a_sentence(rf, tmp_path):
    assert "as 7d" in rf("ledger", "--since", "always").stderr
    assert rf("ledger", "--by", "colour").returncode == ExitCode.USAGE
    for command in ("ledger", "crawls"):
        assert rf(command, "--csv", "--json").returncode == ExitCode.USAGE
    assert "not with --csv" in rf("crawls", "stop", "ada", "--csv").stderr
    (tmp_path / "config.toml").write_text("prices = 4")
    done = rf("ledger")
    assert done.returncode == ExitCode.USAGE
    assert "[[profiles.NAME.prices]]" in done.stderr


LOSES_THE_STATE = """
import os, pathlib

class Fetch(scrapy.Spider):
    name = "fetch"

    async def start(self):
        for url in {first!r}:
            yield scrapy.Request(url, dont_filter=True)
        yield scrapy.Request({second!r}, self.lose, dont_filter=True, priority=-1)

    def lose(self, response):
        pathlib.Path(os.environ["RF_STATE_DIR"], "state.db").unlink()
        yield {{"url": response.url}}
        for url in {third!r}:
            yield scrapy.Request(url, dont_filter=True)

    def parse(self, response):
        yield {{"url": response.url}}
"""


def test_a_ledger_that_is_deleted_under_way_has_all_of_the_crawl_again(rf, sandbox, tmp_path):
    source = LOSES_THE_STATE.format(
        first=[f"{sandbox.site_http}/bytes/5000?n={n}" for n in range(8)],
        second=f"{sandbox.site_http}/slow/2000",  # a report comes due meanwhile
        third=[f"{sandbox.site_https}/bytes/3000?n={n}" for n in range(4)],
    )
    outcome = crawl(
        tmp_path, source, ADDON | {"CONCURRENT_REQUESTS": 4}, environment(tmp_path, sandbox)
    )
    assert outcome.stats["item_scraped_count"] == 13
    whole = json.loads(rf("ledger", "--json").stdout)
    assert whole["total_bytes"] == gateway_bytes(sandbox) == outcome.stats["rf/spent_bytes"]
    assert "Traceback" not in outcome.log
