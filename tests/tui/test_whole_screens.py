"""What a whole terminal shows, foot and tabs included: text frames, to be read in a diff.

Rewrite them with `RF_REWRITE_FRAMES=1 python -m pytest tests/tui/test_whole_screens.py`.
"""

import os
import time
from pathlib import Path

import pytest
from support import snapshots
from support.generates import Api
from support.snapshots import NOW, Still

from rf_tui.accounts import Desk
from rf_tui.app import MonitorApp
from rf_tui.handy import Places

FRAMES = Path(__file__).with_name("frames")
MOMENTS = ("empty", "busy", "degraded")
KEYS = {
    "overview": (),
    "help": ("?",),
    "masked": ("m",),
    "masked-pool": ("m", "down", "enter"),
    "filter": ("/", "b", "o", "o"),
    "generator": ("g",),
    "control": ("down", "down", "down", "x"),
}
"""What is shown → how somebody gets there."""


@pytest.fixture(autouse=True)
def in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def whole(app):
    """The lines of the terminal, as they are composed."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


async def looks_like(name, app, size, keys):
    path = FRAMES / f"screen-{name}-{size[0]}x{size[1]}.txt"
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        text = whole(app)
    if os.environ.get("RF_REWRITE_FRAMES"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("shown", KEYS)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_a_screen_looks_like_this(shown, moment, size, tmp_path):
    if moment != "busy" and shown in {"help", "control"}:
        return  # it looks the same whatever else is going on, or there is no crawl to tell
    app = MonitorApp(
        Still(getattr(snapshots, moment)()), interval=None, clock=lambda: NOW, generates=Api(),
        hands=object(),
        places=Places(exports=tmp_path, preferences=tmp_path / "monitor.json"),
    )  # fmt: skip
    await looks_like(f"{shown}-{moment}", app, size, KEYS[shown])


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_accounts_are_tabs_that_look_like_this(size, tmp_path):
    desks = [Desk(moment, Still(getattr(snapshots, moment)())) for moment in MOMENTS]
    places = Places(exports=tmp_path, preferences=tmp_path / "monitor.json")
    app = MonitorApp(desks, interval=None, clock=lambda: NOW, places=places)
    await looks_like("tabs", app, size, ("n",))
