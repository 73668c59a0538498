"""Keys that a person has bound anew."""

import pytest
from support import snapshots
from support.snapshots import NOW, Still

from rf_core.io.configuration import key_bindings
from rf_tui.app import MonitorApp
from rf_tui.keymap import as_bound, remapped
from rf_tui.keys import CONTROL_KEYS, GENERATOR_KEYS, KEYS, REPLAY_KEYS
from rf_tui.screens.help import help_text
from rf_tui.widgets.canvas import Canvas

ALL = (*KEYS, *REPLAY_KEYS, *GENERATOR_KEYS, *CONTROL_KEYS)


def test_ids_are_found_in_a_table_of_the_file(tmp_path):
    config = tmp_path / "config.toml"
    assert key_bindings({"RF_CONFIG": str(config)}) == {}
    config.write_text('[keys]\nmonitor.pause = "f5"\n"monitor.copy" = "y"\n')
    assert key_bindings({"RF_CONFIG": str(config)}) == {"monitor.pause": "f5", "monitor.copy": "y"}


@pytest.mark.parametrize("key", ["f5", "y", "ctrl+f", "question_mark", "plus", "shift+left", "é"])
def test_whatever_can_be_pressed_can_be_bound(key):
    assert remapped(ALL, {"monitor.pause": key}).keymap["monitor.pause"] == key


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"monitor.paus": "f5"}, "there is no key monitor.paus. Did you mean monitor.pause?"),
        ({"monitor.pause": "hyper"}, "monitor.pause cannot be bound to hyper."),
        ({"monitor.pause": ""}, "monitor.pause cannot be bound to nothing."),
        ({"monitor.pause": "s"}, "s is monitor.pause's now, and no longer monitor.sort's."),
    ],
)
def test_what_cannot_be_is_said(wishes, said):
    (complaint,) = remapped(ALL, wishes).complaints
    assert complaint.removeprefix("config.toml: ") == said


def test_two_keys_may_change_places():
    found = remapped(ALL, {"monitor.sort": "u", "monitor.units": "s"})
    assert found.complaints == ()
    bound = {key.id: key.keys for key in as_bound(KEYS, found.keymap)}
    assert (bound["monitor.sort"], bound["monitor.units"]) == ("u", "s")


async def test_the_new_key_does_it_the_old_ones_do_not_and_the_help_says_so():
    app = MonitorApp(
        Still(snapshots.busy()), interval=None, clock=lambda: NOW,
        wishes={"monitor.pause": "f5,z", "monitor.nothing": "x"},
    )  # fmt: skip
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
        canvas = app.screen_stack[0].query_one(Canvas)
        await pilot.press("p", "space")
        assert "PAUSED" not in canvas.text
        await pilot.press("f5")
        assert "PAUSED" in canvas.text
        await pilot.press("z")
        assert "PAUSED" not in canvas.text
        assert "F5, z" in help_text(app.keys, 100, app._bound)
        assert "there is no key monitor.nothing" in "".join(n.message for n in app._notifications)
