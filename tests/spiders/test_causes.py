"""Why the bytes of real crawls went: causes sum to the gateway's count, and are the right ones."""

import csv
import io
import json

import pytest
from support.crawls import ADDON, crawl, environment, every_handler
from support.invoking import invoke

from rf_core.causes import SpendCause
from rf_core.units import GIGABYTE
from rf_tui.cli.json_keys import JSON_KEYS

ERRANDS = """
class Errands(scrapy.Spider):
    name = "errands"
    handle_httpstatus_list = [403, 500]

    async def start(self):
        site = "SITE".replace("//localhost", "//{}.localhost").replace("127.0.0.1", "{}.localhost")
        for n in range(6):
            yield scrapy.Request(site.format("pages") + f"/bytes/{4_000 + n}")
        yield scrapy.Request(site.format("moved") + "/redirect/2")
        yield scrapy.Request(site.format("ill") + "/status/500")
        yield scrapy.Request(site.format("closed") + "/status/403")
        yield scrapy.Request(site.format("large") + "/bytes/3000000", errback=self.cut)
        self.picture = site.format("pictures") + "/bytes/20000"

    def parse(self, response):
        if response.url.endswith("/bytes/4000"):
            yield {"file_urls": [self.picture]}

    def cut(self, failure):
        pass
"""
SETTINGS = ADDON | {
    "ROBOTSTXT_OBEY": True,
    "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
    "DOWNLOAD_MAXSIZE": 1_000_000,
    "RETRY_TIMES": 2,
    "RF_BAN_RETRY_TIMES": 1,
}
ON_ERRANDS = {
    "pages.localhost": {"page": 6, "robots": 1},
    "moved.localhost": {"page": 1, "redirect": 2, "robots": 1},
    "ill.localhost": {"page": 1, "retry": 2, "robots": 1},
    "closed.localhost": {"blocked": 2, "robots": 1},
    "large.localhost": {"aborted": 1, "robots": 1},
    "pictures.localhost": {"media": 1, "robots": 1},
}


@pytest.fixture
def run(tmp_path, sandbox):
    def run(site, **settings):
        more = SETTINGS | {"FILES_STORE": str(tmp_path / "files")} | settings
        env = environment(tmp_path, sandbox)
        return crawl(tmp_path, ERRANDS.replace("SITE", site), more, env)

    return run


def causes_of(outcome):
    counts = {cause.value: outcome.stats[f"rf/cause/{cause}"] for cause in SpendCause}
    return {cause: count for cause, count in counts.items() if count}


def rows_of(sandbox, domain):
    rows = [row for row in sandbox.traffic()["traffic"] if row["domain"] == domain]
    return sorted(rows, key=lambda row: row["seq"])


def size(rows):
    return sum(row["bytes_up"] + row["bytes_down"] for row in rows)


def test_a_plain_request_has_its_cause_to_the_byte(run, sandbox, tmp_path):
    outcome = run(sandbox.site_http)
    causes = causes_of(outcome)
    assert sum(causes.values()) == outcome.stats["rf/spent_bytes"], outcome.log
    assert set(causes) == set(SpendCause) - {SpendCause.TUNNEL}
    moved, ill = rows_of(sandbox, "moved.localhost"), rows_of(sandbox, "ill.localhost")
    assert causes["redirect"] == size([row for row in moved if row["status"] == 302])
    assert causes["retry"] == size([row for row in ill if row["status"] == 500][1:])
    closed = rows_of(sandbox, "closed.localhost")
    assert causes["blocked"] == size([row for row in closed if row["status"] == 403])
    assert causes["media"] == size(rows_of(sandbox, "pictures.localhost")[1:])
    first = [rows_of(sandbox, domain)[0] for domain in ON_ERRANDS]
    assert causes["robots"] == size(first)
    assert causes["page"] == sum(
        size(rows)
        for rows in (
            rows_of(sandbox, "pages.localhost")[1:],
            [row for row in moved[1:] if row["status"] == 200],
            [row for row in ill if row["status"] == 500][:1],
        )
    )
    # What was cut is at least what crossed the wire, and no more than the gateway let go.
    assert 0 < causes["aborted"] <= size(rows_of(sandbox, "large.localhost")[1:])


@every_handler
def test_in_tunnels_causes_sum_to_the_gateways_count(run, sandbox, tmp_path, handler):
    outcome = run(sandbox.site_https, **handler)
    causes = causes_of(outcome)
    assert set(causes) == set(SpendCause), outcome.log
    assert sum(causes.values()) == outcome.stats["rf/spent_bytes"]
    # A handshake takes CONNECT, a hello of each side and a certificate.
    assert 1_000 < causes["tunnel"] / outcome.stats["rf/tunnels"] < 6_000
    assert 20_000 < causes["media"] < 22_000
    # Eight requests, with heads, session tickets and what TLS adds to them.
    assert 6 * 4_000 < causes["page"] < 6 * 4_000 + 8 * 1_300
    ledger = json.loads(invoke(tmp_path, sandbox, "ledger", "--by", "cause", "--json").stdout)
    assert {row["name"]: row["bytes"] for row in ledger["rows"]} == causes
    assert ledger["total_bytes"] == outcome.stats["rf/spent_bytes"]
    assert ledger["total_requests"] == outcome.stats["rf/requests/proxied"]


def test_what_would_have_been_saved_is_said_with_the_line_that_saves_it(run, sandbox, tmp_path):
    (tmp_path / "config.toml").write_text("[[prices]]\nper_gb = 1000\n")
    causes = causes_of(run(sandbox.site_http))

    def rf(*args, **more):
        return invoke(tmp_path, sandbox, "ledger", *args, **more)

    found = json.loads(rf("waste", "--json").stdout)
    rows = {row["cause"]: row for row in found["rows"]}
    assert {name: row["bytes"] for name, row in rows.items()} == causes
    media = rows["media"]
    assert (media["setting"], media["certainty"]) == ('RF_MEDIA = "off"', "exactly")
    assert (media["saves_bytes"], media["requests"]) == (causes["media"], 1)
    assert media["saves_cost"] == pytest.approx(1_000 * causes["media"] / GIGABYTE)
    assert media["domains"][0]["domain"] == "pictures.localhost"
    assert rows["page"]["setting"] is None
    shown = {f"rows[].{name}" for name in media if name != "domains"} | {"since", "total_bytes"}
    shown |= {"rows[].domains[].domain", "rows[].domains[].bytes"}
    assert shown == set(JSON_KEYS["ledger waste"])

    table = {row["cause"]: row for row in csv.DictReader(io.StringIO(rf("waste", "--csv").stdout))}
    assert {name: int(row["bytes"]) for name, row in table.items()} == causes
    assert 'RF_MEDIA = "off"' in rf("waste", terminal=True).stdout
    assert json.loads(rf("waste", "--json", "--spider", "nobody").stdout)["rows"] == []
    by_spider = json.loads(rf("--json", "--by", "cause", "--spider", "errands").stdout)
    assert by_spider["total_bytes"] == sum(causes.values())
