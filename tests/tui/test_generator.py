"""The generator in the live app: written, confirmed, sent, handed out; nothing without a yes."""

import asyncio
import base64
import stat

import pytest
from support import snapshots
from support.generates import CANARY, Api
from support.snapshots import NOW, Still

from rf_core.io.recorder import Recorder
from rf_core.io.recordings import Recording
from rf_tui.app import MonitorApp
from rf_tui.keys import GENERATOR_KEYS
from rf_tui.replay import Replay
from rf_tui.replay_app import ReplayApp
from rf_tui.screens.generator import GeneratorScreen
from rf_tui.screens.help import help_text
from rf_tui.widgets.canvas import Canvas


def app_on(api, snapshot=None):
    source = Still(snapshot or snapshots.busy())
    return MonitorApp(source, interval=None, clock=lambda: NOW, generates=api)


def shown(app):
    return app.screen.query_one(Canvas).text


async def opened(app, pilot):
    """Open the generator, once there has been a look: what is listed is known then."""
    for _ in range(200):
        await pilot.pause()
        await app.workers.wait_for_complete()
        if app.snapshot.pools:
            break
    await pilot.press("g")
    await pilot.pause()
    assert isinstance(app.screen, GeneratorScreen)


async def asked(app, pilot, *texts):
    """Open it, write what is given field by field, and go to the question."""
    await opened(app, pilot)
    for text in texts:
        await pilot.press(*text, "down")
    await pilot.press(*["down"] * (8 - len(texts)), "enter")
    await pilot.pause()


async def made(app, pilot, *texts):
    await asked(app, pilot, *texts)
    await pilot.press("y")
    await app.workers.wait_for_complete()
    await pilot.pause()


async def test_letters_are_letters_and_each_field_is_judged_at_once():
    app = app_on(Api())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press(*"walq")
        assert "walq▏" in shown(app)
        assert "nearest: walmart_premium" in shown(app)
        assert "No pool 'walq' is listed" in shown(app)
        assert "1 to be mended first" in shown(app)
        await pilot.press("right")
        assert "walmart_premium▏" in shown(app)
        assert "to be mended" not in shown(app)
        await pilot.press("ctrl+u")
        assert "the account's default" in shown(app)
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, GeneratorScreen)
        await opened(app, pilot)
        assert app.is_running


async def test_keys_that_come_in_a_burst_are_served_in_their_order():
    app = app_on(Api())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        for key in ("right", "down", "u", "s", "tab", "C", "A", "up", "backspace", "s", "down"):
            app.simulate_key(key)
        wanted = ("walmart_premium", "us", "CA")
        for _ in range(200):  # until they have all been served
            await pilot.pause()
            form = app.screen._form
            written = tuple(form.text(name) for name in ("pool", "country", "state"))
            if form.at == 2 and written == wanted:
                break
        assert written == wanted


async def test_nothing_is_sent_without_a_second_yes():
    api = Api()
    app = app_on(api)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot)
        assert "Order 10 credentials?" in shown(app)
        assert "1 slot of the generate window: 19 of 20 are free" in shown(app)
        for no in ("n", "escape", "space", "down"):
            await pilot.press(no)
            assert "Order 10 credentials?" not in shown(app)
            await pilot.press("enter")
            assert "Order 10 credentials?" in shown(app)
        assert api.asked == []


async def test_what_cannot_be_ordered_is_not_even_asked_about():
    api = Api()
    app = app_on(api)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot, "nowhere")
        assert "Enter or y sends it" not in shown(app)
        await pilot.press("enter", "y")
        assert api.asked == []


async def test_what_came_is_masked_copied_and_written_for_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copies = []
    app = app_on(Api())
    monkeypatch.setattr(app, "copy_to_clipboard", copies.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await made(app, pilot, "walmart_premium", "us")
        assert "9 credentials of pool walmart_premium, country us, by 1 call" in shown(app)
        assert "The API sent 1 fewer than were asked for" in " ".join(shown(app).split())
        assert "gw.example:8000:user****:****" in shown(app)
        assert CANARY not in shown(app)
        assert CANARY not in app.export_screenshot()
        await pilot.press("v")
        assert CANARY in shown(app)
        await pilot.press("v", "f")
        assert CANARY not in shown(app)
        assert "user****:****@gw.example:8000" in shown(app)
        await pilot.press("c")
        assert "Copied 9, as userpass" in shown(app)
        assert copies[0].splitlines()[0] == f"user-country-us-session-0:{CANARY}@gw.example:8000"
        await pilot.press("x")
        await app.workers.wait_for_complete()
        await pilot.pause()
        file = tmp_path / "proxies.txt"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text() == copies[0]
        file.write_text("mine")
        await pilot.press("x")
        await app.workers.wait_for_complete()
        assert file.read_text() == "mine"
        assert "is there already" in shown(app)
        await pilot.press("x")
        await app.workers.wait_for_complete()
        assert file.read_text() == copies[0]


async def test_a_real_terminal_gets_the_copy_by_osc_52(monkeypatch):
    app = app_on(Api())
    async with app.run_test(size=(80, 24)) as pilot:
        written = []
        monkeypatch.setattr(app._driver, "write", written.append)
        await made(app, pilot)
        await pilot.press("c")
        (sent,) = [text for text in written if text.startswith("\x1b]52;c;")]
        text = base64.b64decode(sent.removeprefix("\x1b]52;c;").removesuffix("\a")).decode()
        assert len(text.splitlines()) == 9


async def test_demo_credentials_are_said_to_be_and_not_handed_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = app_on(Api(is_demo=True))
    copies = []
    monkeypatch.setattr(app, "copy_to_clipboard", copies.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await made(app, pilot)
        assert "none of them works" in shown(app)
        await pilot.press("c", "x")
        await app.workers.wait_for_complete()
        assert copies == []
        assert list(tmp_path.iterdir()) == []


async def test_a_refusal_is_a_sentence_and_the_form_is_still_there():
    app = app_on(Api(fails_at=1))
    async with app.run_test(size=(80, 24)) as pilot:
        await made(app, pilot, "walmart_premium")
        assert "The connection broke." in shown(app)
        await pilot.press("space")
        assert "walmart_premium" in shown(app)
        assert "The connection broke." not in shown(app)


async def test_the_screen_goes_on_while_an_order_is_under_way_and_escape_gives_it_up():
    api = Api()
    api.gate = asyncio.Event()
    app = app_on(api)
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(app, pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert "0 of 10" in shown(app)
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert "Esc gives it up" in shown(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "GENERATE" in shown(app)
        api.gate.set()
        await pilot.pause()
        assert "credentials of pool" not in shown(app)


async def test_what_came_is_forgotten_when_the_generator_closes():
    app = app_on(Api())
    async with app.run_test(size=(80, 24)) as pilot:
        await made(app, pilot)
        screen = app.screen
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert not isinstance(app.screen, GeneratorScreen)
        assert screen._made.count == 0


async def test_opened_before_the_first_look_it_fills_in_by_itself():
    source = Still(snapshots.busy())
    source.gate = asyncio.Event()
    app = MonitorApp(source, interval=None, clock=lambda: NOW, generates=Api())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("g")
        assert "nothing is listed yet" in shown(app)
        source.gate.set()
        await app.workers.wait_for_complete()
        for _ in range(2_000):  # it paints by itself, now and then
            if "nothing is listed yet" not in shown(app):
                break
            await pilot.pause(0.01)
        assert "nothing is listed yet" not in shown(app)
        await pilot.press("right")
        assert "walmart_premium" in shown(app)


async def test_where_nobody_sends_there_is_no_generator():
    app = MonitorApp(Still(snapshots.busy()), interval=None, clock=lambda: NOW)
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.press("g")
        await pilot.pause()
        assert not isinstance(app.screen, GeneratorScreen)
        assert "g" not in app.screen.active_bindings


async def test_over_a_recording_there_is_no_generator(tmp_path):
    with Recorder(tmp_path / "a.rec") as recorder:
        recorder.write(snapshots.busy())
    with Recording(tmp_path / "a.rec") as recording:
        app = ReplayApp(Replay(recording), interval=None)
        async with app.run_test(size=(80, 24)) as pilot:
            await app.workers.wait_for_complete()
            await pilot.press("g")
            await pilot.pause()
            assert not isinstance(app.screen, GeneratorScreen)
            assert "order credentials" not in help_text(app._offered(), 100)
            await pilot.press("l")
            await pilot.pause()
            assert "CALLS OF THE API" in app.query_one(Canvas).text


async def test_under_the_mask_it_stays_closed():
    app = app_on(Api())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("m", "g")
        await pilot.pause()
        assert not isinstance(app.screen, GeneratorScreen)


@pytest.mark.parametrize("moment", ["empty", "degraded", "hostile"])
async def test_it_shows_itself_at_any_moment_and_size(moment):
    app = app_on(Api(), getattr(snapshots, moment)())
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("g", "enter"):
            await pilot.press(key)
            for size in ((20, 5), (60, 20), (200, 60), (120, 40)):
                await pilot.resize_terminal(*size)
                await pilot.pause()
                assert shown(app)


async def test_a_click_chooses_a_field_and_the_last_row_asks():
    app = app_on(Api())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        lines = shown(app).splitlines()
        await pilot.click(
            Canvas, offset=(20, next(n for n, x in enumerate(lines) if "country" in x))
        )
        assert "▸country" in shown(app)
        lines = shown(app).splitlines()
        await pilot.click(Canvas, offset=(5, next(n for n, x in enumerate(lines) if "[ GEN" in x)))
        await pilot.pause()
        assert "Order 10 credentials?" in shown(app)


async def test_every_key_of_it_has_an_id_and_a_tooltip():
    ids = [binding.id for binding in GeneratorScreen.BINDINGS]
    assert len(set(ids)) == len(ids)
    assert all(binding.tooltip for binding in GeneratorScreen.BINDINGS)
    assert {key.id for key in GENERATOR_KEYS} <= set(ids)
