"""What was chosen last time."""

import pytest

from rf_tui.preferences import Preferences, load, save


def test_choices_come_back_from_a_private_file(tmp_path):
    path = tmp_path / "monitor.json"
    chosen = Preferences("nord", "MB", {"pools": "left", "domains": "name"}, masked=True)
    save(path, chosen)
    assert load(path) == chosen
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "null", '{"theme": 4, "unit": "furlong", "sorts": {"pools": ["x"], "y": 1}}'],
)
def test_what_makes_no_sense_was_never_chosen(tmp_path, text):
    path = tmp_path / "monitor.json"
    path.write_text(text)
    assert load(path) == Preferences()


def test_a_place_that_cannot_be_written_to_keeps_nothing_and_says_nothing(tmp_path):
    save(tmp_path / "missing" / "monitor.json", Preferences("nord"))
    save(None, Preferences("nord"))
    assert load(tmp_path / "missing" / "monitor.json") == Preferences()
