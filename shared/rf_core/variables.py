"""The variables and profile keys of this program: tables that code, help, docs and tests read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

VARIABLES: Final[Mapping[str, str]] = {
    "RF_API_KEY": "the key",
    "RF_KEY_PREFIX": "what keys begin with, should that change; `rf_live_` without it",
    "RF_BASE_URL": "the API's address; `https://resifactory.net/api/v1` without it",
    "RF_PROFILE": "which profile of `config.toml`",
    "RF_CONFIG": "where `config.toml` is",
    "RF_STATE_DIR": "where `state.db` is: windows, readings, crawls; private to you",
    "RF_CACHE_DIR": "where discovery is cached",
    "RF_CLOCK_SCALE": "for tests: as many times as fast, as `rf sandbox --clock scaled:N` is",
    "RF_STORE": "`local`; a shared store is not in this version",
}
"""Name → what it sets."""

PROFILE_KEYS: Final[Mapping[str, str]] = {
    "key": "where the key is: one of the references below",
    "key_prefix": "as `RF_KEY_PREFIX`",
    "base_url": "as `RF_BASE_URL`",
    "store": "as `RF_STORE`",
    "prices": "what a gigabyte costs: a list of `per_gb`, `from`, `pool`",
    "alerts": "what to be told of, and how: `rules`, `bell`, `command`",
}
"""Key of a profile in `config.toml` → what it says."""

KEYRING_SERVICE: Final = "resifactory"

REFERENCES: Final[Mapping[str, str]] = {
    "env:NAME": "the environment variable of that name",
    "file:PATH": "a file that holds the key and nothing else, mode 0600",
    "keyring:NAME": f"the system's keyring, by `keyring set {KEYRING_SERVICE} NAME`; needs the "
    "extra `[keyring]`",
    "cmd:COMMAND": "the first line that a command writes, such as `pass show rf`; no shell runs it",
}
"""Where a profile may say that the key is → what that means."""

_OURS: Final = frozenset({"RF_COMPLETE", "_RF_COMPLETE"})


def unknown(names: Iterable[str]) -> dict[str, str]:
    """Return names that begin with `RF_` and mean nothing, each with the nearest that does."""
    strangers = [n for n in names if n.startswith("RF_") and n not in VARIABLES and n not in _OURS]
    return {
        name: next(iter(difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.7)), "")
        for name in sorted(strangers)
    }
