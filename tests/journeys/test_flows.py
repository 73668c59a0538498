"""Ten thousand sticky flows while leases end all the time: none spans two exits."""

import json
import sys
import time

import pytest
from support.crawls import ADDON, crawl, environment
from support.flows import SETTINGS, assert_no_session_spans_two_exits, spider

from rf_sandbox.sandbox import Sandbox

FLOWS = 10_000


@pytest.mark.soak
def test_ten_thousand_flows_and_none_spans_two_exits(tmp_path, capsys):
    """C-162, C-163, C-164: leases count from the order, and are 24 seconds long."""
    feed = {"FEEDS": {str(tmp_path / "items.json"): {"format": "json"}}}
    began = time.monotonic()
    with Sandbox(seed=7, clock="scaled:5") as sandbox:
        sandbox.switch(session_start="generation")
        sandbox.set_balance("premium", 1 << 34)
        source = spider(sandbox.site_http, FLOWS, dawdler=50, dawdle_milliseconds=25_000)
        settings = ADDON | SETTINGS | feed | {"RF_SESSION_MINUTES": 2}
        env = environment(tmp_path, sandbox, RF_CLOCK_SCALE="5")
        done = crawl(tmp_path, source, settings, env, seconds=7_200)
        items = json.loads((tmp_path / "items.json").read_text())
        assert_no_session_spans_two_exits(sandbox, items, FLOWS, done.stats)
    told = {name: done.stats[name] for name in sorted(done.stats) if "sessions/" in name}
    told |= {"again": done.stats["flows/again"], "requests": done.stats["rf/requests/proxied"]}
    with capsys.disabled():
        sys.stdout.write(f"\n{FLOWS} flows in {time.monotonic() - began:.0f} s: {told}\n")
    assert done.stats["rf/sessions/renewed"] >= FLOWS // 50
