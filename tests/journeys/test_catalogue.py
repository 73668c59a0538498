"""Ten thousand items through mixed faults: the long sister of the test in `tests/spiders`."""

import sys

import pytest
from support.catalogue import crawl_catalogue

from rf_sandbox.pages import Site
from rf_sandbox.sandbox import Sandbox

ITEMS = 10_000


@pytest.mark.soak
def test_every_one_of_ten_thousand_items_comes_once(tmp_path, capsys):
    with Sandbox(seed=7, site=Site(items=ITEMS)) as sandbox:
        result = crawl_catalogue(sandbox, tmp_path, ITEMS, stop_after=4_000, seconds=1_500)
        rows = sandbox.traffic()["traffic"]
    refused = sum(row["status"] == 407 for row in rows)
    told = [
        f"{len(result.items):,} items in {sum(result.seconds):.0f} s, {len(rows):,} calls",
        f"{refused} of them refused with 407, {len(result.again)} on a dead credential after",
    ]
    for stats in result.stats:
        wanted = ("retry/count", "rf/requests", "rf/verdict", "rf/backoff", "rf/proxies")
        told.append(str({name: stats[name] for name in sorted(stats) if name.startswith(wanted)}))
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *told, ""]))
    assert sorted(result.items) == list(range(1, ITEMS + 1)), result.log[-20_000:]
    assert set(result.items.values()) == {1}
    assert result.wrong == []
    assert [stats["finish_reason"] for stats in result.stats] == ["shutdown", "finished"]
    assert result.again == []
    assert "127.0.0.1" not in result.clients
