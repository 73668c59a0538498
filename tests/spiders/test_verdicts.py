"""The verdict matrix: every kind of refusal, on three handlers, in one crawl each."""

import contextlib
import json
import re
import sqlite3
from collections import Counter

import pytest
from support.crawls import ADDON, AIOHTTP, HTTPX, crawl, environment, spider
from support.verdict_cases import CASES

from rf_sandbox.sandbox import Sandbox

HANDLERS = {"HTTP11": {}, "aiohttp": AIOHTTP, "httpx": HTTPX}

SPIDER = """
class Matrix(scrapy.Spider):
    name = "matrix"
    handle_httpstatus_all = True

    async def start(self):
        for name, url, meta in {cases!r}:
            yield scrapy.Request(
                url, callback=self.parse, errback=self.failed, dont_filter=True,
                cb_kwargs={{"name": name}}, meta=meta | {{"name": name}},
            )

    def parse(self, response, name):
        yield {{"name": name, "outcome": response.status}}

    def failed(self, failure):
        response = getattr(failure.value, "response", None)
        outcome = response.status if response is not None else type(failure.value).__name__
        yield {{"name": failure.request.meta["name"], "outcome": outcome}}
"""

# A lane for each case: one that was reset on a connection kept alive would be replayed unseen.
SETTINGS = ADDON | {
    "CONCURRENT_REQUESTS": 100, "RF_LIVE_PROXIES": 100, "RF_QUANTITY": 400,
    "DOWNLOAD_FAIL_ON_DATALOSS": True,
}  # fmt: skip


class Matrix:
    """What one crawl over all cases has left, by case."""

    def __init__(self, folder, sandbox, handler):
        base = {"http": sandbox.site_http, "https": sandbox.site_https}
        cases = [
            (
                one.name,
                re.sub("//[^:]+:", f"//{one.domain}:", base[one.scheme]) + one.path,
                one.meta,
            )
            for one in CASES
        ]
        sandbox.faults(*(rule for one in CASES for rule in one.rules))
        feed = {"FEEDS": {str(folder / "items.json"): {"format": "json"}}}
        source = SPIDER.format(cases=cases)
        self.done = crawl(folder, source, SETTINGS | handler | feed, environment(folder, sandbox))
        items = json.loads((folder / "items.json").read_text())
        self.outcomes = {item["name"]: item["outcome"] for item in items}
        self.answers = Counter(item["name"] for item in items)
        self.rows = sandbox.traffic()["traffic"]
        self.addresses = {row["client"] for row in sandbox.site_log()["requests"]}

    def verdicts(self, case):
        found = rf"(\w+) \w+: <GET https?://{re.escape(case.domain)}:"
        return re.findall(rf"\[rf_scrapy\.crawl\] DEBUG: {found}", self.done.log)

    def retries(self, case):
        return len(re.findall(rf"Retrying <GET https?://{re.escape(case.domain)}:", self.done.log))

    def sent(self, case):
        """What the gateway has seen of a case, without the questions whether it has refused."""
        return [
            row
            for row in self.rows
            if row["target"].startswith(f"{case.domain}:")
            and (case.scheme == "https") is (row["method"] == "CONNECT")
        ]


@pytest.fixture(scope="module", params=HANDLERS)
def matrix(request, tmp_path_factory):
    with Sandbox(seed=7) as sandbox:
        yield Matrix(tmp_path_factory.mktemp("matrix"), sandbox, HANDLERS[request.param])


def any_of(expected):
    return expected if isinstance(expected, tuple) else (expected,)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_and_what_follows(matrix, case):
    """C-165, C-168, C-169"""
    verdicts = matrix.verdicts(case)
    assert len(verdicts) == len(case.verdicts), verdicts
    pairs = zip(verdicts, case.verdicts, strict=True)
    assert [seen for seen, known in pairs if seen not in any_of(known)] == []
    assert matrix.outcomes[case.name] in any_of(case.outcome)
    assert matrix.answers[case.name] == 1
    assert matrix.retries(case) == case.retries
    rows = matrix.sent(case)
    if case.sent is not None:
        assert len(rows) == case.sent
    names = [row["username"] for row in rows]
    if case.exits == "same":
        assert len(set(names)) == 1
        assert len(names) >= 1
    elif case.exits == "other":
        assert len(set(names)) == len(names) > 1


def test_the_matrix_as_a_whole(matrix):
    """What is refused is never tried again, nothing leaves directly, every verdict is counted."""
    names = {row["username"] for row in matrix.rows if row["outcome"] == "refused_407"}
    assert names
    for case in CASES:
        # Of two requests under way on one credential each may be told; neither tries again.
        told = [row["username"] for row in matrix.sent(case) if row["outcome"] == "refused_407"]
        assert len(set(told)) == len(told), "a dead credential was tried again"
    assert "127.0.0.1" not in matrix.addresses
    assert matrix.done.stats["rf/requests/direct"] == 0
    counted = sum(n for name, n in matrix.done.stats.items() if name.startswith("rf/verdict/"))
    assert counted == sum(len(matrix.verdicts(case)) for case in CASES)
    assert matrix.done.stats["rf/proxies/retired"] == len(names)
    assert matrix.done.stats["finish_reason"] == "finished"
    assert "Traceback" not in matrix.done.log


EMPTY = {"402": "402", "407": "407", "452": "452", "403": "403"}


@pytest.mark.parametrize("status", EMPTY)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_empty_pool_ends_the_crawl_and_its_requests_are_kept(sandbox, tmp_path, status, scheme):
    """C-168: whatever status says so, nothing more is sent through that pool."""
    sandbox.switch(exhausted_status=status)
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    source = f"""
    class Emptying(scrapy.Spider):
        name = "emptying"
        async def start(self):
            for n in range(30):
                yield scrapy.Request("{site}/bytes/" + str(4_000 + n))
        def parse(self, response):
            yield {{}}
    """
    sandbox.set_balance("premium", 30_000)
    settings = ADDON | {"CONCURRENT_REQUESTS": 1, "JOBDIR": str(tmp_path / "job")}
    done = crawl(tmp_path, source, settings, environment(tmp_path, sandbox))
    assert done.stats["finish_reason"] == "rf_balance_exhausted", done.log
    refused = [row for row in sandbox.traffic()["traffic"] if row["status"] == int(status)]
    assert done.stats["rf/verdict/gateway_exhausted"] == 1
    assert len(refused) == 1 + done.stats["rf/probes"] == (2 if scheme == "http" else 1)
    assert done.stats["rf/proxies/retired"] == 0
    sandbox.top_up("premium", 10**7)
    again = crawl(
        tmp_path, source.replace("range(30)", "()"), settings, environment(tmp_path, sandbox)
    )
    assert done.stats["item_scraped_count"] + again.stats["item_scraped_count"] == 30, again.log


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_revoked_key_that_takes_its_credentials_along_ends_the_crawl(sandbox, tmp_path, scheme):
    """C-165: each is tried once, then the API says what happened."""
    sandbox.switch(revoke_kills_proxies="yes")
    sandbox.faults(
        {
            "where": "api",
            "match": {"path": "/api/v1/proxies", "after": 1},
            "what": {"kind": "revoke_key"},
        },
        {"where": "gateway", "match": {"after": 5}, "what": {"kind": "status", "status": 407}},
    )
    site = sandbox.site_http if scheme == "http" else sandbox.site_https
    urls = [f"{site}/bytes/{n}" for n in range(20)]
    settings = ADDON | {
        "RF_LIVE_PROXIES": 2, "RF_QUANTITY": 6, "CONCURRENT_REQUESTS": 1, "RF_ROTATE": "request",
    }  # fmt: skip
    done = crawl(tmp_path, spider(*urls), settings, environment(tmp_path, sandbox))
    rows = [row for row in sandbox.traffic()["traffic"] if row["status"] == 407]
    refused = [row["username"] for row in rows if (row["method"] == "GET") is (scheme == "http")]
    assert len(rows) - len(refused) == done.stats["rf/probes"]
    assert len(set(refused)) == len(refused) == done.stats["rf/proxies/retired"], done.log
    assert done.stats["finish_reason"] == "rf_key_refused", done.log
    assert done.stats["rf/requests/direct"] == 0


def test_every_refusal_is_noted_for_other_crawls_though_the_crawl_ends_with_the_last(
    tmp_path, sandbox
):
    sandbox.faults({"where": "gateway", "what": {"kind": "status", "status": 407}})
    settings = ADDON | {"RF_LIVE_PROXIES": 8, "RF_QUANTITY": 8, "CONCURRENT_REQUESTS": 8}
    urls = [f"{sandbox.site_https}/bytes/{n}" for n in range(8)]
    crawl(tmp_path, spider(*urls), settings, environment(tmp_path, sandbox))
    refused = {row["username"] for row in sandbox.traffic()["traffic"]}
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "state.db")) as file:
        (noted,) = file.execute("SELECT COUNT(*) FROM refusals").fetchone()
    assert noted == len(refused) >= 8
