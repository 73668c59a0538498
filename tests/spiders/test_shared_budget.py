"""One budget for all processes of a crawl, over restarts, and for whoever says the same name."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes, spider

MB = 1 << 20

DYING = """
import os, signal
class Fetch(scrapy.Spider):
    name = "fetch"
    seen = 0
    async def start(self):
        for n in range(400):
            yield scrapy.Request(f"{site}/bytes/{{10_000 + n}}", dont_filter=True)
    def parse(self, response):
        self.seen += 1
        if self.seen == {after}:
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def run(sandbox, tmp_path):
    env = environment(tmp_path, sandbox)

    def run(settings, *, pages=400, name="", source=None):
        folder = tmp_path / (name or "one")
        folder.mkdir(exist_ok=True)
        source = source or spider(
            *(f"{sandbox.site_http}/bytes/{10_000 + n}" for n in range(pages))
        )
        return crawl(folder, source, ADDON | settings, env)

    return run


def test_processes_of_one_crawl_have_one_budget(sandbox, run):
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda n: run({"RF_BUDGET": "3 MB"}, name=f"p{n}"), range(3)))
    assert {one.stats["finish_reason"] for one in done} == {"rf_budget_spent"}, done[0].log
    spent = sum(one.stats["rf/spent_bytes"] for one in done)
    assert spent == gateway_bytes(sandbox)
    assert 3 * MB * 0.98 <= spent <= 3 * MB
    assert any("from it now" in one.log for one in done)


def test_a_job_that_is_resumed_keeps_its_budget(sandbox, run, tmp_path):
    job = {"RF_BUDGET": "2 MB", "JOBDIR": str(tmp_path / "job")}
    first = run(job | {"CLOSESPIDER_ITEMCOUNT": 60})
    assert first.stats["finish_reason"] == "closespider_itemcount", first.log
    second = run(job)
    assert second.stats["finish_reason"] == "rf_budget_spent", second.log
    assert 2 * MB * 0.98 <= gateway_bytes(sandbox) <= 2 * MB
    third = run(job)
    assert third.stats["finish_reason"] == "rf_budget_spent"
    assert "rf/spent_bytes" not in third.stats or third.stats["rf/spent_bytes"] < 20_000
    assert gateway_bytes(sandbox) <= 2 * MB
    more = run(job | {"RF_BUDGET": "3 MB"})
    assert 3 * MB * 0.98 <= gateway_bytes(sandbox) <= 3 * MB
    assert "goes on where it stands" in more.log


def test_a_job_that_is_finished_has_a_new_budget_when_it_begins_again(run, tmp_path):
    job = {"RF_BUDGET": "1 MB", "JOBDIR": str(tmp_path / "job")}
    for _ in range(3):
        done = run(job, pages=60)
        assert done.stats["finish_reason"] == "finished", done.log


def test_a_crawl_begins_with_a_new_budget_each_time(run):
    for _ in range(2):
        done = run({"RF_BUDGET": "1 MB"}, pages=60)
        assert done.stats["finish_reason"] == "finished", done.log


def test_what_was_killed_is_gone_on_with_from_what_it_had_spent(sandbox, run):
    budget = {"RF_BUDGET": "4 MB"}
    dying = DYING.format(site=sandbox.site_http, after=100)
    killed = [run(budget, source=dying) for _ in range(2)]
    assert [one.returncode for one in killed] == [-9, -9]
    done = run(budget)
    assert done.stats["finish_reason"] == "rf_budget_spent", done.log
    assert "drawn by what was killed" in done.log
    on_their_way = 2 * 16 * 12_000
    assert 4 * MB * 0.98 <= gateway_bytes(sandbox) <= 4 * MB + on_their_way
    anew = run(budget, pages=60)
    assert anew.stats["finish_reason"] == "finished", "it was gone on with, and that has ended"


def test_who_says_the_same_name_has_the_same_budget_for_ever(sandbox, run):
    budget = {"RF_BUDGET": "1 MB", "RF_BUDGET_NAME": "november"}
    assert run(budget, pages=60).stats["finish_reason"] == "finished"
    assert run(budget, pages=60).stats["finish_reason"] == "rf_budget_spent"
    assert MB * 0.98 <= gateway_bytes(sandbox) <= MB
    other = run(budget | {"RF_BUDGET_NAME": "december"}, pages=60)
    assert other.stats["finish_reason"] == "finished"
