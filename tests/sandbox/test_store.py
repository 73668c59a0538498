import errno
import json
import os
import stat

import pytest

from rf_sandbox.store import StateError, Store

FACTS = {"seed": 1, "profile": "documented"}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state"


def opened(folder, *lines):
    """A store with facts and these lines in its log."""
    store = Store(folder)
    store.write_facts(FACTS)
    for line in lines:
        store.append(json.dumps(line).encode() + b"\n")
    return store


def records_of(folder):
    store = Store(folder)
    try:
        return list(store.records())
    finally:
        store.close()


def test_what_was_kept_is_there_again_in_its_order(folder):
    opened(folder, 1, 2).close()
    opened(folder, 3).close()
    store = Store(folder)
    assert store.facts["seed"] == 1
    assert list(store.records()) == [1, 2, 3]
    store.close()


def test_only_its_owner_may_look(folder):
    folder.mkdir(mode=0o755)
    store = opened(folder, 1)
    rewrite = store.rewrite()
    rewrite.write(b"1\n")
    rewrite.finish()
    store.append(b"2\n")
    store.close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_torn_last_line_is_dropped_and_the_next_run_goes_on_after_it(folder):
    opened(folder, 1, 2).close()
    with (folder / "log-1.jsonl").open("ab") as log:
        log.write(b'["row", 17, "us')
    opened(folder, 3).close()
    assert records_of(folder) == [1, 2, 3]


def test_a_damaged_line_is_said_and_nothing_is_forgotten(folder):
    opened(folder, 1).close()
    log = folder / "log-1.jsonl"
    log.write_bytes(b"1\nrubbish\n2\n")
    with pytest.raises(StateError, match=r"log-1\.jsonl is damaged \(line 2: .*move .* away"):
        records_of(folder)
    assert log.read_bytes() == b"1\nrubbish\n2\n"


DAMAGES = {
    "empty": b"",
    "half": b'{"format": 1, "first_l',
    "no object": b"[1]",
    "not text": b"\xff\xfe\x00",
    "no numbers": b'{"format": 1, "first_log": "x", "seed": 0, "profile": ""}',
    "facts missing": b'{"format": 1, "first_log": 1}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_refused_with_the_way_out_and_left_as_it_is(folder, damage):
    opened(folder, 1).close()
    path = folder / "state.json"
    path.write_bytes(DAMAGES[damage])
    for _ in range(2):
        with pytest.raises(StateError, match=r"(damaged|another version)"):
            Store(folder)
    assert path.read_bytes() == DAMAGES[damage]


def test_the_state_of_another_version_is_refused(folder):
    opened(folder).close()
    (folder / "state.json").write_text('{"format": 2}')
    with pytest.raises(StateError, match=r"another version \(2, not 1\)"):
        Store(folder)


def test_a_directory_in_use_is_refused_and_free_again_after_its_end(folder):
    store = opened(folder)
    with pytest.raises(StateError, match="in use by another sandbox"):
        Store(folder)
    store.close()
    store.close()
    Store(folder).close()


def test_a_link_is_refused(folder, tmp_path):
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises(StateError, match="is a link: name the directory"):
        Store(link)
    with pytest.raises(StateError, match="is a link"):
        Store(tmp_path / "link" / ".." / "link")


def test_a_directory_with_other_files_is_refused_and_left_alone(folder):
    folder.mkdir(mode=0o755)
    (folder / "thesis.tex").write_text("mine")
    with pytest.raises(StateError, match="choose an empty directory"):
        Store(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        Store(tmp_path / "file")
    with pytest.raises(StateError, match="cannot be used"):
        Store(tmp_path / "file" / "below")


def test_somebody_elses_directory_is_refused(folder, monkeypatch):
    folder.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(StateError, match="belongs to another user"):
        Store(folder)


def test_a_base_stands_for_all_that_was_before(folder):
    store = opened(folder, 1, 2)
    rewrite = store.rewrite()
    store.append(b"4\n")  # while the base is being written
    rewrite.write(b'"base"\n')
    rewrite.finish()
    store.append(b"5\n")
    store.close()
    assert records_of(folder) == ["base", 4, 5]
    assert {path.name for path in folder.iterdir()} == {
        "lock",
        "state.json",
        "base-2.jsonl",
        "log-2.jsonl",
    }


def test_a_base_that_never_was_finished_counts_for_nothing(folder):
    store = opened(folder, 1, 2)
    rewrite = store.rewrite()
    rewrite.write(b'"base"\n')
    store.append(b"3\n")
    rewrite.close()  # killed
    store.close()
    assert records_of(folder) == [1, 2, 3]


def test_a_new_start_counts_from_the_moment_the_facts_are_written(folder, monkeypatch):
    store = opened(folder, 1, 2)
    with monkeypatch.context() as patch:
        patch.setattr(store, "write_facts", lambda _facts: 1 / 0)  # killed just before
        with pytest.raises(ZeroDivisionError):
            store.start_over(FACTS | {"seed": 2}, b"8\n")
    store.close()
    assert records_of(folder) == [1, 2]
    store = Store(folder)
    store.start_over(FACTS | {"seed": 2}, b"9\n")
    store.close()
    assert records_of(folder) == [9]
    store = Store(folder)
    assert store.facts["seed"] == 2
    store.close()


def test_a_full_disk_leaves_no_half_line(folder, monkeypatch):
    store = opened(folder, 1)
    write, room = os.write, [4]

    def scarce(descriptor, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = write(descriptor, bytes(data)[: room[0]])
        room[0] -= taken
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", scarce)
        with pytest.raises(OSError, match="No space"):
            store.append(b'["a long line"]\n')
    store.append(b"2\n")
    store.close()
    assert records_of(folder) == [1, 2]
