"""What a crawl has billed outlives it, and says whether it is dead."""

import multiprocessing
import os
import signal
import sqlite3

import pytest

from rf_core.io import purses
from rf_core.io.counts import Counts, Last
from rf_core.io.schema import MIGRATIONS

KEY, NAME = "key", "november"
MB = 1 << 20


@pytest.fixture
def counts(tmp_path):
    return Counts(tmp_path, "boot")


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


def draw(connection, counts, crawl, *, spent=0, under_way=0, now=100.0):
    _, drawn = purses.take(
        connection, KEY, NAME, crawl, whole=MB, limit=MB, spent=spent, under_way=under_way, need=0,
        rate=1, holding=0, counts=counts, now=now,
    )  # fmt: skip
    return drawn


def begin(connection, counts, crawl, now=100.0):
    return purses.begin(connection, KEY, NAME, crawl, counts=counts, is_kept=True, now=now)


def _count_and_wait(folder, told):
    count = Counts(folder, "boot").of("killed")
    count.open()
    count.note(5_000, 2_000, 10)
    count.cells[0] = 2_300
    told.send(True)
    signal.pause()


@pytest.mark.skipif(os.name != "posix", reason="nobody is known to be dead elsewhere")
def test_the_count_of_a_process_is_there_once_it_was_killed_and_not_before(tmp_path, counts):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_count_and_wait, args=(tmp_path, there))
    process.start()
    try:
        assert here.recv()
        assert counts.last("killed") is None, "it lives"
    finally:
        process.kill()
        process.join()
    assert counts.last("killed") == Last(2_300, 5_000, 2_000, 10)
    assert counts.last("killed").spent == 8_000
    process.close()
    here.close()
    there.close()


def test_who_ends_in_order_leaves_nothing(counts, tmp_path):
    count = counts.of("a")
    count.open()
    assert repr(count) == "<Count a.boot 0 bytes>"
    count.close()
    count.close()
    assert list((tmp_path / "counts").iterdir()) == []
    assert counts.last("a") is None


def test_after_the_machine_went_down_no_count_is_known_to_be_whole(counts, tmp_path):
    count = counts.of("a")
    count.open()
    count.let_go()
    assert counts.last("a") is not None
    assert Counts(tmp_path, "next boot").last("a") is None
    unknown = Counts(tmp_path, "").of("b")
    unknown.open()
    unknown.cells[0] = 5
    assert not (tmp_path / "counts" / "b.").exists()
    unknown.close()


def test_the_file_is_private_and_an_old_one_is_taken_away(counts, tmp_path):
    dead, alive = counts.of("dead"), counts.of("alive")
    for count in (dead, alive):
        count.open()
    dead.let_go()
    path = tmp_path / "counts" / "dead.boot"
    assert path.stat().st_mode & 0o777 == 0o600
    for one in (tmp_path / "counts").iterdir():
        os.utime(one, (50, 50))
    counts.tidy(100)
    assert [one.name for one in (tmp_path / "counts").iterdir()] == ["alive.boot"]
    alive.close()


def test_what_a_killed_crawl_had_not_spent_is_drawn_by_the_next(connection, counts):
    first = counts.of("first")
    first.open()
    begin(connection, counts, "first")
    drawn = draw(connection, counts, "first", under_way=900_000)
    first.note(0, 0, 1)
    first.cells[0] = 20_000
    assert drawn.count > 900_000
    alive = begin(connection, counts, "second")
    assert alive.spent == drawn.count, "all of it is spent for as long as it lives"
    first.let_go()
    begun = begin(connection, counts, "third")
    assert begun.spent == 20_000
    assert draw(connection, counts, "third").left == MB - 20_000


def test_who_dies_while_another_is_at_work_is_noticed_in_a_few_seconds(connection, counts):
    first = counts.of("first")
    first.open()
    begin(connection, counts, "first")
    begin(connection, counts, "second")
    held = draw(connection, counts, "first", under_way=900_000).count
    first.let_go()
    assert draw(connection, counts, "second", now=102.0).left == MB - held
    assert draw(connection, counts, "second", now=103.0).left == MB


def test_what_was_killed_is_over_with_whoever_has_gone_on_with_it(connection, counts):
    first = counts.of("first")
    first.open()
    begin(connection, counts, "first")
    draw(connection, counts, "first", spent=50_000)
    first.let_go()
    begin(connection, counts, "second", now=101.0)
    purses.end(
        connection, KEY, NAME, "second", spent=20_000, counts=counts, is_done=False, now=102.0
    )
    begun = purses.begin(connection, KEY, NAME, "third", counts=counts, is_kept=False, now=103.0)
    assert begun.spent == 0, "a new crawl has a new budget"


def test_a_count_can_give_back_no_more_than_was_drawn_nor_less_than_was_said(connection, counts):
    first = counts.of("first")
    first.open()
    begin(connection, counts, "first")
    until = draw(connection, counts, "first", spent=50_000).count + 50_000
    first.note(10_000, 10_000, 1)
    first.let_go()
    assert begin(connection, counts, "second").spent == 50_000
    late = counts.of("late")
    late.open()
    until = draw(connection, counts, "late", spent=60_000).count + 60_000
    late.cells[0] = 10 * MB
    late.note(0, 0, 1)
    late.let_go()
    assert begin(connection, counts, "third").spent == 50_000 + until
