"""The live app over a source that stands still."""

import asyncio
import gc
import random
from dataclasses import replace

import pytest
from support import snapshots
from support.generates import Api
from support.snapshots import NOW, Still

from rf_core.snapshot import Snapshot
from rf_tui.accounts import Desk
from rf_tui.app import MonitorApp
from rf_tui.handy import Places
from rf_tui.keys import CONTROL_KEYS, GENERATOR_KEYS, KEYS
from rf_tui.screens.help import HelpScreen, help_text
from rf_tui.widgets.canvas import Canvas


def app_on(source, **options):
    return MonitorApp(source, interval=None, clock=lambda: NOW, **options)


async def settled(app, pilot):
    await app.workers.wait_for_complete()
    await pilot.pause()


def shown(app):
    return app.screen_stack[0].query_one(Canvas).text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20), (20, 5), (300, 90)])
@pytest.mark.parametrize("moment", ["empty", "busy", "degraded", "hostile"])
async def test_it_shows_any_moment_at_any_size(moment, size):
    app = app_on(Still(getattr(snapshots, moment)()))
    async with app.run_test(size=size) as pilot:
        await settled(app, pilot)
        assert shown(app)
    assert not app.return_code


async def test_it_paints_before_the_source_has_answered():
    source = Still(snapshots.busy())
    source.gate = asyncio.Event()
    app = app_on(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "no balance has been read yet" in shown(app)
        source.gate.set()
        await settled(app, pilot)
        assert "walmart_premium" in shown(app)


async def test_a_slow_source_is_not_asked_again_while_it_thinks():
    source = Still(snapshots.busy())
    source.gate = asyncio.Event()
    app = app_on(source)
    async with app.run_test() as pilot:
        for _ in range(5):
            app._tick()
            await pilot.pause()
        assert source.looks == 1
        source.gate.set()
        await settled(app, pilot)
        app._tick()
        await settled(app, pilot)
        assert source.looks == 2


async def test_pause_freezes_the_picture_and_says_so():
    source = Still(snapshots.busy())
    app = app_on(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("p")
        assert "PAUSED" in shown(app)
        source.moment = snapshots.degraded()
        app._tick()
        await settled(app, pilot)
        assert "books.example" in shown(app)
        await pilot.press("space")
        await settled(app, pilot)
        assert "PAUSED" not in shown(app)
        assert "The API refused the key" in shown(app)


async def test_refresh_asks_the_source_to_ask():
    source = Still(snapshots.busy())
    app = app_on(source)
    async with app.run_test() as pilot:
        await settled(app, pilot)
        await pilot.press("r")
        await settled(app, pilot)
        assert source.refreshes == 1


async def test_arrows_choose_enter_opens_and_escape_goes_back():
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("down", "down")
        assert "▸retail_select" in shown(app)
        await pilot.press("tab", "enter")
        assert "CRAWL books" in shown(app)
        assert "target_429" in shown(app)
        await pilot.press("escape")
        assert "▸books" in shown(app)
        await pilot.press("t")
        assert "COUNTRIES" in shown(app)
        await pilot.press("escape", "escape")
        assert "▸" not in shown(app)


async def test_a_filter_applies_while_it_is_typed_and_letters_are_letters():
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("slash", *"slow q")
        await pilot.pause()
        assert app.is_running
        await pilot.press("backspace", "backspace")
        await pilot.pause()
        assert "books.example" not in shown(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "▸slow.example" in shown(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "books.example" in shown(app)


async def test_escape_while_typing_takes_the_filter_back():
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("slash", *"slow", "escape")
        await pilot.pause()
        assert "books.example" in shown(app)
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running


async def test_s_sorts_the_table_of_the_chosen_row():
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        await pilot.press("s")
        assert "since last▾" in shown(app)
        await pilot.press("down", "s")
        assert "left▾" in shown(app)


async def test_a_click_chooses_and_a_second_one_opens():
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        line = next(n for n, text in enumerate(shown(app).splitlines()) if "retail_" in text)
        await pilot.click(Canvas, offset=(10, line))
        assert "▸retail_select" in shown(app)
        await pilot.click(Canvas, offset=(10, line), times=2)
        assert "POOL retail_select" in shown(app)
        await pilot.click(Canvas, offset=(10, 1))
        assert "POOL retail_select" in shown(app)


async def test_a_thousand_keys_and_resizes_do_it_no_harm():
    chance = random.Random(7)
    keys = ["up", "down", "tab", "enter", "escape", "s", "t", "p", "slash", "a", "home", "end", "r"]
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        for _ in range(40):
            for key in chance.choices(keys, k=25):
                app.simulate_key(key)
            await pilot.pause()
            await pilot.resize_terminal(chance.randint(20, 200), chance.randint(5, 60))
            app._tick()
        await settled(app, pilot)
        assert app.is_running
        assert shown(app)


async def test_every_key_there_is_a_thousand_times_on_two_accounts_does_no_harm(tmp_path):
    chance = random.Random(11)
    leaving = {"q", "ctrl+q", "ctrl+c", "ctrl+z"}
    tables = (*KEYS, *GENERATOR_KEYS, *CONTROL_KEYS)
    keys = sorted({one for key in tables for one in key.keys.split(",")} - leaving)
    desks = [
        Desk("shop", Still(snapshots.busy()), generates=Api()),
        Desk("[/red]", Still(snapshots.hostile())),
    ]
    places = Places(exports=tmp_path, preferences=tmp_path / "monitor.json")
    app = MonitorApp(desks, interval=None, clock=lambda: NOW, places=places)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        for _ in range(20):
            for key in chance.choices(keys, k=50):
                app.simulate_key(key)
            await pilot.pause()
            await pilot.resize_terminal(chance.randint(20, 200), chance.randint(5, 60))
            app._tick()
        await settled(app, pilot)
        assert app.is_running
        assert shown(app)


async def test_help_shows_every_key_and_closes():
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(app, pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        for key in KEYS:
            assert key.meaning in help_text(KEYS, 100)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, HelpScreen)


@pytest.mark.parametrize("keys", [["q"], ["ctrl+q"], ["question_mark", "q"]])
async def test_q_leaves_unasked_from_anywhere(keys):
    app = app_on(Still(snapshots.busy()))
    async with app.run_test() as pilot:
        await settled(app, pilot)
        await pilot.press(*keys)
        await pilot.pause()
        assert not app.is_running
    assert app.return_code == 0


async def test_every_binding_has_an_id_and_a_tooltip():
    app = app_on(Still(snapshots.empty()))
    async with app.run_test() as pilot:
        await pilot.pause()
        ours = [binding for binding in MonitorApp.BINDINGS if binding.id]
        assert len(ours) == len(MonitorApp.BINDINGS)
        assert all(binding.tooltip for binding in ours)


async def test_only_changed_lines_are_painted_again():
    app = app_on(Still(snapshots.busy()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        canvas = app.query_one(Canvas)
        lines = list(canvas._lines)
        assert canvas.show(lines) == 0
        lines[3] = ()
        assert canvas.show(lines) == 1


async def test_a_crash_leaves_a_report_without_secrets_and_a_code(tmp_path, capsys):
    canary = "rf_live_canarycanarycanary"

    class Broken(Still):
        async def snapshot(self):
            key = canary
            message = f"bad answer for {key}"
            raise RuntimeError(message)

    app = app_on(Broken(snapshots.empty()), places=Places(reports=tmp_path))

    async def run():
        async with app.run_test() as pilot:
            await app.workers.wait_for_complete()
            await pilot.pause()

    with pytest.raises(Exception, match="bad answer"):
        await run()
    assert app.return_code == 1
    (report,) = tmp_path.iterdir()
    assert report.stat().st_mode & 0o777 == 0o600
    assert "RuntimeError" in report.read_text()
    printed = capsys.readouterr()
    for text in (report.read_text(), printed.out, printed.err):
        assert canary not in text


@pytest.mark.parametrize("masked", [False, True])
async def test_of_all_that_was_shown_it_holds_what_is_shown(masked):
    def held():
        gc.collect()
        return sum(
            type(one) is Snapshot and one.account == "held_by_whom" for one in gc.get_objects()
        )

    def moment(second):
        crawl = replace(snapshots.busy().crawls[0], id=str(second), requests=second)
        return replace(
            snapshots.busy(), account="held_by_whom", crawls=(crawl,), taken_at=NOW + second
        )

    source = Still(moment(0))
    app = app_on(source)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(app, pilot)
        if masked:
            await pilot.press("m")
        for second in range(1, 13):
            source.moment = moment(second)
            app._look()
            await settled(app, pilot)
        assert held() == 1
        assert len(app.workers) == 0
        assert source.looks == 13
