"""What a crawl answers when it is told something, from where it stands."""

from dataclasses import replace

import pytest

from rf_core.control import VERBS, Standing, answer, named
from rf_core.snapshot import CrawlReport

MB = 1 << 20
RUNNING = Standing(limit_bytes=500 * MB, spent_bytes=20 * MB)
PAUSED = replace(RUNNING, is_paused=True)


@pytest.mark.parametrize(
    ("verb", "standing", "done", "said"),
    [
        ("pause", RUNNING, True, "nothing new is sent"),
        ("pause", PAUSED, False, "paused already"),
        ("resume", PAUSED, True, "Goes on."),
        ("resume", RUNNING, False, "Nobody has paused it."),
        ("resume", replace(RUNNING, dry_pool="premium"), False, "a top-up of pool premium"),
        ("resume", replace(PAUSED, dry_pool="premium"), True, "when pool premium is topped up"),
        ("stop", RUNNING, True, "rf_stopped"),
        ("stop", PAUSED, True, "rf_stopped"),
    ],
)
def test_it_does_what_makes_sense_where_it_stands(verb, standing, done, said):
    found = answer(verb, standing)
    assert found.is_done is done
    assert said in found.text


def test_a_budget_only_becomes_less_and_the_way_to_more_is_said():
    assert answer("budget", RUNNING, 100 * MB).is_done
    for limit in (500 * MB, 501 * MB):
        refused = answer("budget", RUNNING, limit)
        assert not refused.is_done
        assert "RF_BUDGET" in refused.text
        assert "JOBDIR" in refused.text
    assert answer("budget", replace(RUNNING, limit_bytes=None), 10**12).is_done
    assert "so it ends" in answer("budget", RUNNING, 20 * MB).text
    assert not answer("budget", RUNNING).is_done
    assert not answer("budget", RUNNING, 0).is_done


@pytest.mark.parametrize("verb", VERBS)
def test_one_that_does_not_listen_or_is_ending_does_nothing(verb):
    assert "RF_CONTROL" in answer(verb, replace(RUNNING, listens=False), 1).text
    assert "ending already" in answer(verb, replace(RUNNING, is_ending=True), 1).text
    assert not answer(verb, replace(PAUSED, listens=False), 1).is_done


def crawl(id_, spider, **facts):
    return CrawlReport(
        id=id_, spider=spider, project="shop", pid=1, host="box", pool="premium",
        started_at=1.0, updated_at=2.0, **facts,
    )  # fmt: skip


CRAWLS = (
    crawl("aaa111", "books"),
    crawl("aaa222", "prices"),
    crawl("bbb333", "prices"),
    crawl("ccc444", "old", finished_at=2.0),
)


@pytest.mark.parametrize(
    ("text", "found"), [("aaa111", "aaa111"), ("books", "aaa111"), ("bbb", "bbb333")]
)
def test_a_running_crawl_is_meant_by_its_id_its_spider_or_a_beginning(text, found):
    assert named(CRAWLS, text).id == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices", "aaa222 (prices), bbb333 (prices)"),
        ("aaa", "Several"),
        ("old", "aaa111 (books)"),
        ("bb", "No crawl"),
        ("", "No crawl"),
    ],
)
def test_what_means_none_or_several_is_said_with_what_there_is(text, said):
    found = named(CRAWLS, text)
    assert isinstance(found, str)
    assert said in found
