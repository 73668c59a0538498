"""Several accounts in one monitor."""

import pytest
from support import snapshots
from support.snapshots import NOW, Still

from rf_sandbox.sandbox import Sandbox
from rf_tui.accounts import Desk, profile
from rf_tui.app import MonitorApp
from rf_tui.handy import Places
from rf_tui.widgets.canvas import Canvas
from rf_tui.widgets.tab_line import TabLine


async def settled(app, pilot):
    await app.workers.wait_for_complete()
    await pilot.pause()


def shown(app):
    return app.screen_stack[0].query_one(Canvas).text


def tabs(app):
    return app.screen_stack[0].query_one(TabLine).text


def two(tmp_path):
    desks = [Desk("shop", Still(snapshots.busy())), Desk("press", Still(snapshots.degraded()))]
    places = Places(exports=tmp_path, preferences=tmp_path / "monitor.json")
    return MonitorApp(desks, interval=None, clock=lambda: NOW, places=places)


async def test_each_account_has_a_tab_with_a_sign_of_how_it_is(tmp_path):
    app = two(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        assert tabs(app) == "[ ● shop ]  ✗ press  "
        assert "jane_doe" in shown(app)
        assert "walmart_premium" in shown(app)


async def test_n_shows_the_next_one_and_each_keeps_its_place(tmp_path):
    app = two(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("down", "enter", "n")
        await settled(app, pilot)
        assert tabs(app) == "  ● shop  [ ✗ press ]"
        assert "The API refused the key" in shown(app)
        assert "POOL walmart_premium" not in shown(app)
        await pilot.press("n")
        assert "POOL walmart_premium" in shown(app)
        await pilot.press("N")
        assert "The API refused the key" in shown(app)


async def test_a_click_on_a_tab_shows_it(tmp_path):
    app = two(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.click(TabLine, offset=(14, 0))
        assert "The API refused the key" in shown(app)
        await pilot.click(TabLine, offset=(2, 0))
        assert "The API refused the key" not in shown(app)
        await pilot.click(TabLine, offset=(60, 0))
        assert tabs(app).startswith("[ ● shop ]")


async def test_pause_holds_for_one_account_and_orders_for_all(tmp_path):
    app = two(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("p", "down", "s", "n")
        await settled(app, pilot)
        assert "PAUSED" not in shown(app)
        assert "left▾" in shown(app)
        await pilot.press("n")
        assert "PAUSED" in shown(app)


async def test_an_answer_that_comes_late_stays_on_its_own_tab(tmp_path):
    app = two(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        late = app._show(app._desks[0].poller.look, app._desks[0])
        await pilot.press("n")
        await late
        assert "The API refused the key" in shown(app)


async def test_a_mask_covers_the_tabs(tmp_path):
    app = two(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("m")
        assert "shop" not in tabs(app)
        assert "account-" in tabs(app)


async def test_one_account_alone_has_no_tab_and_n_does_no_harm():
    app = MonitorApp(Still(snapshots.busy()), interval=None, clock=lambda: NOW)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        before = shown(app)
        await pilot.press("n", "N")
        assert shown(app) == before
        assert not app.query_one(TabLine).display


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    """Two profiles, of which one has lost its key's file; a sandbox behind the other."""
    with Sandbox() as sandbox:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[profiles.good]\nkey = "env:GOOD"\nbase_url = "{sandbox.ready["api"]}"\n'
            f"[[profiles.good.prices]]\nper_gb = 3\n"
            f'[profiles.broken]\nkey = "file:{tmp_path}/lost"\n'
        )
        config.chmod(0o600)
        monkeypatch.setenv("GOOD", sandbox.ready["key"])
        monkeypatch.setenv("RF_API_KEY", "rf_live_somebody_elses")
        monkeypatch.setenv("RF_CONFIG", str(config))
        monkeypatch.setenv("RF_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.setenv("RF_CACHE_DIR", str(tmp_path / "cache"))
        yield sandbox


async def test_an_account_that_cannot_be_opened_says_why_and_hurts_no_other(profiles, tmp_path):
    good, broken = profile("good", patience_seconds=10.0), profile("broken")
    try:
        assert [pool.id for pool in (await good.snapshot()).pools]
        assert good.prices
        (finding,) = (await broken.snapshot()).findings
        assert "lost cannot be read" in finding.text
        assert finding.way_out == "Mend the path, or set RF_API_KEY. Then press r."
        (tmp_path / "lost").write_text(profiles.ready["key"])
        (tmp_path / "lost").chmod(0o600)
        assert (await broken.snapshot()).findings == (finding,)
        assert (await broken.refresh()).pools
    finally:
        await good.aclose()
        await broken.aclose()
        await broken.aclose()


async def test_two_tabs_of_one_key_cost_the_api_what_one_does(profiles):
    first, second = profile("good", patience_seconds=10.0), profile("good", patience_seconds=10.0)
    try:
        await first.snapshot()
        calls = len(profiles.journal()["calls"])
        assert (await second.snapshot()).pools
        assert len(profiles.journal()["calls"]) == calls
    finally:
        await first.aclose()
        await second.aclose()
