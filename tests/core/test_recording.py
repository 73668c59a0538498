"""Snapshots packed and unpacked: what goes in comes out, in little room, and nothing else does."""

import zlib
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import snapshots

from rf_core.recording import (
    KEY_FRAME_SECONDS,
    BrokenFrameError,
    Frame,
    Packer,
    unpack,
)


def history_of(snapshot):
    return {pool.id: pool.history for pool in snapshot.pools}


@pytest.mark.parametrize("moment", ["empty", "busy", "degraded", "crowded", "hostile"])
def test_what_is_packed_comes_out_the_same(moment):
    snapshot = replace(getattr(snapshots, moment)(), calls=())  # which are kept apart
    later = replace(snapshot, taken_at=snapshot.taken_at + 1, own_calls_per_minute=3.0)
    packer = Packer()
    key, frame = packer.pack(snapshot), packer.pack(later)
    assert (key.base, frame.base) == (key.at, key.at)
    assert unpack(key, key, history_of(snapshot)) == snapshot
    assert unpack(frame, key, history_of(later)) == later


def test_a_second_takes_some_hundred_bytes_of_a_screen_of_thousands():
    snapshot = replace(
        snapshots.crowded(),
        pools=tuple(replace(pool, history=()) for pool in snapshots.crowded().pools),
    )
    packer = Packer()
    packer.pack(snapshot)
    crawls = tuple(
        replace(crawl, down_bytes=crawl.down_bytes + 7 * number, requests=crawl.requests + number)
        for number, crawl in enumerate(snapshot.crawls)
    )
    frame = packer.pack(replace(snapshot, taken_at=snapshot.taken_at + 1, crawls=crawls))
    assert len(frame.body) * 20 < len(msgspec.json.encode(snapshot))


def test_a_new_key_frame_comes_each_hour_and_when_a_clock_goes_back():
    shown = snapshots.busy()
    packer = Packer()
    first = packer.pack(shown)
    same = packer.pack(replace(shown, taken_at=shown.taken_at + KEY_FRAME_SECONDS - 1))
    hour = packer.pack(replace(shown, taken_at=shown.taken_at + KEY_FRAME_SECONDS))
    back = packer.pack(replace(shown, taken_at=shown.taken_at - 5))
    assert same.base == first.at
    assert hour.base == hour.at
    assert back.base == back.at


@given(body=st.binary(max_size=400), key=st.booleans())
def test_a_damaged_frame_is_an_error_and_nothing_else(body, key):
    good = Packer().pack(snapshots.busy())
    frame = Frame(good.at, good.at, body) if key else Frame(good.at + 1, good.at, body)
    with pytest.raises(BrokenFrameError):
        unpack(frame, frame if key else good, {})


def test_a_frame_that_would_fill_the_memory_is_refused():
    bomb = zlib.compress(b" " * 64_000_000)
    frame = Frame(1.0, 1.0, bomb)
    with pytest.raises(BrokenFrameError):
        unpack(frame, frame, {})
