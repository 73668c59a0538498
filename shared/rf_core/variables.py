"""The environment variables of this program: one table that code, help, docs and tests read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final

VARIABLES: Final[Mapping[str, str]] = {
    "RF_API_KEY": "the key",
    "RF_BASE_URL": "the API's address; `https://resifactory.net/api/v1` without it",
    "RF_PROFILE": "which profile of `config.toml`",
    "RF_CONFIG": "where `config.toml` is",
    "RF_STATE_DIR": "where `state.db` is: windows, readings, crawls; private to you",
    "RF_CACHE_DIR": "where discovery is cached",
    "RF_STORE": "`local`; a shared store is not in this version",
}
"""Name → what it sets."""

_OURS: Final = frozenset({"RF_COMPLETE", "_RF_COMPLETE"})


def unknown(names: Iterable[str]) -> dict[str, str]:
    """Return names that begin with `RF_` and mean nothing, each with the nearest that does."""
    strangers = [n for n in names if n.startswith("RF_") and n not in VARIABLES and n not in _OURS]
    return {
        name: next(iter(difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.7)), "")
        for name in sorted(strangers)
    }
