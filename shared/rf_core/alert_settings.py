"""What somebody wants to be told of, and how: the `alerts` of a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from rf_core.errors import SettingsError
from rf_core.redaction import printable
from rf_core.units import parse_bytes, parse_seconds


@dataclass(frozen=True, slots=True)
class PaceRule:
    """Tell somebody when, at this pace, a pool is empty within that time.

    Attributes:
        within_seconds: How soon is too soon.
        long_seconds, short_seconds: The windows that must both say so.
        pool: The only pool it is for; "" is every one.
    """

    name: str
    within_seconds: float
    long_seconds: float
    short_seconds: float
    pool: str = ""


@dataclass(frozen=True, slots=True)
class LevelRule:
    """Tell somebody when a pool has less than that."""

    name: str
    below_bytes: int
    pool: str = ""


@dataclass(frozen=True, slots=True)
class ForeignRule:
    """Tell somebody when a stranger takes from a pool, as the two meters show it."""

    name: str = "foreign use"
    pool: str = ""


Rule: TypeAlias = PaceRule | LevelRule | ForeignRule

RULES: Final[tuple[Rule, ...]] = (
    PaceRule("empty within the hour", 3_600.0, 600.0, 60.0),
    PaceRule("empty within the day", 86_400.0, 7_200.0, 600.0),
    ForeignRule(),
)
"""The rules of somebody who has none of their own."""


ALERT_KEYS: Final[Mapping[str, str]] = {
    "rules": "a list of `within`, `below` or `foreign`, each with a `pool` or for all of them; "
    "without it: empty within the hour, within the day, foreign use",
    "bell": "whether the terminal rings; it does without it",
    "command": "a list: a program and its arguments, run when an alert begins; no shell",
}
"""Key of `alerts` → what it says."""

RULE_KEYS: Final[Mapping[str, str]] = {
    "within": "a time, as `2h`: at this pace the pool is empty by then",
    "below": "a size, as `2 GB`: the pool has less than that",
    "foreign": "`true`: somebody else takes from the pool",
    "pool": "the only pool it is for",
}
"""Key of a rule → what it says; it has one of the first three."""

FACTS: Final[Mapping[str, str]] = {
    "pool": "the pool it is about",
    "rule": "the rule's name",
    "kind": "`pace`, `level` or `foreign`",
    "text": "the sentence that the monitor shows",
    "since": "when it began, Unix seconds",
    "key": "the key, masked",
    "left_bytes": "what the pool has left by both meters; or null",
    "bytes_per_second": "what leaves it now; or null",
    "runway_seconds": "how long it lasts, as likely more as less; or null",
    "runway_low_seconds": "how long at least, nine times out of ten; or null",
    "runway_high_seconds": "how long at most, nine times out of ten; or null",
    "verdict": "what its two meters say: `clean`, `overhead`, `foreign`, `inconclusive`; or null",
    "excess_bytes": "what the provider took beyond our crawls' count; or null",
}
"""Fact that the command gets as JSON on its standard input → what it says."""

_KINDS: Final = ("within", "below", "foreign")
_LONG_PART, _SHORT_PART = 6, 60
_LONG: Final = (600.0, 7_200.0)
_SHORT: Final = (60.0, 600.0)


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """What to tell, and how.

    Attributes:
        command: A program and its arguments, or nothing.
    """

    rules: tuple[Rule, ...] = RULES
    bell: bool = True
    command: tuple[str, ...] = ()


def read_alerts(value: Any) -> AlertSettings:
    """Read `[profiles.x.alerts]` of config.toml.

    Raises:
        SettingsError: it is written another way.
    """
    if not isinstance(value, dict):
        raise _wrong("they are a table")
    _known(value, ALERT_KEYS)
    bell, command = value.get("bell", True), value.get("command", [])
    if not isinstance(bell, bool):
        raise _wrong("`bell` is true or false")
    if not isinstance(command, list) or not all(isinstance(word, str) for word in command):
        raise _wrong("`command` is a list of texts: a program and its arguments")
    if command and (not command[0] or any("\0" in word for word in command)):
        raise _wrong("`command` begins with a program")
    rules = value.get("rules")
    if rules is None:
        return AlertSettings(bell=bell, command=tuple(command))
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise _wrong("`rules` is a list of tables")
    return AlertSettings(tuple(_rule(rule) for rule in rules), bell, tuple(command))


def _rule(row: Mapping[str, Any]) -> Rule:
    _known(row, RULE_KEYS)
    pool = row.get("pool", "")
    if not isinstance(pool, str):
        raise _wrong("`pool` is the id of one")
    kinds = [kind for kind in _KINDS if kind in row]
    if len(kinds) != 1:
        raise _wrong("a rule has one of `within`, `below` and `foreign`")
    said = row[kinds[0]]
    if kinds == ["foreign"]:
        if said is not True:
            raise _wrong("`foreign` is true; leave the rule out otherwise")
        return ForeignRule(pool=pool)
    if not isinstance(said, str):
        raise _wrong(f"`{kinds[0]}` is a text, as in the example")
    text = " ".join(said.split())
    try:
        if kinds == ["below"]:
            return LevelRule(f"below {text}", parse_bytes(text), pool)
        within = parse_seconds(text)
    except ValueError as error:
        raise _wrong(str(error)) from None
    return PaceRule(
        f"empty within {text}",
        within,
        _between(within / _LONG_PART, _LONG),
        _between(within / _SHORT_PART, _SHORT),
        pool,
    )


def _between(seconds: float, edges: tuple[float, float]) -> float:
    return min(max(seconds, edges[0]), edges[1])


def _known(table: Mapping[str, Any], keys: Mapping[str, str]) -> None:
    strange = sorted(set(table) - set(keys))
    if strange:
        raise _wrong(f"{printable(strange[0])!r} is not known")


def _wrong(why: str) -> SettingsError:
    return SettingsError(
        f"The alerts in config.toml cannot be used: {printable(why, 200)}.",
        way_out='As an example: rules = [{ within = "2h" }, { below = "2 GB", pool = "premium" }].',
    )
