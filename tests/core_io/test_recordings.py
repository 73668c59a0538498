"""Recordings on disk: killed, thinned, bounded, of a stranger, of another version."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from support import snapshots
from support.snapshots import NOW

from rf_core.errors import StateError
from rf_core.io.recorder import Recorder
from rf_core.io.recording_file import APPLICATION_ID
from rf_core.io.recordings import Recording
from rf_core.recording import KEPT_SECONDS, THINNED

TESTS = Path(__file__).parents[1]


def at(seconds, snapshot=None):
    return replace(snapshot or snapshots.busy(), taken_at=NOW + seconds)


def grown(seconds):
    """The busy moment some seconds later, with another reading."""
    shown = snapshots.busy()
    pool = shown.pools[0]
    history = (*pool.history, (NOW + seconds, pool.balance_bytes - int(seconds)))
    return replace(
        shown, taken_at=NOW + seconds, pools=(replace(pool, history=history), *shown.pools[1:])
    )


def test_what_was_recorded_is_shown_again_with_its_charts(tmp_path):
    path = tmp_path / "a.rec"
    with Recorder(path) as recorder:
        for second in range(5):
            assert recorder.write(grown(second))
        assert not recorder.write(grown(4))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [child.name for child in tmp_path.iterdir()] == ["a.rec"]
    with Recording(path) as recording:
        assert (recording.begin, recording.end) == (NOW, NOW + 4)
        shown = recording.at(NOW + 2.7)
        assert shown.taken_at == NOW + 2
        assert shown.pools[0].history[:-3] == snapshots.busy().pools[0].history
        assert [when for when, _ in shown.pools[0].history[-3:]] == [NOW, NOW + 1, NOW + 2]
        assert recording.at(0).taken_at == NOW
        assert recording.at(NOW + 99).taken_at == NOW + 4
        assert len(recording.moments()) == 5


def test_a_recording_is_gone_on_with(tmp_path):
    path = tmp_path / "a.rec"
    for second in (0, 10):
        with Recorder(path) as recorder:
            recorder.write(at(second))
    with Recording(path) as recording:
        assert recording.moments() == [NOW, NOW + 10]
        assert recording.at(NOW + 10) == at(10)


def test_it_is_read_while_it_is_written(tmp_path):
    with Recorder(tmp_path / "a.rec") as recorder:
        recorder.write(at(0))
        with Recording(tmp_path / "a.rec") as recording:
            recorder.write(at(1))
            assert recording.at(NOW + 1).taken_at == NOW + 1


def test_who_is_killed_loses_nothing_that_was_written(tmp_path):
    path = tmp_path / "a.rec"
    code = textwrap.dedent("""
        import sys
        from pathlib import Path
        from core_io.test_recordings import Recorder, at
        recorder = Recorder(Path(sys.argv[1]))
        for second in range(100000):
            recorder.write(at(second))
            print(second, flush=True)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )  # fmt: skip
    last = -1
    for line in process.stdout:
        last = int(line)
        if last == 200:
            process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait(10)
    with Recording(path) as recording:
        assert recording.end >= NOW + last
        assert recording.moments() == [NOW + n for n in range(round(recording.end - NOW) + 1)]
    with Recorder(path) as recorder:
        assert recorder.write(at(200_000))


def test_old_frames_are_thinned_and_the_oldest_go(tmp_path):
    path = tmp_path / "a.rec"
    with Recorder(path) as recorder:
        for second in range(0, 8_000, 2):
            recorder.write(at(second))
        recorder.thin(NOW + 8_000)
        recorder.write(at(8_000 + THINNED[1][0]))
        recorder.thin(NOW + 8_000 + THINNED[1][0])
    with Recording(path) as recording:
        moments = [round(moment - NOW) for moment in recording.moments()]
    minute = [moment for moment in moments if moment < 8_000]
    assert 8_000 / 60 - 3 <= len(minute) <= 8_000 / 60 + 6
    with Recorder(path) as recorder:
        recorder.write(at(8_000 + KEPT_SECONDS))
        recorder.thin(NOW + 8_000 + KEPT_SECONDS)
    with Recording(path) as recording:
        assert recording.begin >= NOW + 8_000 - 3_600
        assert recording.at(recording.begin).pools


def test_the_file_keeps_to_its_limit(tmp_path):
    path = tmp_path / "a.rec"
    crowded = snapshots.crowded()
    with Recorder(path, most_bytes=400_000) as recorder:
        for step in range(600):
            crawls = tuple(
                replace(crawl, requests=step * 977 + number)
                for number, crawl in enumerate(crowded.crawls)
            )
            recorder.write(replace(crowded, taken_at=NOW + step * 300, crawls=crawls))
        recorder.thin(NOW + 600 * 300)
    assert path.stat().st_size <= 400_000
    with Recording(path) as recording:
        assert recording.end == NOW + 599 * 300
        for moment in recording.moments():
            assert recording.at(moment).taken_at == moment


@pytest.mark.parametrize("content", [b"", b"not a database at all, not by far" * 99])
def test_what_is_no_recording_is_a_sentence_and_is_left_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StateError):
        Recording(path)
    if content:
        with pytest.raises(StateError, match="no recording"):
            Recorder(path)
        assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "theirs.db"
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE frames (a)")
    file.commit()
    file.close()
    before = path.read_bytes()
    for kind in (Recorder, Recording):
        with pytest.raises(StateError, match="no recording"):
            kind(path)
    assert path.read_bytes() == before


def test_a_newer_versions_recording_says_so(tmp_path):
    path = tmp_path / "a.rec"
    file = sqlite3.connect(path)
    file.execute(f"PRAGMA application_id={APPLICATION_ID}")
    file.execute("PRAGMA user_version=99")
    file.execute("CREATE TABLE frames (at)")
    file.close()
    for kind in (Recorder, Recording):
        with pytest.raises(StateError, match="newer version"):
            kind(path)


def test_a_damaged_frame_is_a_sentence(tmp_path):
    path = tmp_path / "a.rec"
    with Recorder(path) as recorder:
        recorder.write(at(0))
    file = sqlite3.connect(path)
    file.execute("UPDATE frames SET body = x'00ff'")
    file.commit()
    file.close()
    with Recording(path) as recording, pytest.raises(StateError, match="cannot be used"):
        recording.at(NOW)


def test_there_is_nothing_to_see_in_an_empty_recording(tmp_path):
    Recorder(tmp_path / "a.rec").close()
    with pytest.raises(StateError, match="is empty"):
        Recording(tmp_path / "a.rec")
    with pytest.raises(StateError, match="There is no recording"):
        Recording(tmp_path / "none.rec")


def test_a_folder_that_cannot_be_written_to_can_be_read(tmp_path):
    folder = tmp_path / "sent"
    folder.mkdir()
    with Recorder(folder / "a.rec") as recorder:
        recorder.write(at(0))
    (folder / "a.rec").chmod(0o400)
    folder.chmod(0o500)
    try:
        with Recording(folder / "a.rec") as recording:
            assert recording.at(NOW).taken_at == NOW
    finally:
        folder.chmod(0o700)


def test_calls_are_kept_once_and_shown_as_far_as_they_had_come(tmp_path):
    path = tmp_path / "a.rec"
    call = snapshots.CALLS[0]
    calls = [replace(call, at=NOW + second, seconds=0.5) for second in range(6)]
    with Recorder(path) as recorder:
        for second in range(5):
            recorder.write(at(second, replace(snapshots.busy(), calls=tuple(calls[second::-1]))))
    with Recorder(path) as recorder:
        recorder.write(at(5, replace(snapshots.busy(), calls=tuple(calls[::-1]))))
    with Recording(path) as recording:
        assert [one.at - NOW for one in recording.at(NOW + 3).calls] == [2, 1, 0]
        assert len(recording.at(NOW + 99).calls) == 5
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT COUNT(*) FROM calls").fetchone()[0] == 6
        file.execute("DROP TABLE calls")  # as an older recording
    file.close()
    with Recording(path) as recording:
        assert recording.at(NOW + 3).calls == ()
