"""Finds the settings: flags, then the environment, then a profile of config.toml, then defaults."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import platformdirs

from rf_core.errors import SettingsError
from rf_core.prices import read_prices
from rf_core.redaction import printable
from rf_core.settings import DEFAULT_BASE_URL, Settings, check_base_url, clean_key

_APP: Final = "resifactory"
_PROFILE_KEYS: Final = frozenset({"key", "base_url", "store"})
_COMMAND_SECONDS: Final = 20.0


def load_settings(
    *,
    profile: str | None = None,
    environ: Mapping[str, str] | None = None,
    **flags: str | None,
) -> Settings:
    """Read the settings of one account.

    Args:
        profile: Name of a profile; else `RF_PROFILE`, else the file's top level.
        environ: The environment; the process's own by default.
        flags: `key`, `base_url`, `store`: given ones win over everything.

    Raises:
        SettingsError: a file or a value cannot be used, with the way out.
    """
    env = os.environ if environ is None else environ
    name = profile or env.get("RF_PROFILE") or None
    config_path = Path(env.get("RF_CONFIG") or platformdirs.user_config_path(_APP) / "config.toml")
    document = _profile(config_path, name)
    table = {key: str(value) for key, value in document.items() if key in _PROFILE_KEYS}
    base_url = flags.get("base_url") or env.get("RF_BASE_URL") or table.get("base_url")
    store = flags.get("store") or env.get("RF_STORE") or table.get("store") or "local"
    if store != "local":
        message = f"RF_STORE {printable(store)!r} is not in this version."
        raise SettingsError(message, way_out="Leave it out: state is shared on this machine.")
    raw_key = flags.get("key") or env.get("RF_API_KEY")
    if not raw_key and "key" in table:
        raw_key = _resolve(table["key"], config_path, env)
    key, warnings = clean_key(raw_key) if raw_key else (None, ())
    return Settings(
        base_url=check_base_url(base_url or DEFAULT_BASE_URL),
        key=key,
        cache_dir=Path(env.get("RF_CACHE_DIR") or platformdirs.user_cache_path(_APP)),
        state_dir=Path(env.get("RF_STATE_DIR") or platformdirs.user_state_path(_APP)),
        profile=name,
        store=store,
        warnings=warnings,
        prices=read_prices(document.get("prices", [])),
    )


def _profile(path: Path, name: str | None) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {error}."
        raise SettingsError(message, way_out="Point RF_CONFIG at another file.") from error
    except tomllib.TOMLDecodeError as error:
        message = f"{path} is not TOML: {error}."
        raise SettingsError(message, way_out="Mend that line.") from error
    table: Any = document
    if name is not None:
        profiles = document.get("profiles", {})
        table = profiles.get(name) if isinstance(profiles, dict) else None
        if not isinstance(table, dict):
            known = ", ".join(sorted(profiles)) if isinstance(profiles, dict) else ""
            message = f"There is no profile {printable(name)!r} in {path}."
            raise SettingsError(message, way_out=f"It has: {known or 'none'}.")
    return dict(table)


def _resolve(reference: str, config_path: Path, env: Mapping[str, str]) -> str:
    """Follow a reference to a key; a key in plain sight is taken only from a private file."""
    kind, _, rest = reference.partition(":")
    if kind == "env":
        if not env.get(rest):
            message = f"The profile's key is in {rest}, which is not set."
            raise SettingsError(message, way_out=f"export {rest}=rf_live_…")
        return env[rest]
    if kind == "file":
        path = Path(rest).expanduser()
        _require_private(path)
        return _text(path)
    if kind == "cmd":
        return _run(rest)
    if kind == "keyring":
        raise SettingsError(
            "Keys from a keyring are not in this version.",
            way_out="Use env:, file: or cmd: in the profile.",
        )
    _require_private(config_path)
    return reference


def _require_private(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        message = f"The key's file {path} cannot be read: {error.strerror}."
        raise SettingsError(message, way_out="Mend the path, or set RF_API_KEY.") from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        message = f"{path} holds the API key and others can read it."
        raise SettingsError(message, way_out=f"Run: chmod 600 {shlex.quote(str(path))}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"The key's file {path} cannot be read: {type(error).__name__}."
        raise SettingsError(message, way_out="It should hold the key and nothing else.") from None


def _run(command: str) -> str:
    words: list[str] = []
    try:
        words = shlex.split(command)
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            words,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError, IndexError, ValueError) as error:
        name = printable(words[0]) if words else "(empty)"
        message = f"The profile's command for the key failed: {name}: {type(error).__name__}."
        raise SettingsError(message, way_out="Run it by hand to see why.") from None
    return done.stdout
