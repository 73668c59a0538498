"""The discovery cache: whatever somebody plants in it is a miss, and nothing of it runs."""

import json
import os
import pickle
import sqlite3
import stat

import pytest

from rf_core.io.cache import DiscoveryCache

DOCUMENT = {"pools": [{"id": "shop"}]}


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
async def cache(tmp_path):
    opened = DiscoveryCache(tmp_path / "cache")
    yield opened
    await opened.close()


def database(tmp_path):
    return tmp_path / "cache" / "discovery" / "cache.db"


def tamper(tmp_path, statement, *values):
    connection = sqlite3.connect(database(tmp_path))
    with connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


async def reopened(tmp_path, cache):
    await cache.close()
    return DiscoveryCache(tmp_path / "cache")


async def test_a_document_comes_back_with_the_time_it_was_fetched(cache):
    assert await cache.get("pools") is None
    await cache.put("pools", 17.5, DOCUMENT)
    assert await cache.get("pools") == (17.5, DOCUMENT)
    assert cache.trouble == ""


async def test_it_is_shared_by_whoever_opens_it(cache, tmp_path):
    await cache.put("pools", 17.5, DOCUMENT)
    other = DiscoveryCache(tmp_path / "cache")
    assert await other.get("pools") == (17.5, DOCUMENT)
    await other.close()


async def test_only_its_owner_can_read_it(cache, tmp_path):
    await cache.put("pools", 1, DOCUMENT)
    path = database(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [1, 2, 3, 4, 99])
async def test_a_pickled_row_is_refused_and_its_payload_never_runs(cache, tmp_path, mode):
    marker = tmp_path / "ran"
    await cache.put("pools", 1, DOCUMENT)
    payload = pickle.dumps(Payload(marker))
    tamper(tmp_path, "UPDATE Cache SET mode = ?, value = ?", mode, payload)
    assert await cache.get("pools") is None
    assert not marker.exists()
    await cache.put("pools", 2, DOCUMENT)
    assert await cache.get("pools") == (2, DOCUMENT), "the cache works again"
    pickle.loads(payload).close()
    assert marker.exists(), "the payload would have run"


async def test_a_pickled_key_is_refused_and_its_payload_never_runs(cache, tmp_path):
    marker = tmp_path / "ran"
    await cache.put("pools", 1, DOCUMENT)
    tamper(tmp_path, "UPDATE Cache SET key = ?, raw = 0", pickle.dumps(Payload(marker)))
    assert await cache.get("pools") is None
    await cache.put("pools", 2, DOCUMENT)
    assert not marker.exists()


async def test_a_row_that_names_a_file_neither_reads_nor_removes_it(cache, tmp_path):
    victim = tmp_path / "victim.json"
    victim.write_text(json.dumps({"fetched_at": 1.0, "document": {"stolen": True}}))
    await cache.put("pools", 1, DOCUMENT)
    name = "../../victim.json"
    for mode in (1, 2, 3, 4):
        await cache.put("pools", 1, DOCUMENT)
        tamper(tmp_path, "UPDATE Cache SET mode = ?, filename = ?", mode, name)
        assert await cache.get("pools") is None
    await cache.put("pools", 1, DOCUMENT)
    tamper(tmp_path, "UPDATE Cache SET filename = ?", name)
    await cache.put("pools", 2, DOCUMENT)
    assert victim.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("get", "shadow"),
        ("_sql", "shadow"),
        ("disk_surprise", 1),
        ("sqlite_temp_store_directory", "'/tmp'"),
    ],
)
async def test_a_settings_row_that_reaches_into_the_cache_throws_it_away(
    cache, tmp_path, key, value
):
    await cache.put("pools", 1, DOCUMENT)
    tamper(tmp_path, "INSERT INTO Settings VALUES (?, ?)", key, value)
    again = await reopened(tmp_path, cache)
    assert await again.get("pools") is None
    await again.put("pools", 2, DOCUMENT)
    assert await again.get("pools") == (2, DOCUMENT)
    await again.close()


@pytest.mark.parametrize("junk", [b"junk" * 2_000, b"SQLite format 3\0" + b"\xff" * 5_000, b""])
async def test_a_damaged_file_is_made_anew(cache, tmp_path, junk):
    await cache.put("pools", 1, DOCUMENT)
    await cache.close()
    for path in database(tmp_path).parent.iterdir():
        path.unlink()
    database(tmp_path).write_bytes(junk)
    again = DiscoveryCache(tmp_path / "cache")
    assert await again.get("pools") is None
    await again.put("pools", 2, DOCUMENT)
    assert await again.get("pools") == (2, DOCUMENT)
    await again.close()


@pytest.mark.parametrize(
    "stored", ['"text"', "[]", "{}", '{"fetched_at": "1", "document": {}}', "{"]
)
async def test_a_row_of_another_shape_is_a_miss(cache, tmp_path, stored):
    await cache.put("pools", 1, DOCUMENT)
    tamper(tmp_path, "UPDATE Cache SET value = ?", stored)
    assert await cache.get("pools") is None


async def test_a_folder_that_cannot_be_trusted_is_not_used_and_that_is_said(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o777)
    cache = DiscoveryCache(folder)
    await cache.put("pools", 1, DOCUMENT)
    assert await cache.get("pools") is None
    assert "chmod 700" in cache.trouble
    assert not list(folder.iterdir())
    await cache.close()


async def test_a_database_that_somebody_holds_is_a_miss_and_stays(cache, tmp_path):
    await cache.put("pools", 1, DOCUMENT)
    other = sqlite3.connect(database(tmp_path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await cache.put("pools", 2, DOCUMENT)
    assert await cache.get("pools") == (1, DOCUMENT), "reading goes on"
    other.execute("ROLLBACK")
    other.close()
    await cache.put("pools", 3, DOCUMENT)
    assert await cache.get("pools") == (3, DOCUMENT)


async def test_a_disk_without_room_is_a_miss_and_what_was_there_stays(cache):
    """Whoever asks is served by the API; what is known already goes on being known."""
    await cache.put("pools", 1, DOCUMENT)

    def fill():
        return cache._cache._sql("PRAGMA max_page_count = 1").fetchall()

    def make_room():
        return cache._cache._sql("PRAGMA max_page_count = 1000000").fetchall()

    cache._thread.submit(fill).result()
    await cache.put("pools", 2, DOCUMENT | {"much": "x" * 100_000})
    assert await cache.get("pools") == (1, DOCUMENT)
    cache._thread.submit(make_room).result()
    await cache.put("pools", 3, DOCUMENT)
    assert await cache.get("pools") == (3, DOCUMENT)


async def test_a_folder_of_somebody_else_is_not_used_and_that_is_said(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    cache = DiscoveryCache(tmp_path / "cache")
    await cache.put("pools", 1, DOCUMENT)
    assert await cache.get("pools") is None
    assert "belongs to another user" in cache.trouble
    await cache.close()


async def test_a_folder_that_others_can_look_into_is_closed_to_them(cache, tmp_path):
    """As stock diskcache makes it."""
    (tmp_path / "cache" / "discovery").mkdir(parents=True)
    (tmp_path / "cache").chmod(0o700)
    (tmp_path / "cache" / "discovery").chmod(0o755)
    await cache.put("pools", 1, DOCUMENT)
    assert stat.S_IMODE((tmp_path / "cache" / "discovery").stat().st_mode) == 0o700


async def test_closing_twice_is_fine(cache):
    await cache.close()
    await cache.close()
