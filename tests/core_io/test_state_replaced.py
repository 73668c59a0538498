"""A `state.db` that goes away while it is open: whoever has it open goes on with what is there."""

import asyncio
import shutil
import sqlite3
import stat
import sys

import pytest
from support.holding import held

from rf_core.errors import StateError
from rf_core.io import state as state_module
from rf_core.io.state import SCHEMA, State


def put(connection, name):
    connection.execute("INSERT INTO leases VALUES (?, 'h', 0, '')", (name,))
    return True


def names(connection):
    return [name for (name,) in connection.execute("SELECT name FROM leases ORDER BY name")]


async def opened(folder):
    state = State(folder)
    await state.open()
    return state


def aged(path, version):
    """Make it a file of that version."""
    file = sqlite3.connect(path)
    file.execute(f"PRAGMA user_version = {version}")
    file.commit()
    file.close()


async def test_a_deleted_file_is_made_anew_and_is_as_private(state):
    await state.run(put, "before")
    state.path.unlink()
    await state.run_swiftly(put, "after")
    assert await state.read(names) == ["after"]
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600
    assert state.renewals == 1


async def test_so_is_a_deleted_folder(state):
    shutil.rmtree(state.path.parent)
    await state.run(put, "after")
    assert await state.read(names) == ["after"]
    assert stat.S_IMODE(state.path.parent.stat().st_mode) == 0o700


async def test_a_log_that_is_left_of_a_deleted_file_is_not_taken_for_the_new_ones(state):
    await state.run(put, "before")
    state.path.unlink()
    assert state.path.with_name("state.db-wal").exists()
    second = await opened(state.path.parent)
    assert await second.read(names) == []
    await second.run(put, "second")
    await state.run(put, "first")
    assert await second.read(names) == await state.read(names) == ["first", "second"]
    await second.close()
    assert await state.read(names) == ["first", "second"]


async def test_all_who_have_it_open_find_themselves_in_one_new_file(tmp_path):
    states = [await opened(tmp_path / "state") for _ in range(4)]
    for number in range(10):
        states[0].path.unlink()
        await asyncio.gather(*(one.run(put, f"{number} {n}") for n, one in enumerate(states)))
        wanted = [f"{number} {n}" for n in range(4)]
        assert [await one.read(names) for one in states] == [wanted] * 4
    for one in states:
        await one.close()


async def test_a_file_that_is_moved_away_is_whole_and_can_be_put_back(state):
    await state.run(put, "kept")
    away = state.path.with_name("away.db")
    state.path.rename(away)
    assert await state.read(names) == []
    state.path.unlink()
    away.rename(state.path)
    assert await state.read(names) == ["kept"]


async def test_a_file_of_a_newer_version_in_its_place_is_refused_until_it_is_gone(state):
    await state.run(put, "kept")
    away = state.path.with_name("away.db")
    state.path.rename(away)
    aged(state.path, SCHEMA + 1)
    for work in (state.run(put, "x"), state.read(names), state.run_swiftly(put, "x")):
        with pytest.raises(StateError, match="newer version"):
            await work
    state.path.unlink()
    away.rename(state.path)
    assert await state.read(names) == ["kept"]
    assert state.renewals == 0, "it is the one that was there before"


async def test_one_that_a_newer_version_lifts_under_way_is_used_as_long_as_it_can_be(state):
    aged(state.path, SCHEMA + 1)
    await state.run(put, "kept")
    assert state.is_newer
    file = sqlite3.connect(state.path)
    file.execute("ALTER TABLE leases RENAME TO lets")
    file.close()
    with pytest.raises(StateError, match="newer version"):
        await state.read(names)


async def test_a_place_that_cannot_be_used_is_said_and_waited_for(state):
    folder = state.path.parent
    shutil.rmtree(folder)
    folder.touch()
    for _ in range(2):
        with pytest.raises(StateError, match="cannot be used"):
            await state.read(names)
        with pytest.raises(StateError, match="cannot be used"):
            await state.run_swiftly(put, "a")
    folder.unlink()
    await state.run_swiftly(put, "a")
    assert await state.read(names) == ["a"]


async def test_whoever_closes_does_not_wait_for_somebody_who_holds_it(state, monkeypatch):
    monkeypatch.setattr(state_module, "_BUSY_SECONDS", 600.0)
    with held(state.path):
        writing = asyncio.ensure_future(state.run(put, "a"))
        await asyncio.sleep(0)
        await asyncio.wait_for(state.close(), 60)
        with pytest.raises(StateError):
            await writing


async def test_one_that_is_held_alone_cannot_be_opened_and_that_is_not_waited_for_long(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(state_module, "_BUSY_SECONDS", 0.2)
    first = await opened(tmp_path / "state")
    await first.close()
    state = State(tmp_path / "state")
    with held(state.path, alone=True), pytest.raises(StateError, match="locked"):
        await asyncio.wait_for(state.open(), 60)
    await state.open()
    await state.close()


async def test_opening_it_a_second_time_lets_go_of_no_lock(tmp_path):
    """To close any descriptor of a file drops a process's locks on it: SQLite's log is gone then.

    The last process that has a database open deletes its log; who has no lock does not count.
    """
    first = await opened(tmp_path / "state")
    second = await opened(tmp_path / "state")
    await first.run(put, "a")
    log = first.path.with_name("state.db-wal")
    before = log.stat().st_ino
    script = (
        "import sqlite3, sys; file = sqlite3.connect(sys.argv[1]); "
        "print(file.execute('SELECT COUNT(*) FROM leases').fetchone()); file.close()"
    )
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", script, first.path)
    assert await other.wait() == 0
    assert log.stat().st_ino == before
    await second.close()
    await first.close()
