"""Fault rules as people write them, read with a sentence for whatever is wrong with one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rf_sandbox.faults import KINDS, PLACES, Fault, Rule

MOST_RULES: Final = 1_000
_LONGEST_MS: Final = 3_600_000
_MOST_BYTES: Final = 1 << 32
_PATTERNS: Final = ("path", "method", "username", "domain", "pool")
_COUNTS: Final = ("every", "first", "after")
_MATCHES: Final = (*_PATTERNS, *_COUNTS, "nth", "probability")
_TEXTS: Final = ("code", "message", "body")
_NUMBERS: Final = {
    "milliseconds": (0, _LONGEST_MS),
    "bytes": (0, _MOST_BYTES),
    "status": (200, 599),
    "delta": (-1_000_000, 1_000_000),
    "seconds": (-86_400, 86_400),
}


def read_rules(written: Sequence[Any], seed: int) -> list[Rule]:
    """Read rules, all or none.

    Raises:
        ValueError: a rule cannot be read; says which and why.
    """
    if len(written) > MOST_RULES:
        message = f"at most {MOST_RULES} rules"
        raise ValueError(message)
    return [_Reader(f"rule {number}").rule(rule, seed) for number, rule in enumerate(written, 1)]


class _Reader:
    """Reads one rule; `at` is where, for the sentences."""

    def __init__(self, at: str) -> None:
        self._at = at

    def rule(self, written: Any, seed: int) -> Rule:
        if not isinstance(written, dict):
            raise self._wrong("a rule is an object with where, match and what")
        rule = {name: value for name, value in written.items() if name not in {"calls", "fired"}}
        self._only("", rule, ("where", "match", "what", "seed"))
        if rule.get("where") not in PLACES:
            raise self._wrong(f"where is one of {', '.join(PLACES)}")
        fault = self._fault(rule["where"], rule.get("what"))
        own_seed = self._count("seed", rule.get("seed", 0))
        # A story of its own for each rule, so that one more rule changes nothing in the others.
        chance = random.Random(f"{seed} {own_seed} {self._at}")  # noqa: S311 - no secret
        return Rule(rule["where"], fault, **self._match(rule), written=rule, chance=chance)

    def _match(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        match = rule.get("match", {})
        if not isinstance(match, dict):
            raise self._wrong("match is an object")
        self._only(", match", match, _MATCHES)
        patterns = {name: match[name] for name in _PATTERNS if name in match}
        if not all(isinstance(pattern, str) for pattern in patterns.values()):
            raise self._wrong(f"{', '.join(_PATTERNS)} are texts; * and ? stand for anything")
        nth = match.get("nth", [])
        nth = frozenset(self._count("nth", n) for n in (nth if isinstance(nth, list) else [nth]))
        probability = match.get("probability", 1.0)
        if isinstance(probability, bool) or not isinstance(probability, int | float):
            probability = -1
        if not 0 <= probability <= 1:
            raise self._wrong("probability is a number from 0 to 1")
        counts = {name: self._count(name, match.get(name, 0)) for name in _COUNTS}
        return {"patterns": patterns, "nth": nth, "probability": float(probability), **counts}

    def _fault(self, where: str, written: Any) -> Fault:
        what = {"kind": written} if isinstance(written, str) else written
        if not isinstance(what, dict) or what.get("kind") not in KINDS:
            raise self._wrong(f"what has a kind, one of {', '.join(KINDS)}")
        name = what["kind"]
        kind = KINDS[name]
        if where not in kind.places:
            raise self._wrong(f"{name} strikes at {', '.join(kind.places)}, not at {where}")
        self._only(f", {name}", what, ("kind", *kind.takes))
        parameters = {key: value for key, value in what.items() if key != "kind"}
        for key, value in parameters.items():
            self._parameter(key, value)
        return Fault(name, **parameters)

    def _parameter(self, name: str, value: Any) -> None:
        if name in _NUMBERS:
            low, high = _NUMBERS[name]
            kinds = int | float if name == "seconds" else int
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                raise self._wrong(f"{name} is a number from {low} to {high}")
        elif name in _TEXTS and not isinstance(value, str):
            raise self._wrong(f"{name} is a text")
        elif name == "when" and value not in {"before", "after"}:
            raise self._wrong("when is before or after")
        elif name == "headers" and not _are_headers(value):
            raise self._wrong("headers is an object of names and one-line values; null drops one")

    def _count(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(f"{name} is a whole number, from 0")
        return value

    def _only(self, what: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
        if unknown := [str(name) for name in given if name not in known]:
            raise self._wrong(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}", what)

    def _wrong(self, why: str, what: str = "") -> ValueError:
        return ValueError(f"{self._at}{what}: {why}")


def _are_headers(value: object) -> bool:
    """Whether it is an object of names and values that a head can hold."""
    return isinstance(value, dict) and all(
        isinstance(text, str) and text.isascii() and text.isprintable() and text
        for item in value.items()
        for text in item
        if text is not None
    )
