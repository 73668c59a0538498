"""Balances read in passing: fresh ones, and None for whatever is unusual."""

import sqlite3
import time

import pytest

from rf_core.io import records
from rf_core.io.glance import Balances, fresh_balances
from rf_core.io.state import State
from rf_core.redaction import fingerprint

KEY = "rf_live_0123456789abcdefx7kQ"


@pytest.fixture
def settings(settings_for):
    return settings_for("http://127.0.0.1:1", KEY)


@pytest.fixture
async def stored(settings):
    """Balances that were read this very moment."""
    state = State(settings.state_dir)
    await state.open()
    now = time.time()
    balances = {"premium": 5_000, "mobile": -3}
    await state.run(records.put_balances, fingerprint(settings.key), now, balances)
    await state.close()
    return Balances(balances, {"premium": 0, "mobile": 0}, now)


def test_what_is_fresh_is_read(settings, stored):
    assert fresh_balances(settings, 60) == stored
    assert stored.left == {"premium": 5_000, "mobile": -3}


def test_what_is_older_is_not(settings, stored):
    assert fresh_balances(settings, -1) is None


def test_what_another_key_has_is_not(settings_for, stored):
    other = settings_for("http://127.0.0.1:1", "rf_live_zyxwvutsrqponmlk4321")
    assert fresh_balances(other, 60) is None


def test_where_nothing_is_stored_nothing_is_made(settings):
    assert fresh_balances(settings, 60) is None
    assert not settings.state_dir.exists()


@pytest.mark.parametrize("which", ["folder", "file"])
def test_where_others_may_have_written_nothing_is_believed(settings, stored, which):
    path = settings.state_dir if which == "folder" else settings.state_dir / "state.db"
    path.chmod(0o777)
    assert fresh_balances(settings, 60) is None


def test_a_link_is_not_followed(settings, stored):
    settings.state_dir.rename(settings.state_dir.with_name("elsewhere"))
    settings.state_dir.symlink_to(settings.state_dir.with_name("elsewhere"))
    assert fresh_balances(settings, 60) is None


@pytest.mark.parametrize("version", [0, 99])
def test_a_file_of_another_version_is_left_to_the_long_way(settings, stored, version):
    with sqlite3.connect(settings.state_dir / "state.db") as database:
        database.execute(f"PRAGMA user_version = {version}")
    database.close()
    assert fresh_balances(settings, 60) is None


def test_a_damaged_file_is_left_to_the_long_way(settings, stored):
    (settings.state_dir / "state.db").write_bytes(b"no database" * 1_000)
    assert fresh_balances(settings, 60) is None


async def test_it_may_look_while_somebody_writes(settings, stored):
    state = State(settings.state_dir)
    await state.open()
    await state.run(records.put_part, "k", "p", 1.0, {})
    assert fresh_balances(settings, 60) == stored
    await state.close()
