"""Whatever is wrong is one sentence and a way out, and both are on the screen."""

import os
import sqlite3

import pytest
from support import snapshots
from support.snapshots import NOW, Still

from rf_core.io.schema import FILE_NAME
from rf_core.snapshot import CrawlReport, DomainState, PoolState, Snapshot
from rf_core.troubles import FINDINGS, Trouble, findings
from rf_sandbox.sandbox import Sandbox
from rf_tui.accounts import Desk, profile
from rf_tui.app import MonitorApp
from rf_tui.cells import plain, width_of
from rf_tui.looks import Looks
from rf_tui.places import Whereabouts
from rf_tui.view import overview, picture
from rf_tui.widgets.canvas import Canvas


def words(text):
    return " ".join(text.split())


def frame(snapshot, width=80, height=24):
    lines = overview(snapshot, width, height, Looks(now=NOW))
    return words(" ".join(plain(line) for line in lines))


@pytest.mark.parametrize("code", FINDINGS)
def test_every_trouble_is_on_the_screen_with_its_way_out(code):
    trouble = Trouble(code, NOW - 60, about="premium", detail="It broke.")
    (finding,) = findings((trouble,), now=NOW, key="rf_live_…x7kQ", balance_at=NOW)
    text = frame(Snapshot(NOW, findings=(finding,), balance_at=NOW))
    assert words(finding.text) in text
    assert words(finding.way_out) in text
    assert "all well" not in text


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    with Sandbox(seed=9) as running:
        config = tmp_path / "config.toml"
        config.write_text(f'[profiles.one]\nkey = "env:ONE"\nbase_url = "{running.ready["api"]}"\n')
        config.chmod(0o600)
        monkeypatch.setenv("ONE", running.ready["key"])
        for name in ("config", "state", "cache"):
            path = config if name == "config" else tmp_path / name
            monkeypatch.setenv(f"RF_{name.upper()}{'' if name == 'config' else '_DIR'}", str(path))
        yield running


async def shown(account):
    app = MonitorApp([Desk("one", account), Desk("two", Still(snapshots.busy()))], interval=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = app.screen_stack[0].query_one(Canvas).text
        await pilot.press("n")
        assert "walmart_premium" in app.screen_stack[0].query_one(Canvas).text
    await account.aclose()
    return words(text)


async def test_a_database_of_a_newer_version_is_said_and_left_alone(sandbox, tmp_path):
    first = profile("one", patience_seconds=10.0)
    await first.snapshot()
    await first.aclose()
    with sqlite3.connect(tmp_path / "state" / FILE_NAME) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    text = await shown(profile("one"))
    assert "newer version" in text
    assert "tried again by itself" in text
    with sqlite3.connect(tmp_path / "state" / FILE_NAME) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (999,)
    database.close()


async def test_a_state_folder_that_is_gone_under_way_is_said_over_the_last_picture(
    sandbox, tmp_path
):
    account = profile("one", patience_seconds=10.0)
    assert (await account.snapshot()).pools
    await account._session.state.close()
    text = await shown(account)
    assert "premium" in text
    assert "stale" in text


async def test_a_folder_that_others_may_write_to_is_refused_with_a_way_out(sandbox, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    account = profile("one", patience_seconds=10.0)
    text = await shown(account)
    assert "✗" in text
    assert "tried again by itself" in text
    (tmp_path / "state").chmod(0o700)
    account._tried_at = 0.0
    assert (await account.snapshot()).pools
    await account.aclose()


async def test_settings_that_fail_are_read_again_when_somebody_says_so(sandbox, monkeypatch):
    key = os.environ["ONE"]
    monkeypatch.delenv("ONE")
    account = profile("one", patience_seconds=10.0)
    (finding,) = (await account.snapshot()).findings
    assert "Then press r." in finding.way_out
    monkeypatch.setenv("ONE", key)
    assert not (await account.snapshot()).pools
    assert (await account.refresh()).pools
    await account.aclose()


async def test_an_api_that_is_down_leaves_the_other_account_alone(sandbox, monkeypatch, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace(sandbox.ready["api"], "http://127.0.0.1:9/api/v1"))
    text = await shown(profile("one", patience_seconds=5.0))
    assert "does not answer" in text or "cannot be reached" in text


def many(number):
    shown = snapshots.busy()
    pool, crawl = shown.pools[0], shown.crawls[0]
    return Snapshot(
        NOW, balance_at=NOW,
        pools=tuple(PoolState(f"pool_{n}", balance_bytes=n, balance_at=NOW) for n in range(number)),
        crawls=tuple(
            CrawlReport(f"{n}", f"spider_{n}", "shop", n, "box", pool.id, NOW - 9, crawl.updated_at)
            for n in range(number)
        ),
        domains=tuple(DomainState(f"{n}.example", n, n) for n in range(number)),
    )  # fmt: skip


@pytest.mark.parametrize("number", [0, 10_000])
@pytest.mark.parametrize(("width", "height"), [(20, 5), (400, 120)], ids=str)
def test_no_rows_and_ten_thousand_are_drawn_in_as_many_lines_as_there_are(number, width, height):
    where = Whereabouts()
    drawn = picture(many(number), width, height, Looks(now=NOW, where=where))
    assert len(drawn.lines) == height
    assert max(width_of(plain(line)) for line in drawn.lines) <= width
