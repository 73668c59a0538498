"""Inventories on disk: private, whole, and for nobody else's purpose; anything else is gone."""

import errno
import os
import stat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rf_core.errors import StateError
from rf_core.inventory import Inventory
from rf_core.io.inventories import InventoryFolder, purpose_of
from rf_core.models import Proxy
from rf_core.redaction import Secret

PURPOSE = purpose_of("key", "us", "shop")
ODD = ["", "ü\u20ac\U0001f600", ":@/%#", " ", "'\"\\"]


def many(count):
    return Inventory.of(
        Proxy("gw.example", 8000, f"user-{number}", Secret(ODD[number % len(ODD)]))
        for number in range(count)
    )


@pytest.fixture
def folder(tmp_path):
    return InventoryFolder(tmp_path / "state")


def path_of(folder):
    (path,) = folder.path.iterdir()
    return path


def test_what_was_saved_is_loaded_whatever_passwords_hold(folder):
    """C-063"""
    name, size = folder.save(many(20), PURPOSE)
    assert folder.load(name, PURPOSE, 0, 20) == many(20)
    assert folder.load(name, PURPOSE, 5, 9) == many(20)[5:9]
    assert folder.load(name, PURPOSE, 7, 7) == Inventory()
    assert path_of(folder).stat().st_size == size


def test_a_view_is_saved_like_any_other(folder):
    view = many(20)[3:15:2].only([4, 0, 2])
    name, _ = folder.save(view, PURPOSE)
    assert folder.load(name, PURPOSE, 0, 3) == view


def test_only_its_owner_can_read_it(folder):
    folder.save(many(3), PURPOSE)
    assert stat.S_IMODE(path_of(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.path.parent.stat().st_mode) == 0o700


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_file_that_was_changed_anywhere_is_gone(folder, data):
    name, size = folder.save(many(4), PURPOSE)
    path = folder.path / name
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, size - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert folder.load(name, PURPOSE, 0, 4) is None


@given(kept=st.integers(0, 400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_file_that_was_cut_or_has_grown_is_gone(folder, kept):
    name, size = folder.save(many(4), PURPOSE)
    path = folder.path / name
    content = path.read_bytes()
    path.write_bytes((content + bytes(400))[:kept] if kept != size else content + b"x")
    assert folder.load(name, PURPOSE, 0, 4) is None


def test_a_file_passes_for_no_other(folder):
    """C-036: not for another key's, another spec's or another pool's."""
    name, _ = folder.save(many(3), PURPOSE)
    for other in (("key2", "us", "shop"), ("key", "de", "shop"), ("key", "us", "shop2")):
        assert folder.load(name, purpose_of(*other), 0, 3) is None


@pytest.mark.parametrize(("first", "last"), [(0, 4), (-1, 2), (3, 2), (0, 2**40)])
def test_more_than_there_is_is_not_there(folder, first, last):
    name, _ = folder.save(many(3), PURPOSE)
    assert folder.load(name, PURPOSE, first, last) is None


def test_a_file_that_others_could_read_is_gone(folder):
    name, _ = folder.save(many(3), PURPOSE)
    path_of(folder).chmod(0o644)
    assert folder.load(name, PURPOSE, 0, 3) is None


def test_a_file_of_somebody_else_is_gone(folder, monkeypatch):
    name, _ = folder.save(many(3), PURPOSE)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert folder.load(name, PURPOSE, 0, 3) is None


def test_a_link_is_not_followed(folder, tmp_path):
    name, _ = folder.save(many(3), PURPOSE)
    path = path_of(folder)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert folder.load(name, PURPOSE, 0, 3) is None


def test_a_folder_that_is_a_link_is_refused_with_the_command(folder, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="rm "):
        folder.save(many(3), PURPOSE)


@pytest.mark.parametrize("name", ["../victim", "/etc/passwd", "", ".", "x.inventory", "\x00"])
def test_a_name_that_leads_elsewhere_is_neither_read_nor_removed(folder, name):
    """A row of state.db that somebody has planted."""
    folder.save(many(3), PURPOSE)
    victim = folder.path.parent / "victim"
    victim.write_text("mine")
    folder.remove([name])
    assert victim.read_text() == "mine"
    assert path_of(folder).exists()
    assert folder.load(name, PURPOSE, 0, 3) is None


def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch):
    def fsync(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StateError, match="No space left"):
        folder.save(many(3), PURPOSE)
    assert list(folder.path.iterdir()) == []


def test_what_nobody_knows_of_is_swept_away_when_it_is_old(folder):
    known, _ = folder.save(many(1), PURPOSE)
    old, _ = folder.save(many(1), PURPOSE)
    new, _ = folder.save(many(1), PURPOSE)
    draft = folder.path / f"{old}.draft"
    draft.touch()
    for path in (folder.path / known, folder.path / old, draft):
        os.utime(path, (0, 0))
    folder.sweep({known})
    assert {path.name for path in folder.path.iterdir()} == {known, new}
