"""Where settings come from: flags, environment, a profile of config.toml, defaults."""

import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from traceback import TracebackException

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from rf_core.errors import InsecureAddressError, InvalidKeyError, MissingKeyError, SettingsError
from rf_core.io.configuration import load_settings, profile_names
from rf_core.prices import Price
from rf_core.redaction import mask_key, redact

KEY = "rf_live_0123456789abcdefghij"
OTHER = "rf_live_zyxwvutsrqponmlkjihg"


@pytest.fixture
def config(tmp_path):
    return tmp_path / "config.toml"


@pytest.fixture
def load(config):
    def with_environment(environ=None, **options):
        return load_settings(environ={"RF_CONFIG": str(config)} | (environ or {}), **options)

    return with_environment


def test_without_anything_there_are_defaults_and_no_key(load):
    """C-001"""
    settings = load()
    assert settings.base_url == "https://resifactory.net/api/v1"
    assert settings.store == "local"
    assert settings.state_dir.is_absolute()
    with pytest.raises(MissingKeyError):
        settings.require_key()


def test_the_environment_gives_key_address_and_folders(load, tmp_path):
    """C-022"""
    settings = load(
        {
            "RF_API_KEY": KEY,
            "RF_BASE_URL": "http://127.0.0.1:5/api/v1/",
            "RF_STATE_DIR": str(tmp_path / "s"),
            "RF_CACHE_DIR": str(tmp_path / "c"),
        }
    )
    assert settings.require_key().reveal() == KEY
    assert settings.base_url == "http://127.0.0.1:5/api/v1"
    assert (settings.state_dir, settings.cache_dir) == (tmp_path / "s", tmp_path / "c")


def test_flags_win_over_the_environment_and_that_over_the_profile(load, config):
    config.write_text('[profiles.work]\nkey = "env:WORK"\nbase_url = "https://profile.example"\n')
    env = {"WORK": OTHER, "RF_PROFILE": "work"}
    assert load(env).require_key().reveal() == OTHER
    assert load(env).base_url == "https://profile.example"
    env |= {"RF_BASE_URL": "https://env.example", "RF_API_KEY": KEY}
    assert load(env).base_url == "https://env.example"
    assert load(env).require_key().reveal() == KEY
    assert load(env, base_url="https://flag.example").base_url == "https://flag.example"


def test_a_profile_is_chosen_by_name_and_an_unknown_one_is_said(load, config):
    config.write_text('[profiles.work]\nkey = "env:A"\n[profiles.home]\nkey = "env:B"\n')
    env = {"A": KEY, "B": OTHER, "RF_PROFILE": "home"}
    assert load(env, profile="work").require_key().reveal() == KEY
    assert load(env).profile == "home"
    with pytest.raises(SettingsError, match=r"no profile 'wrok'.*home, work"):
        load(env, profile="wrok")


@pytest.mark.parametrize("raw", [KEY + "\n", f" {KEY} "])
def test_white_space_around_the_key_is_taken_off_with_a_word(load, raw):
    """C-010"""
    settings = load({"RF_API_KEY": raw})
    assert settings.require_key().reveal() == KEY
    assert len(settings.warnings) == 1


def test_what_cannot_be_a_key_is_refused(load):
    """C-009"""
    with pytest.raises(InvalidKeyError):
        load({"RF_API_KEY": "sk-nope"})


def test_plaintext_to_another_machine_is_refused(load):
    """C-002"""
    with pytest.raises(InsecureAddressError):
        load({"RF_BASE_URL": "http://resifactory.net/api/v1"})


def test_another_store_is_not_in_this_version(load):
    with pytest.raises(SettingsError, match="not in this version"):
        load({"RF_STORE": "redis://h"})


def test_a_key_in_a_private_file_is_read(load, config, tmp_path):
    path = tmp_path / "key file"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    config.write_text(f'key = "file:{path}"\n')
    assert load().require_key().reveal() == KEY


def test_a_key_file_that_others_can_read_is_refused_with_the_command(load, config, tmp_path):
    path = tmp_path / "key file"
    path.write_text(KEY)
    path.chmod(0o644)
    config.write_text(f'key = "file:{path}"\n')
    with pytest.raises(SettingsError, match=r"chmod 600 '.*key file'"):
        load()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_a_key_file_that_cannot_be_read_is_said(load, config, tmp_path, content):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    config.write_text(f'key = "file:{path}"\n')
    with pytest.raises(SettingsError, match="cannot be read"):
        load()


def test_a_key_in_plain_sight_is_taken_from_a_private_file_only(load, config):
    config.write_text(f'key = "{KEY}"\n')
    config.chmod(0o644)
    with pytest.raises(SettingsError, match="others can read it"):
        load()
    config.chmod(0o600)
    assert load().require_key().reveal() == KEY


def test_a_key_is_asked_of_a_command(load, config):
    program = f"print('{KEY}')"
    config.write_text(f"key = '''cmd:{sys.executable} -c \"{program}\"'''\n")
    assert load().require_key().reveal() == KEY


@pytest.mark.parametrize(
    "command", ["/no/such/program", "", '"unclosed', f"{sys.executable} -c 'raise SystemExit(3)'"]
)
def test_a_command_that_fails_is_named_without_its_output(load, config, command):
    config.write_text(f"key = '''cmd:{command}'''\n")
    with pytest.raises(SettingsError, match="command for the key failed"):
        load()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:NOT_SET", "is not set"),
        ("file:/no/such/file", "cannot be read: No such file"),
        ("file:/dev", "it is no file"),
        ("keyring:nobody", "no 'nobody' in the keyring.*keyring set resifactory nobody"),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(load, config, safe, reference, said):
    config.write_text(f'key = "{reference}"\n')
    with pytest.raises(SettingsError, match=said):
        load()


@pytest.mark.parametrize("text", ["key = ", "[profiles", "\x00"])
def test_a_file_that_is_not_toml_is_said(load, config, text):
    config.write_text(text)
    with pytest.raises(SettingsError, match="not TOML"):
        load()


class Safe(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}

    def get_password(self, service, username):
        if username == "locked":
            raise KeyringLocked
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        del self.kept[service, username]


@pytest.fixture
def safe():
    before = keyring.get_keyring()
    keyring.set_keyring(Safe())
    yield
    keyring.set_keyring(before)


def test_a_key_in_the_keyring_is_read(load, config, safe):
    keyring.set_password("resifactory", "work", KEY)
    config.write_text('key = "keyring:work"\n')
    assert load().require_key().reveal() == KEY


def test_a_keyring_that_is_locked_says_so(load, config, safe):
    config.write_text('key = "keyring:locked"\n')
    with pytest.raises(SettingsError, match=r"does not give 'locked' out: KeyringLocked"):
        load()


def test_without_keyring_the_extra_is_named_in_one_sentence_and_the_code_is_2(config):
    config.write_text('key = "keyring:work"\n')
    program = "import sys; sys.modules['keyring'] = None; from rf_tui.cli.main import run as rf; "
    program += "sys.exit(rf())"
    env = {name: value for name, value in os.environ.items() if not name.startswith("RF_")}
    done = subprocess.run(
        [sys.executable, "-c", program, "me"],
        env=env | {"RF_CONFIG": str(config)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    said = 'A key from the keyring needs keyring. Run: pip install "resifactory-toolkit[keyring]"'
    assert " ".join(done.stderr.split()) == f"rf: {said}"
    assert "Traceback" not in done.stderr


def test_only_the_first_line_of_a_command_is_the_key(load, config):
    """As password stores write it, with notes below."""
    program = f"print(); print('{KEY}'); print('login: jane')"
    config.write_text(f"key = '''cmd:{sys.executable} -c \"{program}\"'''\n")
    assert load().require_key().reveal() == KEY


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_config_that_others_can_write_to_is_refused(load, config, mode):
    """It says which command is run."""
    config.write_text('key = "env:A"\n')
    config.chmod(mode)
    with pytest.raises(SettingsError, match=r"others can write to it. Run: chmod go-w "):
        load({"A": KEY})


def test_a_config_of_references_may_be_read_by_others_and_linked_to(load, config, tmp_path):
    """As it is when dotfiles are kept elsewhere."""
    (tmp_path / "dotfiles.toml").write_text('key = "env:A"\n')
    (tmp_path / "dotfiles.toml").chmod(0o644)
    config.symlink_to(tmp_path / "dotfiles.toml")
    assert load({"A": KEY}).require_key().reveal() == KEY


def test_a_link_is_as_private_as_what_it_leads_to(load, config, tmp_path):
    (tmp_path / "open").write_text(KEY)
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    config.write_text(f'key = "file:{tmp_path / "link"}"\n')
    with pytest.raises(SettingsError, match="others can read it"):
        load()


def test_a_file_of_somebody_else_is_refused(load, config, monkeypatch):
    config.write_text('key = "env:A"\n')
    owner = config.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr("rf_core.io.references._ROOT", -1)
    with pytest.raises(SettingsError, match=r"belongs to another user.*cp .* && mv"):
        load({"A": KEY})


def test_a_pipe_for_a_key_file_keeps_nobody_waiting(load, config, tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    config.write_text(f'key = "file:{tmp_path / "pipe"}"\n')
    with pytest.raises(SettingsError, match="it is no file"):
        load()


def test_what_means_nothing_in_a_profile_is_said(load, config):
    config.write_text('key = "env:A"\nbase-url = "https://h"\n[other]\nx = 3\n')
    (warning,) = load({"A": KEY}).warnings
    assert (
        "base-url means nothing; a profile has key, key_prefix, base_url, store, prices" in warning
    )


def test_keys_may_begin_otherwise_some_day(load, config):
    """C-009: and are then hidden like any other"""
    other = "acme_v2_0123456789abcdefx7kQ"
    with pytest.raises(InvalidKeyError, match=r"prefix rf_live_ is missing.*set RF_KEY_PREFIX"):
        load({"RF_API_KEY": other})
    settings = load({"RF_API_KEY": other, "RF_KEY_PREFIX": "acme_v2_"})
    assert settings.require_key().reveal() == other
    assert redact(f"Bearer {other}: {other}.") == "Bearer ********: acme_v2_****."
    assert mask_key(settings.require_key()) == "acme_v2_…x7kQ"
    config.write_text('key_prefix = "acme_v2_"\n')
    assert load({"RF_API_KEY": other}).require_key() == settings.key
    with pytest.raises(InvalidKeyError, match="prefix acme_v2_ is missing"):
        load({"RF_API_KEY": KEY})


@pytest.mark.parametrize("prefix", ["a b", "é", "x" * 33, "\n"])
def test_what_no_key_begins_with_is_refused(load, prefix):
    """C-009"""
    with pytest.raises(SettingsError, match="nothing that a key begins with"):
        load({"RF_API_KEY": KEY, "RF_KEY_PREFIX": prefix})


@pytest.mark.parametrize(
    "said",
    [
        {"RF_BASE_URL": "nonsense"},
        {"RF_PROFILE": "nobody"},
        {"RF_STORE": "redis://h"},
        {"RF_API_KEY": f"{KEY} {KEY}"},
    ],
)
def test_no_variable_on_the_way_of_an_error_holds_the_key(config, monkeypatch, said):
    """A traceback that prints them would show the environment."""
    config.write_text(f'other = "{KEY}"\n')
    for name, value in ({"RF_CONFIG": str(config), "RF_API_KEY": KEY} | said).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(key=None if "RF_API_KEY" in said else KEY)
    error = caught.value
    error.__traceback__ = error.__traceback__.tb_next  # from our code on
    report = TracebackException.from_exception(error, capture_locals=True)
    text = "".join(report.format())
    assert "in load_settings" in text
    assert KEY[8:] not in text


def test_a_config_that_is_a_folder_is_said(load, config):
    config.mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        load()


def test_no_error_and_no_value_shows_the_key(load):
    settings = load({"RF_API_KEY": KEY})
    assert KEY not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        load({"RF_API_KEY": KEY + " " + KEY})
    assert KEY not in str(caught.value)


def test_a_profile_says_what_a_gigabyte_costs_and_from_when(load, config):
    config.write_text(
        """
        [profiles.work]
        [[profiles.work.prices]]
        per_gb = 4.25
        [[profiles.work.prices]]
        per_gb = 3.5
        from = 2026-06-01
        pool = "premium"
        """
    )
    assert load().prices == ()
    assert load(profile="work").prices == (
        Price(Decimal("4.25"), date.min),
        Price(Decimal("3.5"), date(2026, 6, 1), "premium"),
    )


def test_a_price_that_is_none_is_a_sentence_with_an_example(load, config):
    config.write_text("[profiles.work]\nprices = 4")
    with pytest.raises(SettingsError, match="written as") as failed:
        load(profile="work")
    assert "per_gb = 3.50" in failed.value.way_out


def test_where_several_are_open_the_profile_goes_before_the_environment(load, config):
    config.write_text(
        '[profiles.work]\nkey = "env:WORK"\nbase_url = "https://work.example"\n[profiles.home]\n'
    )
    env = {"WORK": KEY, "RF_API_KEY": "rf_live_other", "RF_BASE_URL": "https://env.example"}
    work = load(env, profile="work", profile_first=True)
    assert work.require_key().reveal() == KEY
    assert work.base_url == "https://work.example"
    home = load(env, profile="home", profile_first=True)
    assert home.require_key().reveal() == "rf_live_other"
    assert home.base_url == "https://env.example"


def test_profiles_are_named_in_the_files_order(config):
    assert profile_names({"RF_CONFIG": str(config)}) == ()
    config.write_text("[profiles.work]\n[profiles.home]\n")
    assert profile_names({"RF_CONFIG": str(config)}) == ("work", "home")
