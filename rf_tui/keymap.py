"""Keys that a person has bound anew, by the ids in the table of keys."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from textual.keys import REPLACED_KEYS, Keys, key_to_character

from rf_tui.keys import Key, spoken

NOWHERE: Final = "unbound"
"""A key that no keyboard has: what is bound to it is bound to nothing."""

_NAMED: Final = frozenset((*(key.value for key in Keys), *REPLACED_KEYS.values()))
_MODIFIERS: Final = ("ctrl+", "shift+", "alt+", "super+")


@dataclass(frozen=True, slots=True)
class Remapped:
    """What comes of it.

    Attributes:
        keymap: Id of a binding → its keys, as the toolkit takes it.
        complaints: A sentence for each that could not be, or that took another's key.
    """

    keymap: Mapping[str, str] = field(default_factory=dict)
    complaints: tuple[str, ...] = ()


def remapped(table: Iterable[Key], wishes: Mapping[str, str]) -> Remapped:
    """Bind what is wished for; what nobody can press, or means nothing, is left as it was."""
    keys = {key.id: key for key in table}
    usual = {one for key in keys.values() for one in key.keys.split(",")}
    keymap: dict[str, str] = {}
    complaints: list[str] = []
    granted: dict[str, str] = {}
    for name, wish in wishes.items():
        pressed = [one.strip() for one in wish.split(",") if one.strip()]
        strange = [one for one in pressed if one not in usual and not _can_be_pressed(one)]
        if name not in keys:
            near = difflib.get_close_matches(name, keys, n=1)
            hint = f" Did you mean {near[0]}?" if near else " ? shows the ids' page."
            complaints.append(f"config.toml: there is no key {name}.{hint}")
        elif strange or not pressed:
            said = strange[0] if strange else "nothing"
            complaints.append(f"config.toml: {name} cannot be bound to {said}.")
        else:
            granted[name] = ",".join(pressed)
    for name, pressed_keys in granted.items():
        keymap[name] = pressed_keys
        others = keys[name].keys.split(",")[1:]
        keymap |= {f"{name}.{place}": NOWHERE for place in range(1, len(others) + 1)}
        for key in keys.values():
            if key.id in granted or _place(key.id) != _place(name):
                continue
            if shared := _shared(key.keys, pressed_keys):
                complaints.append(f"{spoken(shared)} is {name}'s now, and no longer {key.id}'s.")
    return Remapped(keymap, tuple(complaints))


def as_bound(table: Iterable[Key], keymap: Mapping[str, str]) -> tuple[Key, ...]:
    """The table with the keys as they are bound now: for the help."""
    return tuple(replace(key, keys=_left(key, keymap)) for key in table)


def _left(key: Key, keymap: Mapping[str, str]) -> str:
    """The keys of a binding: those it was given, or those that no other was given."""
    if key.id in keymap:
        return keymap[key.id]
    taken = {
        one
        for name, keys in keymap.items()
        if _place(name) == _place(key.id)
        for one in keys.split(",")
    }
    return ",".join(one for one in key.keys.split(",") if one not in taken) or NOWHERE


def _place(name: str) -> str:
    """Where a key counts: the same one may mean something else in the generator."""
    return name.partition(".")[0].replace("replay", "monitor")


def _shared(keys: str, others: str) -> str:
    return next((one for one in keys.split(",") if one in others.split(",")), "")


def _can_be_pressed(key: str) -> bool:
    rest = key
    while rest.startswith(_MODIFIERS):
        rest = rest.partition("+")[2]
    return len(rest) == 1 or rest in _NAMED or key_to_character(rest) is not None
