"""`state.db`: private, shared, and a sentence for everything that can be wrong with it."""

import asyncio
import os
import resource
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rf_core.errors import StateError
from rf_core.io import state as state_module
from rf_core.io.folders import private_file
from rf_core.io.schema import MIGRATIONS
from rf_core.io.state import SCHEMA, State


def count(connection):
    return connection.execute("SELECT count(*) FROM leases").fetchone()[0]


def insert(connection, name="a"):
    connection.execute("INSERT INTO leases VALUES (?, 'h', 0, '')", (name,))


async def opened(folder):
    state = State(folder)
    try:
        await state.open()
    except BaseException:
        await state.close()
        raise
    return state


async def trouble(folder):
    with pytest.raises(StateError) as caught:
        await opened(folder)
    return str(caught.value)


async def test_only_its_owner_can_read_it(state):
    await state.run(insert)
    folder = state.path.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    (folder / "state.db").touch(mode=0o644)
    state = await opened(folder)
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600
    await state.close()


async def test_a_folder_that_others_can_write_to_is_refused_with_the_command(tmp_path):
    folder = tmp_path / "it's"
    folder.mkdir()
    folder.chmod(0o770)
    said = await trouble(folder)
    assert "Others can write" in said
    assert "chmod 700 " in said
    assert """'"'"'""" in said, "quoted for the shell"


async def test_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert "symbolic link" in await trouble(tmp_path / "link")


async def test_a_linked_file_is_refused(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    (folder / "state.db").symlink_to(tmp_path / "elsewhere")
    assert "cannot be used" in await trouble(folder)
    assert not (tmp_path / "elsewhere").exists()


async def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    assert "another user" in await trouble(folder)


def test_a_file_of_somebody_else_is_refused(tmp_path, monkeypatch):
    private_file(tmp_path / "state.db")
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    with pytest.raises(StateError, match=r"state.db belongs to another user.*mv "):
        private_file(tmp_path / "state.db")


@pytest.mark.parametrize(("name", "mode"), [("resifactory", 0o700), ("of-my-own", 0o755)])
async def test_a_folder_of_ours_is_closed_to_others_and_one_of_the_users_left_as_it_is(
    tmp_path, name, mode
):
    folder = tmp_path / name
    folder.mkdir()
    folder.chmod(0o755)
    state = await opened(folder)
    await state.close()
    assert folder.stat().st_mode & 0o777 == mode
    assert (folder / "state.db").stat().st_mode & 0o777 == 0o600


async def test_a_file_where_a_folder_should_be_is_said(tmp_path):
    (tmp_path / "s").touch()
    assert "cannot be used" in await trouble(tmp_path / "s")


async def test_a_newer_versions_file_is_left_alone(tmp_path):
    state = await opened(tmp_path / "s")
    await state.close()
    with sqlite3.connect(state.path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()
    assert "newer version" in await trouble(tmp_path / "s")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\0" * 5_000])
async def test_a_damaged_file_is_said_with_the_way_out(tmp_path, content):
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    (folder / "state.db").write_bytes(content)
    said = await trouble(folder)
    assert "cannot be used" in said
    assert "mv " in said


async def test_work_that_fails_leaves_nothing_behind(state):
    def half(connection):
        insert(connection)
        raise LookupError

    with pytest.raises(LookupError):
        await state.run(half)
    assert await state.read(count) == 0


async def test_a_database_held_by_somebody_else_ends_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(state_module, "_BUSY_SECONDS", 0.1)
    state = await opened(tmp_path / "s")
    other = sqlite3.connect(state.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateError, match="locked"):
        await state.run(insert)
    other.execute("ROLLBACK")
    other.close()
    await state.run(insert)
    await state.close()


async def test_a_disk_without_room_ends_in_a_sentence(state):
    def fill(connection):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(1_000):
            insert(connection, f"{number} {'x' * 500}")

    with pytest.raises(StateError, match="full") as caught:
        await state.run(fill)
    assert "RF_STATE_DIR" in str(caught.value)


async def test_all_work_is_done_in_one_thread_of_its_own(state):
    threads = {await state.run(lambda _connection: threading.get_ident()) for _ in range(5)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_a_closed_state_says_so_and_closing_twice_is_fine(state):
    await state.close()
    await state.close()
    with pytest.raises(StateError, match="closed"):
        await state.run(insert)


def test_many_may_open_a_new_file_at_the_same_moment(tmp_path):
    together = threading.Barrier(4)

    async def open_and_close(folder):
        opened = State(folder)
        await asyncio.to_thread(together.wait)
        await opened.open()
        await opened.close()

    for number in range(60):
        with ThreadPoolExecutor(4) as threads:
            folder = tmp_path / str(number)
            started = [threads.submit(asyncio.run, open_and_close(folder)) for _ in range(4)]
            for one in started:
                one.result(timeout=60)


def touch(connection, name="a"):
    """One row, as `run_swiftly` wants it: True when it was written."""
    connection.execute("INSERT OR REPLACE INTO leases VALUES (?, 'h', 0, '')", (name,))
    return True


async def test_swift_work_is_done_in_the_loops_own_thread(state):
    assert await state.run_swiftly(lambda _: threading.get_ident()) == threading.get_ident()
    await state.run_swiftly(touch)
    assert await state.read(count) == 1


async def test_swift_work_leaves_the_loop_free_while_another_process_writes(state):
    other = sqlite3.connect(state.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.ensure_future(state.run_swiftly(touch))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()
    assert await asyncio.wait_for(waiting, 60)


async def test_swift_work_on_a_database_held_for_long_ends_in_a_sentence(state, monkeypatch):
    monkeypatch.setattr(state_module, "_BUSY_SECONDS", 0.05)
    other = sqlite3.connect(state.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked"):
        await state.run_swiftly(touch)
    other.close()


async def test_swift_work_that_was_overtaken_is_done_again(state):
    outcomes = iter([None] * 9 + ["done"])
    assert await state.run_swiftly(lambda _: next(outcomes)) == "done"


async def test_a_file_that_became_read_only_ends_in_the_command_to_run(state):
    await state.run_swiftly(lambda connection: connection.execute("PRAGMA query_only = 1"))
    with pytest.raises(StateError, match="readonly") as caught:
        await state.run_swiftly(touch)
    assert "chmod 600" in str(caught.value)


async def test_a_disk_that_takes_no_more_ends_in_a_sentence_and_recovers(state):
    """Whichever way the system says so; nothing that was there is lost."""
    await state.run_swiftly(touch)
    await state.run_swiftly(lambda connection: connection.execute("PRAGMA cache_spill = 0"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written = state.path.with_name("state.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (written, hard))
    try:
        with pytest.raises(StateError, match="RF_STATE_DIR"):
            await state.run_swiftly(touch, "b")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await state.run_swiftly(touch, "c")
    assert await state.read(count) == 2


async def test_a_log_that_grows_is_brought_into_the_file(state, monkeypatch):
    """Even when somebody writes all the time."""
    monkeypatch.setattr(state_module, "_CHECKPOINT_COMMITS", 100)
    monkeypatch.setattr(state_module, "_LONGEST_LOG_PAGES", 100)
    for number in range(3_000):
        await state.run_swiftly(touch, str(number % 3))
        state.count_commit()
        if number % 100 == 50:
            await state.read(count)
    assert state.path.with_name("state.db-wal").stat().st_size < 3_000 * 4_096


async def test_a_file_of_the_first_version_is_lifted_and_its_windows_begin_with_a_pause(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    with sqlite3.connect(folder / "state.db") as connection:
        connection.executescript(MIGRATIONS[0])
        connection.execute("INSERT INTO windows VALUES ('k', 'reads', 120, 0, 0, 0, 0, 'b')")
        connection.execute("INSERT INTO leases VALUES ('poller', 'h', 0, '')")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    state = await opened(folder)
    assert await state.read(count) == 1, "everything else is kept"
    rows = await state.read(lambda c: c.execute("SELECT key, grp, body FROM windows").fetchall())
    assert rows == [("k", "reads", b"")]
    await state.close()


async def test_somebody_elses_database_is_left_alone(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute("CREATE TABLE windows (panes INTEGER)")
    connection.close()
    assert "cannot be used" in await trouble(folder)
