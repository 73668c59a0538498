"""The command palette finds every page and every subject, whatever they are called."""

from support import snapshots
from support.generates import Api
from support.snapshots import NOW, Still
from textual.command import CommandPalette

from rf_tui.app import MonitorApp
from rf_tui.keys import KEYS
from rf_tui.palette import entries
from rf_tui.screens.generator import GeneratorScreen
from rf_tui.widgets.canvas import Canvas


def test_everything_that_can_be_opened_is_there_once():
    found = entries(snapshots.busy(), KEYS)
    subjects = {(entry.page, entry.subject) for entry in found if entry.page}
    assert {("pool", "retail_select"), ("crawl", "a"), ("domain", "slow.example")} <= subjects
    actions = [entry.action for entry in found if entry.action]
    for action in ("generate", "requests", "targeting", "alerts", "help", "filter", "leave"):
        assert actions.count(action) == 1
    assert len({entry.name for entry in found}) == len(found)


async def searched(app, pilot, text):
    await app.workers.wait_for_complete()
    await pilot.pause()
    await pilot.press("ctrl+p")
    await pilot.pause()
    assert isinstance(app.screen, CommandPalette)
    await pilot.press(*text)
    await app.workers.wait_for_complete()
    await pilot.pause(0.2)
    await pilot.press("enter")
    for _ in range(50):
        await pilot.pause()
        if not isinstance(app.screen, CommandPalette):
            break
    await pilot.pause()


async def test_a_crawl_is_found_by_its_name():
    app = MonitorApp(Still(snapshots.busy()), interval=None, clock=lambda: NOW)
    async with app.run_test(size=(100, 30)) as pilot:
        await searched(app, pilot, "crawl books")
        assert "CRAWL books" in app.query_one(Canvas).text


async def test_the_generator_is_found_where_there_is_one():
    app = MonitorApp(Still(snapshots.busy()), interval=None, clock=lambda: NOW, generates=Api())
    async with app.run_test(size=(100, 30)) as pilot:
        await searched(app, pilot, "generate order")
        assert isinstance(app.screen, GeneratorScreen)


async def test_hostile_names_are_listed_and_harm_nothing():
    app = MonitorApp(Still(snapshots.hostile()), interval=None, clock=lambda: NOW)
    async with app.run_test(size=(100, 30)) as pilot:
        await searched(app, pilot, "pool")
        assert app.is_running
        assert "\x1b" not in app.query_one(Canvas).text
