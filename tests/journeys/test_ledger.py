"""Four large crawls at once, undisturbed and disturbed: the ledger against the gateway's meter."""

import json
import subprocess
import sys
import time

from support.crawls import RUNNER, environment, gateway_bytes, spider
from support.expeditions import (
    SETTINGS,
    by_spider,
    gateway_by_domain,
    ledger_of,
    side_by_side,
)
from support.invoking import invoke

from rf_core.causes import SpendCause
from rf_sandbox.sandbox import Sandbox

FAULTS = (
    ("exit_dropped", {"bytes": 9_000}, 0.02),
    ("reset", {"bytes": 15_000}, 0.01),
    ("truncate", {"bytes": 12_000}, 0.01),
    ("status", {"status": 502}, 0.01),
)
ABORTED = (
    {"where": "site", "match": {"path": "/bytes/*", "every": 150},
     "what": {"kind": "drip", "bytes": 4_000, "milliseconds": 600}},
    {"where": "site", "match": {"path": "/bytes/*", "every": 190}, "what": {"kind": "hang"}},
)  # fmt: skip


def test_undisturbed_not_a_byte_is_missing_by_spider_domain_and_cause(tmp_path):
    with Sandbox(seed=11) as sandbox:
        outcomes = side_by_side(tmp_path, sandbox, pages=1_000, size=20_000, seconds=600)
        billed = gateway_by_domain(sandbox)
        ledger = ledger_of(tmp_path, sandbox)
        assert ledger("domain") == billed
        assert ledger("spider") == by_spider(billed)
        assert {name: one.stats["rf/spent_bytes"] for name, one in outcomes.items()} == by_spider(
            billed
        )
        causes = ledger("cause")
        assert sum(causes.values()) == sum(billed.values()) > 4 * 1_000 * 20_000
        assert set(causes) == set(SpendCause) - {SpendCause.ABORTED}


def test_with_faults_aborts_and_cuts_it_is_right_to_a_thousandth(tmp_path):
    with Sandbox(seed=12) as sandbox:
        sandbox.faults(
            *ABORTED,
            *(
                {"where": "gateway", "match": {"probability": chance}, "what": {"kind": kind} | how}
                for kind, how, chance in FAULTS
            ),
        )
        outcomes = side_by_side(
            tmp_path, sandbox, pages=1_000, size=20_000, seconds=1_200,
            DOWNLOAD_TIMEOUT=4, DOWNLOAD_MAXSIZE=41_000,
        )  # fmt: skip
        billed = gateway_by_domain(sandbox)
        ledger = ledger_of(tmp_path, sandbox)
        found, causes = ledger("domain"), ledger("cause")
        assert all(one.stats["finish_reason"] == "finished" for one in outcomes.values())
        assert sum(causes.values()) == sum(found.values())
        assert causes[SpendCause.ABORTED] > 0
        within(found, billed)
        within(ledger("spider"), by_spider(billed))
        within({"": sum(found.values())}, {"": sum(billed.values())})


def within(found, billed, share=0.001):
    assert found.keys() == billed.keys()
    off = {name: (found[name], count) for name, count in billed.items()
           if abs(found[name] - count) > share * count}  # fmt: skip
    assert off == {}


def test_a_crawl_that_is_killed_loses_a_second_at_most(tmp_path):
    with Sandbox(seed=13) as sandbox:
        urls = [f"{sandbox.site_https}/bytes/{30_000 + n}" for n in range(5_000)]
        (tmp_path / "spider.py").write_text("import scrapy\n" + spider(*urls))
        (tmp_path / "settings.json").write_text(json.dumps(SETTINGS))
        counts = []
        with subprocess.Popen(
            [sys.executable, RUNNER, tmp_path / "spider.py", tmp_path / "settings.json",
             tmp_path / "stats.json"],
            cwd=tmp_path, env=environment(tmp_path, sandbox), stderr=subprocess.DEVNULL,
        ) as crawl:  # fmt: skip
            while not counts or counts[-1][1] < 40_000_000:
                counts.append((time.monotonic(), gateway_bytes(sandbox)))
                assert crawl.poll() is None
                time.sleep(0.05)
            crawl.kill()
        killed_at = counts[-1][0]
        a_second_before = max(count for at, count in counts if at <= killed_at - 1.5)
        ledger = ledger_of(tmp_path, sandbox)
        total = sum(ledger("spider").values())
        assert a_second_before <= total <= gateway_bytes(sandbox)
        assert sum(ledger("cause").values()) == sum(ledger("domain").values()) == total
        (lost,) = json.loads(invoke(tmp_path, sandbox, "crawls", "--json").stdout)["crawls"]
        assert lost["wire_bytes"] == total
