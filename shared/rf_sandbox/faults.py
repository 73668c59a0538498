"""Faults by rule: where, for which calls, and what then happens. Same seed, same story.

A rule is a JSON object: ``{"where": "api", "match": {"path": "/api/v1/balance", "nth": 3}, "what":
{"kind": "latency", "milliseconds": 500}}``. Whoever serves a call asks `Faults.strike`, which
counts it for every rule that fits and says what fires; doing it is the server's own business.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

PLACES: Final = ("api", "gateway", "site")
_EVERYWHERE: Final = PLACES


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, with every parameter that a kind may have."""

    kind: str
    milliseconds: int = 0
    bytes: int = 0
    status: int = 502
    code: str = ""
    message: str = ""
    body: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    delta: int = 7
    when: str = "before"
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of fault does, where it can strike, and what it takes."""

    means: str
    places: tuple[str, ...]
    takes: tuple[str, ...] = ()


KINDS: Final[dict[str, Kind]] = {
    "latency": Kind("wait before anything is done", _EVERYWHERE, ("milliseconds",)),
    "drip": Kind("send the answer in pieces", _EVERYWHERE, ("bytes", "milliseconds")),
    "reset": Kind("reset the connection after so many bytes", _EVERYWHERE, ("bytes",)),
    "hang": Kind("never answer, before or after the work is done", _EVERYWHERE, ("when",)),
    "truncate": Kind(
        "close after so many bytes of the body; the gateway counts heads too", _EVERYWHERE,
        ("bytes",),
    ),
    "wrong_length": Kind("announce a body that is longer by delta", _EVERYWHERE, ("delta",)),
    "status": Kind(
        "answer with that status instead", _EVERYWHERE,
        ("status", "code", "message", "body", "headers"),
    ),
    "headers": Kind("set headers of the answer, or drop them (null)", _EVERYWHERE, ("headers",)),
    "bad_json": Kind("answer with JSON that stops half way", ("api",)),
    "retry_after_date": Kind("say Retry-After as a date", ("api",)),
    "clock_skew": Kind("answer by a clock that is off by so much", ("api",), ("seconds",)),
    "revoke_key": Kind("revoke the key that called, then answer", ("api",)),
    "disable_account": Kind("suspend the account, then answer", ("api",)),
    "dns_failure": Kind("the target's name does not resolve", ("gateway",)),
    "connect_timeout": Kind("the target does not accept in time", ("gateway",)),
    "exit_dropped": Kind("the exit goes away after so many bytes", ("gateway",), ("bytes",)),
    "pool_down": Kind("no exit is free in the pool", ("gateway",)),
    "tls_failure": Kind("the TLS handshake fails", ("gateway", "site")),
}  # fmt: skip
"""Kind → what it is."""


@dataclass(slots=True)
class Rule:
    """One rule, with its count of the calls that fitted."""

    where: str
    fault: Fault
    patterns: Mapping[str, str]
    nth: frozenset[int]
    every: int
    first: int
    after: int
    probability: float
    written: Mapping[str, Any]
    chance: random.Random = field(repr=False)
    calls: int = 0
    fired: int = 0

    def fits(self, where: str, facts: Mapping[str, str]) -> bool:
        """Whether a call is one of those this rule is about."""
        return where == self.where and all(
            fnmatchcase(facts[name], pattern) for name, pattern in self.patterns.items()
        )

    def fires(self) -> bool:
        """Count a call that fits; say whether it is one that goes wrong."""
        self.calls += 1
        due = (
            (not self.nth or self.calls in self.nth)
            and (not self.every or self.calls % self.every == 0)
            and (not self.first or self.calls <= self.first)
            and self.calls > self.after
        )
        # The die is cast for every call, so that one rule's story does not depend on another's.
        due = self.chance.random() < self.probability and due
        self.fired += due
        return due


@dataclass(slots=True)
class Faults:
    """All rules of one sandbox."""

    rules: list[Rule] = field(default_factory=list)

    def strike(
        self,
        where: str,
        *,
        path: str = "",
        method: str = "",
        username: str = "",
        domain: str = "",
        pool: str = "",
    ) -> tuple[Fault, ...]:
        """Count a call for every rule that fits it; return what goes wrong with it."""
        if not self.rules:
            return ()
        facts = {
            "path": path, "method": method, "username": username, "domain": domain, "pool": pool,
        }  # fmt: skip
        return tuple(rule.fault for rule in self.rules if rule.fits(where, facts) and rule.fires())

    def concern(self, where: str) -> bool:
        """Whether any rule is about that place."""
        return any(rule.where == where for rule in self.rules)

    def document(self) -> list[dict[str, Any]]:
        """The rules as they were written, with how often each fitted and fired."""
        return [{**rule.written, "calls": rule.calls, "fired": rule.fired} for rule in self.rules]
