"""`rf forecast`: from what is stored, at no call, in rows, in an object."""

import asyncio
import json
import os
import time

import pytest
from support.crawls import environment

from rf_core.io import records
from rf_core.io.configuration import load_settings
from rf_core.io.session import Session
from rf_core.snapshot import CrawlReport
from rf_core.units import GIGABYTE
from rf_tui.cli.json_keys import JSON_KEYS

RATE = 400_000


def watched(folder, sandbox, *, seconds=400):
    """Readings of a pool that a monitor has left behind, and a crawl that still runs."""
    now = time.time()

    async def write():
        settings = load_settings(environ=environment(folder, sandbox))
        async with Session(settings, holder="monitor") as session:
            for ago in range(seconds, -1, -8):
                left = 2 * GIGABYTE - RATE * (seconds - ago)
                await session.state.run(
                    records.put_balances, session.key, now - ago, {"premium": left}
                )
            await session.publish(
                CrawlReport(
                    id="0123456789abcdef", spider="books", project="shop", pid=os.getpid(),
                    host="here", pool="premium", started_at=now - 9_000, updated_at=now,
                    down_bytes=10**8, requests=1_000, bytes_per_second=1.0,
                    pending_requests=200,
                )
            )  # fmt: skip

    asyncio.run(write())


def test_it_goes_by_what_is_stored_unless_asked_to_look(rf, sandbox):
    nothing = rf("forecast")
    assert nothing.stdout == ""
    assert "No balance has been read yet" in nothing.stderr
    assert sandbox.journal()["calls"] == []
    pools = json.loads(rf("forecast", "--json", "--refresh").stdout)["pools"]
    assert len(sandbox.journal()["calls"]) == 1
    assert pools["premium"]["state"] == "measuring"
    assert pools["premium"]["runway"] is None


def test_a_drain_that_was_watched_is_an_interval(rf, sandbox, tmp_path):
    watched(tmp_path, sandbox)
    found = json.loads(rf("forecast", "--json").stdout)
    runway = found["pools"]["premium"]["runway"]
    # 100 MB that the crawl counted are not in the readings: what is left is less by them.
    true = (2 * GIGABYTE - 400 * RATE) / RATE
    assert runway["seconds"] == pytest.approx(true, rel=0.08)
    assert runway["low_seconds"] <= runway["seconds"] <= runway["high_seconds"]
    (crawl,) = found["crawls"]
    assert crawl["need_bytes"] == 200 * 10**5
    assert 0 <= crawl["chance"] <= 1
    row = rf("forecast").stdout.split("\n")[0].split("\t")
    assert row[:2] == ["premium", "draining"]
    assert len(row) == 7


def test_its_keys_are_those_of_the_table(rf, sandbox, tmp_path):
    watched(tmp_path, sandbox)
    found = json.loads(rf("forecast", "--json").stdout)
    pool = found["pools"]["premium"]
    shown = {
        *(f"pools.<pool>.{name}" for name in pool),
        *(f"pools.<pool>.runway.{name}" for name in pool["runway"]),
        *(f"crawls[].{name}" for name in found["crawls"][0]),
        "age_seconds",
    }
    assert shown == set(JSON_KEYS["forecast"])


def test_a_person_is_told_whether_the_crawl_will_finish(rf, sandbox, tmp_path):
    watched(tmp_path, sandbox)
    done = rf("forecast", terminal=True)
    assert done.stdout.splitlines()[0].split() == (
        ["POOL", "STATE", "LEFT", "DRAIN", "AT", "LEAST", "ABOUT", "AT", "MOST"]
    )
    assert "crawl books: " in done.stderr
    assert "200 known requests, about 19.07 MB" in done.stderr
