"""Thousands of requests and hundreds of exits where there are few descriptors."""

import pytest
from support.crawls import AIOHTTP, HTTPX
from support.descriptors import assert_none_lost, crawl_within

from rf_sandbox.sandbox import Sandbox

DESCRIPTORS = 256


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(seed=24) as running:
        running.limit(generate=1_000)
        yield running


@pytest.mark.parametrize(
    ("handler", "count"),
    [({}, 2_000), (AIOHTTP, 400), (HTTPX, 400)],
    ids=["HTTP11", "aiohttp", "httpx"],
)
def test_none_is_lost_and_the_limit_is_never_met(tmp_path, sandbox, handler, count):
    done = crawl_within(
        tmp_path, sandbox, descriptors=DESCRIPTORS, count=count, seconds=240,
        RF_ROTATE=5, RF_QUANTITY=2_000, **handler,
    )  # fmt: skip
    assert_none_lost(tmp_path, done, count)
    assert done.stats["rf/exits/distinct"] >= count // 2
    assert done.stats["descriptors/most"] < DESCRIPTORS
