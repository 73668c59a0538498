"""Where settings come from: flags, environment, a profile of config.toml, defaults."""

import sys
from datetime import date
from decimal import Decimal

import pytest

from rf_core.errors import InsecureAddressError, InvalidKeyError, MissingKeyError, SettingsError
from rf_core.io.configuration import load_settings
from rf_core.prices import Price

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
    ("reference", "said"), [("env:NOT_SET", "not set"), ("keyring:x", "not in this version")]
)
def test_a_reference_that_leads_nowhere_says_so(load, config, reference, said):
    config.write_text(f'key = "{reference}"\n')
    with pytest.raises(SettingsError, match=said):
        load()


@pytest.mark.parametrize("text", ["key = ", "[profiles", "\x00"])
def test_a_file_that_is_not_toml_is_said(load, config, text):
    config.write_text(text)
    with pytest.raises(SettingsError, match="not TOML"):
        load()


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
