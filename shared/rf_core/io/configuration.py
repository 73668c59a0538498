"""Finds the settings: flags, then the environment, then a profile of config.toml, then defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import platformdirs

from rf_core.alert_settings import read_alerts
from rf_core.errors import SettingsError
from rf_core.io.references import follow, read_private
from rf_core.prices import read_prices
from rf_core.redaction import know_prefix, printable, without_frames
from rf_core.settings import (
    DEFAULT_BASE_URL,
    KEY_PREFIX,
    Settings,
    check_base_url,
    check_prefix,
    clean_key,
)
from rf_core.variables import PROFILE_KEYS

_APP: Final = "resifactory"
_VARIABLE_OF: Final = {
    "key": "RF_API_KEY",
    "key_prefix": "RF_KEY_PREFIX",
    "base_url": "RF_BASE_URL",
    "store": "RF_STORE",
}
"""Key of a profile → the variable that says the same."""


def load_settings(
    *,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    profile_first: bool = False,
    **flags: str | None,
) -> Settings:
    """Read the settings of one account.

    Args:
        profile: Name of a profile; else `RF_PROFILE`, else the file's top level.
        environ: The environment; the process's own by default.
        profile_first: Whether what the profile says goes before the environment, as where several
            of them are open at once.
        flags: `key`, `key_prefix`, `base_url`, `store`: given ones win over everything.

    Raises:
        SettingsError: a file or a value cannot be used, with the way out.
    """
    try:
        return _load(
            profile,
            os.environ if environ is None else environ,
            flags,
            profile_first=profile_first,
        )
    except BaseException as error:  # noqa: BLE001 - raised again below
        failure = without_frames(error)
    flags.clear()
    raise failure  # out here: no variable of what it came through holds the key


def profile_names(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Name the profiles that there are, in the file's order.

    Raises:
        SettingsError: the file cannot be used.
    """
    document = _document(_config_path(os.environ if environ is None else environ))
    profiles = document.get("profiles")
    return tuple(profiles) if isinstance(profiles, dict) else ()


def key_bindings(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `[keys]` of config.toml: what is bound anew, by id; `a.b = "x"` is `"a.b" = "x"`.

    Raises:
        SettingsError: the file cannot be used.
    """
    document = _document(_config_path(os.environ if environ is None else environ))
    keys = document.get("keys")
    return _flat(keys) if isinstance(keys, dict) else {}


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = str(value)
    return found


def state_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where this machine's state is kept, whichever the account."""
    env = os.environ if environ is None else environ
    return Path(env.get("RF_STATE_DIR") or platformdirs.user_state_path(_APP))


def _config_path(env: Mapping[str, str]) -> Path:
    return Path(env.get("RF_CONFIG") or platformdirs.user_config_path(_APP) / "config.toml")


def _load(
    profile: str | None,
    env: Mapping[str, str],
    flags: Mapping[str, str | None],
    *,
    profile_first: bool,
) -> Settings:
    name = profile or env.get("RF_PROFILE") or None
    config_path = _config_path(env)
    document, warnings = _profile(config_path, name)
    table = {key: str(value) for key, value in document.items() if key in PROFILE_KEYS}
    said = {key: value for key in PROFILE_KEYS if (value := env.get(_VARIABLE_OF.get(key, "")))}
    if profile_first:
        said = {key: value for key, value in said.items() if key not in table}
    base_url = flags.get("base_url") or said.get("base_url") or table.get("base_url")
    store = flags.get("store") or said.get("store") or table.get("store") or "local"
    if store != "local":
        message = f"RF_STORE {printable(store)!r} is not in this version."
        raise SettingsError(message, way_out="Leave it out: state is shared on this machine.")
    prefix = flags.get("key_prefix") or said.get("key_prefix") or table.get("key_prefix")
    know_prefix(prefix := check_prefix(prefix or KEY_PREFIX))
    raw_key = flags.get("key") or said.get("key")
    if not raw_key and table.get("key"):
        raw_key = _key_of_profile(table["key"], config_path, env)
    key, repaired = clean_key(raw_key, prefix=prefix) if raw_key else (None, ())
    return Settings(
        base_url=check_base_url(base_url or DEFAULT_BASE_URL),
        key=key,
        cache_dir=Path(env.get("RF_CACHE_DIR") or platformdirs.user_cache_path(_APP)),
        state_dir=state_folder(env),
        profile=name,
        store=store,
        warnings=(*warnings, *repaired),
        prices=read_prices(document.get("prices", [])),
        alerts=read_alerts(document.get("alerts", {})),
    )


def _profile(path: Path, name: str | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what a profile says, and what should be said of it."""
    document = _document(path)
    table: Any = document
    if name is not None:
        profiles = document.get("profiles", {})
        table = profiles.get(name) if isinstance(profiles, dict) else None
        if not isinstance(table, dict):
            known = ", ".join(sorted(profiles)) if isinstance(profiles, dict) else ""
            message = f"There is no profile {printable(name)!r} in {path}."
            raise SettingsError(message, way_out=f"It has: {known or 'none'}.")
    warnings = tuple(
        f"{path}: {printable(key)} means nothing; a profile has {', '.join(PROFILE_KEYS)}."
        for key, value in table.items()
        if key not in PROFILE_KEYS and not isinstance(value, dict)
    )
    return dict(table), warnings


def _document(path: Path) -> dict[str, Any]:
    try:
        text = read_private(path, secret=False)
    except FileNotFoundError:
        return {}
    import tomllib  # noqa: PLC0415 - most have no such file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{path} is not TOML: {error}."
        raise SettingsError(message, way_out="Mend that line.") from error


def _key_of_profile(reference: str, path: Path, env: Mapping[str, str]) -> str:
    """Follow a reference to a key; a key in plain sight is taken only from a private file."""
    try:
        key = follow(reference, env)
    except FileNotFoundError as error:
        message = f"The key's file {error.filename} cannot be read: {error.strerror}."
        raise SettingsError(message, way_out="Mend the path, or set RF_API_KEY.") from None
    if key is not None:
        return key
    read_private(path, secret=True)
    return reference
