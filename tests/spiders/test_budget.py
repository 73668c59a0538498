"""A budget is a cap: nothing is started that would reach beyond it, and what does is cut."""

import pytest
from support.crawls import ADDON, crawl, environment, gateway_bytes, spider

KILOBYTE = 1_024
READ_AT_ONCE = 256 * KILOBYTE


def urls_of(sandbox, count, size, *, scheme="http"):
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    return [f"{site}/bytes/{size + n}" for n in range(count)]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("concurrency", [1, 16])
def test_a_crawl_ends_before_its_budget_does(sandbox, tmp_path, scheme, concurrency):
    settings = ADDON | {"RF_BUDGET": "1 MB", "CONCURRENT_REQUESTS": concurrency}
    settings["CONCURRENT_REQUESTS_PER_DOMAIN"] = concurrency
    pages = spider(*urls_of(sandbox, 200, 10_000, scheme=scheme))
    done = crawl(tmp_path, pages, settings, environment(tmp_path, sandbox))
    assert done.stats["finish_reason"] == "rf_budget_spent", done.log
    spent = done.stats["rf/spent_bytes"]
    assert 1_048_576 * 0.98 <= spent <= 1_048_576
    assert spent == gateway_bytes(sandbox)
    assert done.stats["rf/budget_bytes"] == 1_048_576
    assert "(budget 1.00 MB)" in done.log


def test_a_crawl_that_stays_below_never_notices(sandbox, tmp_path):
    settings = ADDON | {"RF_BUDGET": "50 MB"}
    done = crawl(
        tmp_path, spider(*urls_of(sandbox, 30, 10_000)), settings, environment(tmp_path, sandbox)
    )
    assert done.stats["finish_reason"] == "finished"
    assert done.stats["response_received_count"] == 30


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_turns_out_larger_is_cut_at_the_cap(sandbox, tmp_path, scheme):
    settings = ADDON | {"RF_BUDGET": 2_000_000, "DOWNLOAD_WARNSIZE": 0, "RETRY_TIMES": 1}
    pages = spider(*urls_of(sandbox, 1, 30_000_000, scheme=scheme))
    done = crawl(tmp_path, pages, settings, environment(tmp_path, sandbox))
    assert done.stats["finish_reason"] == "rf_budget_spent", done.log
    spent = done.stats["rf/spent_bytes"]
    assert 2_000_000 <= spent <= 2_000_000 + READ_AT_ONCE
    # What the gateway's own buffers had taken in by then is on its meter.
    assert gateway_bytes(sandbox) <= spent + 8 * 1_048_576


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_many_large_bodies_are_not_begun_together_only_to_be_cut(sandbox, tmp_path, scheme):
    settings = ADDON | {"RF_BUDGET": "17 MB", "DOWNLOAD_WARNSIZE": 0, "RETRY_TIMES": 0}
    settings |= {"CONCURRENT_REQUESTS": 32, "CONCURRENT_REQUESTS_PER_DOMAIN": 32}
    pages = spider(*urls_of(sandbox, 100, 8_000_000, scheme=scheme))
    done = crawl(tmp_path, pages, settings, environment(tmp_path, sandbox))
    assert done.stats["finish_reason"] == "rf_budget_spent", done.log
    assert done.stats["item_scraped_count"] >= 1, "what fits comes whole"
    # 32 of them, each cut, would be 100 MB more on the gateway's meter, which has read ahead.
    assert gateway_bytes(sandbox) <= 17 * 1_048_576 + 16 * 1_048_576


def test_what_did_not_leave_is_there_when_the_job_is_resumed(sandbox, tmp_path):
    pages = spider(*urls_of(sandbox, 120, 10_000)).replace(", dont_filter=True", "")
    job = {"JOBDIR": str(tmp_path / "job"), "CONCURRENT_REQUESTS": 4}
    env = environment(tmp_path, sandbox)
    first = crawl(tmp_path, pages, ADDON | job | {"RF_BUDGET": "500 kB"}, env)
    assert first.stats["finish_reason"] == "rf_budget_spent"
    second = crawl(tmp_path, pages, ADDON | job, env)
    assert second.stats["finish_reason"] == "finished", second.log
    got = first.stats["response_received_count"] + second.stats["response_received_count"]
    assert got == 120


@pytest.mark.parametrize("value", ["$", "much", "0", "-5 GB", "5 PB", ""])
def test_what_is_no_size_is_said_before_anything_is_spent(sandbox, tmp_path, value):
    done = crawl(
        tmp_path,
        spider(*urls_of(sandbox, 1, 10)),
        ADDON | {"RF_BUDGET": value},
        environment(tmp_path, sandbox),
    )
    assert "RF_BUDGET" in done.log
    assert "as 5 GB" in done.log
    assert sandbox.journal()["calls"] == []


def test_a_budget_in_money_is_held_by_the_price_in_the_profile(sandbox, tmp_path):
    (tmp_path / "config.toml").write_text("[[prices]]\nper_gb = 512\n")
    done = crawl(
        tmp_path,
        spider(*urls_of(sandbox, 300, 10_000)),
        ADDON | {"RF_BUDGET": "$1"},
        environment(tmp_path, sandbox),
    )
    assert done.stats["finish_reason"] == "rf_budget_spent", done.log
    assert 0.98 * 2 * 1_048_576 <= gateway_bytes(sandbox) <= 2 * 1_048_576
    assert 0.98 <= float(done.stats["rf/cost"]) <= 1
    assert done.stats["rf/budget_dollars"] == "1.0"
    assert "(budget $1.00)" in done.log


def test_a_budget_in_money_without_a_price_is_said_before_anything_is_spent(sandbox, tmp_path):
    done = crawl(
        tmp_path,
        spider(*urls_of(sandbox, 1, 10)),
        ADDON | {"RF_BUDGET": "$5"},
        environment(tmp_path, sandbox),
    )
    assert done.stats["finish_reason"] == "rf_settings"
    assert "RF_BUDGET (or --budget) of $5.00 needs a price" in done.log
    assert "or the budget in bytes, as 5 GB" in done.log
    assert sandbox.journal()["calls"] == []
