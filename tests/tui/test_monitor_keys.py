"""Every key of `rf monitor --json` is in the documented table, and nothing else is."""

import dataclasses
import re
import types
import typing
from collections.abc import Mapping

from support import snapshots

from rf_core.snapshot import Snapshot
from rf_tui.cli.json_keys import JSON_KEYS
from rf_tui.telling import document

ADDED = {"pools[].left_bytes", "windows[].free", "crawls[].wire_bytes"}
ADDED |= {f"age_seconds.{part}" for part in ("balance", "usage", "pools")}


def keys_of(kind, name):
    """The keys that a value of that type is written with."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        before = f"{name}." if name else ""
        found = [keys_of(hints[f.name], f"{before}{f.name}") for f in dataclasses.fields(kind)]
        return set().union(*found)
    if origin is tuple and inner[-1] is Ellipsis:
        return keys_of(inner[0], f"{name}[]")
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return keys_of(inner[1], f"{name}.<>")
    if origin in {types.UnionType, typing.Union}:
        return keys_of(next(one for one in inner if one is not type(None)), name)
    return {name}


def test_every_key_is_in_the_table_and_nothing_else_is():
    said = {re.sub(r"<\w+>", "<>", key) for key in JSON_KEYS["monitor"]}
    assert said == keys_of(Snapshot, "") | ADDED


def test_what_is_added_to_the_snapshot_is_there():
    shown = document(snapshots.busy())
    assert shown["pools"][0]["left_bytes"] == snapshots.busy().pools[0].left_bytes
    assert set(shown["age_seconds"]) == {"balance", "usage", "pools"}
