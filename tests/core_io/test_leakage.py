"""Folders that should hold no secrets: what is looked at, and what is left alone."""

import gzip
import os
import sqlite3
from pathlib import Path

import pytest
from support.stocks import put_into_stock

from rf_core.inventory import Inventory
from rf_core.io.leakage import known_secrets, look_through
from rf_core.leaks import Known, Leak
from rf_core.models import Proxy
from rf_core.redaction import Secret

KEY = "rf_live_0123456789abcdefx7kQ"
KNOWN = Known(key=Secret(KEY))


def test_every_file_below_is_looked_at_and_named_with_what_it_holds(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "p0").write_bytes(b"\x80\x04" + KEY.encode() + b"\x94.")
    (tmp_path / "log").write_text("nothing here")
    looked = look_through(tmp_path, KNOWN)
    assert looked.leaks == {str(Path("deep", "er", "p0")): (Leak("key_in_use", "plain"),)}
    assert (looked.files, looked.is_whole, looked.unread) == (2, True, [])


@pytest.mark.parametrize("members", [1, 3])
def test_what_is_packed_is_unpacked(tmp_path, members):
    packed = [gzip.compress(os.urandom(2_000_000))] * (members - 1)
    packed.append(gzip.compress(b"x" * 5_000_000 + KEY.encode()))
    (tmp_path / "response_body").write_bytes(b"".join(packed))
    assert look_through(tmp_path, KNOWN).leaks


def test_a_damaged_archive_is_looked_at_as_far_as_it_is_whole(tmp_path):
    whole = gzip.compress(KEY.encode() + os.urandom(100_000))
    (tmp_path / "cut.gz").write_bytes(whole[:50_000])
    (tmp_path / "odd.gz").write_bytes(b"\x1f\x8b" + os.urandom(500))
    assert set(look_through(tmp_path, KNOWN).leaks) == {"cut.gz"}


def test_a_bomb_is_unpacked_in_pieces(tmp_path):
    import tracemalloc  # noqa: PLC0415 - only here

    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(200 << 20), 9))
    tracemalloc.start()
    look_through(tmp_path, KNOWN)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


def test_databases_are_looked_at_as_they_are(tmp_path):
    with sqlite3.connect(tmp_path / "cache.sqlite") as database:
        database.execute("CREATE TABLE t (v BLOB)")
        database.execute("INSERT INTO t VALUES (?)", (KEY.encode(),))
    database.close()
    assert "cache.sqlite" in look_through(tmp_path, KNOWN).leaks


def test_links_pipes_and_the_programs_own_folder_are_left_alone(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text(KEY)
    folder = tmp_path / "looked"
    (folder / "inventory").mkdir(parents=True)
    (folder / "inventory" / "a.inventory").write_text(KEY)
    (folder / "link").symlink_to(outside)
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    looked = look_through(folder, KNOWN, besides=folder / "inventory")
    assert (looked.files, looked.leaks) == (0, {})


def test_a_file_that_cannot_be_read_is_said(tmp_path, monkeypatch):
    (tmp_path / "closed").write_text(KEY)

    def refuse(*_arguments):
        raise PermissionError

    monkeypatch.setattr("rf_core.io.leakage.os.open", refuse)
    assert look_through(tmp_path, KNOWN).unread == ["closed"]


def test_of_too_many_files_the_rest_is_said_to_be_unseen(tmp_path, monkeypatch):
    monkeypatch.setattr("rf_core.io.leakage.MOST_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text("")
    assert not look_through(tmp_path, KNOWN).is_whole


async def test_credentials_of_orders_that_are_kept_here_are_known(tmp_path, settings_for):
    settings = settings_for("http://127.0.0.1:1", KEY)
    proxy = Proxy("gw.example", 8_000, "user-1", Secret("a-long-password"))
    await put_into_stock(settings, Inventory.of([proxy]))
    known = await known_secrets(settings, ())
    assert set(known.kinds_in(b"... a-long-password ...")) == {"credential"}
    assert set(known.kinds_in(b"gw.example:8000:someone:else")) == {"proxy_address"}
    assert set(known.kinds_in(KEY.encode())) == {"key_in_use"}


async def test_without_a_state_or_settings_shapes_are_known_all_the_same(tmp_path, settings_for):
    for settings in (None, settings_for("http://127.0.0.1:1", KEY)):
        known = await known_secrets(settings, ())
        assert set(known.kinds_in(b"rf_live_zyxwvutsrqponmlk4321")) == {"api_key"}
    assert not (tmp_path / "state").exists(), "to look for leaks makes nothing"
