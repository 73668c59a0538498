"""What a test or a rehearsal asks of the sandbox, and changes in it."""

from __future__ import annotations

import math
import random
from copy import deepcopy
from dataclasses import fields
from typing import Any, Final, TypeVar

from rf_sandbox.accounts import PROXY_TYPES, SCOPES, Account
from rf_sandbox.algorithms import ALGORITHMS
from rf_sandbox.faults import KINDS
from rf_sandbox.pages import Site
from rf_sandbox.rules import read_rules
from rf_sandbox.switches import READINGS, Switches
from rf_sandbox.traffic import Page
from rf_sandbox.windows import Foreign, RateWindows
from rf_sandbox.world import World

_MOST_PER_MINUTE: Final = 60_000
_LONGEST_FOREIGN: Final = 86_400.0
_Owner = TypeVar("_Owner", Account, RateWindows, Switches)


class ControlError(ValueError):
    """What was asked cannot be done; the message says why."""


class Control:
    """Everything the control API does, as plain methods on the world. Loop thread only."""

    def __init__(self, world: World, site: Site) -> None:
        self._world = world
        self._site = site
        self._first_account = deepcopy(world.account)
        self._first_windows = deepcopy(world.windows)
        self._first_switches = deepcopy(world.switches)

    def changed(self) -> None:
        """Have it kept, where anything is: before whoever asked for it hears that it is done."""
        self._world.changed()

    def state(self) -> dict[str, Any]:
        """The account, exact balances, keys without their secrets, windows, refusals so far."""
        account = self._world.account
        windows = self._world.windows
        return {
            "account": {
                "id": account.id,
                "username": account.username,
                "disabled": account.disabled,
                "default_pool": self._default_pool(),
            },
            **self._meter(),
            "keys": [
                {
                    "id": key.id,
                    "name": key.name,
                    "last4": key.last4,
                    "scopes": list(key.scopes),
                    "revoked": key.revoked,
                }
                for key in account.keys
            ],
            "limits": windows.limits
            | {"window_seconds": windows.window_seconds, "algorithm": windows.algorithm},
            "windows": windows.shown(self._world.now()),
            "violations": windows.violations,
            "foreign_calls": windows.foreign_calls,
            "profile": self._world.profile,
            "clock": {"advanced": self._world.now.advanced},
            "site": self._site.document(),
        }

    def traffic(self, since: int = 0) -> dict[str, Any]:
        """Rows after that number, live ones included, with the meter at that very moment."""
        return {"traffic": self._world.traffic.since(since), **self._meter()}

    def traffic_page(self, since: int = 0) -> tuple[Page, dict[str, Any]]:
        """The same in pieces: rows and meter of this very moment, whenever they are taken."""
        return self._world.traffic.since_pieces(since), self._meter()

    def _meter(self) -> dict[str, Any]:
        """The balances with what was billed so far: their sum changes by top-ups only."""
        pools = self._world.account.pools.values()
        billed = self._world.traffic.billed_bytes
        return {
            "balances_bytes": {pool.id: pool.balance_bytes for pool in pools},
            "billed_bytes": {pool.id: billed.get(pool.id, 0) for pool in pools},
            "archived": self._world.traffic.archive.document(),
        }

    def journal(self, since: int = 0) -> dict[str, Any]:
        """API calls after that number."""
        return {"calls": [call.document() for call in self._world.journal[max(0, since) :]]}

    def site_log(self, since: int = 0) -> dict[str, Any]:
        """Requests of the site after that number: from which address, and what was answered."""
        return {"requests": self._site.log_since(since)}

    def top_up(self, body: dict[str, Any]) -> dict[str, Any]:
        """Add bytes to a pool."""
        _only(body, "pool", "bytes")
        pool = self._world.account.pools.get(str(body.get("pool")))
        count = _whole(body, "bytes", 0)
        if pool is None:
            raise ControlError("no such pool")
        if count <= 0:
            raise ControlError("bytes must be above 0")
        pool.balance_bytes += count
        return self.state()

    def patch_account(self, body: dict[str, Any]) -> dict[str, Any]:
        """Suspend the account, or lift it."""
        _only(body, "disabled")
        if "disabled" not in body:
            raise ControlError("disabled must be true or false")
        self._world.account.disabled = _truth(body, "disabled", default=False)
        return self.state()

    def make_key(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a key; its secret is in this answer and nowhere else (C-012)."""
        _only(body, "name", "scopes")
        scopes = _texts(body, "scopes", list(SCOPES))
        name = str(body.get("name", "key"))
        key = self._world.account.mint(self._world.seed, name, tuple(scopes))
        return {"id": key.id, "key": key.secret, "scopes": list(key.scopes)}

    def revoke_key(self, number: int) -> dict[str, Any]:
        """Revoke a key: the very next call with it is refused (C-013)."""
        for key in self._world.account.keys:
            if key.id == number:
                key.revoked = True
                return self.state()
        raise ControlError("no such key")

    def patch_pool(self, pool_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change a pool: its balance, types, session length, and what cannot be had in it."""
        _only(
            body, "balance_bytes", "proxy_types", "label", "accessible", "excluded_countries",
            "session_minutes_default",
        )  # fmt: skip
        pool = self._world.account.pools.get(pool_id)
        if pool is None:
            raise ControlError("no such pool")
        balance = _whole(body, "balance_bytes", pool.balance_bytes)
        types = _texts(body, "proxy_types", pool.proxy_types)
        if strange := set(types) - set(PROXY_TYPES):
            message = f"proxy_types: {', '.join(sorted(strange))}; known: {', '.join(PROXY_TYPES)}"
            raise ControlError(message)
        minutes = _whole(body, "session_minutes_default", pool.session_minutes_default)
        if minutes < 1:
            raise ControlError("session_minutes_default is at least 1")
        accessible = _truth(body, "accessible", default=pool.accessible)
        excluded = _texts(body, "excluded_countries", pool.excluded_countries)
        pool.balance_bytes, pool.proxy_types = balance, types
        pool.session_minutes_default = minutes
        pool.accessible, pool.excluded_countries = accessible, excluded
        pool.label = str(body.get("label", pool.label))
        return self.state()

    def patch_targeting(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change what `/pools` lists (C-049)."""
        targeting = self._world.account.targeting
        _only(body, "countries", "us_states", "carriers", "session_minutes")
        minutes = body.get("session_minutes", {})
        if not isinstance(minutes, dict):
            raise ControlError("session_minutes is an object with min and max")
        _only(minutes, "min", "max")
        low = _whole(minutes, "min", targeting.session_minutes_min)
        high = _whole(minutes, "max", targeting.session_minutes_max)
        if not 1 <= low <= high:
            raise ControlError("session_minutes: min is at least 1 and max no less than min")
        read = {name: _texts(body, name, []) for name in body if name != "session_minutes"}
        for name, values in read.items():
            setattr(targeting, name, values)
        targeting.session_minutes_min, targeting.session_minutes_max = low, high
        return self.state()

    def patch_limits(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change the windows: limits, length, and the way of counting (C-129, C-130)."""
        _only(body, "generate", "reads", "window_seconds", "algorithm")
        windows = self._world.windows
        algorithm = body.get("algorithm", windows.algorithm)
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            message = f"algorithm is one of {', '.join(ALGORITHMS)}"
            raise ControlError(message)
        limits = {group: _whole(body, group, limit) for group, limit in windows.limits.items()}
        seconds = _seconds(body, "window_seconds", windows.window_seconds)
        if not seconds > 0:
            raise ControlError("window_seconds must be a number above 0")
        if min(limits.values()) < 1:
            raise ControlError("a limit is at least 1")
        windows.limits.update(limits)
        windows.window_seconds, windows.algorithm = seconds, algorithm
        return self.state()

    def switches(self) -> dict[str, Any]:
        """Every switch: its question, its readings, and which of them is on."""
        now = self._world.switches.document()
        return {
            "switches": {
                name: {
                    "reading": now[name],
                    "readings": list(facts.readings) or list(facts.span or ()),
                    "contract": facts.contract,
                    "question": facts.question,
                }
                for name, facts in READINGS.items()
            }
        }

    def patch_switches(self, body: dict[str, Any]) -> dict[str, Any]:
        """Read some open questions otherwise from now on."""
        self._world.switches.set(**body)
        return self.switches()

    def clock(self) -> dict[str, Any]:
        """The time, in Unix seconds, and how much of it was skipped."""
        return {"now": self._world.now(), "advanced": self._world.now.advanced}

    def advance(self, body: dict[str, Any]) -> dict[str, Any]:
        """Turn the clock: windows, sessions and meters move with it."""
        _only(body, "advance")
        self._world.now.advance(_seconds(body, "advance", 0.0))
        return self.clock()

    def faults(self) -> dict[str, Any]:
        """The rules, with how often each fitted and fired; and every kind there is."""
        kinds = {
            name: {"means": kind.means, "where": kind.places, "takes": kind.takes}
            for name, kind in KINDS.items()
        }
        return {"rules": self._world.faults.document(), "kinds": kinds}

    def put_faults(self, body: dict[str, Any] | list[Any]) -> dict[str, Any]:
        """Take these rules instead of those there are."""
        if isinstance(body, dict):
            _only(body, "rules", "kinds")
            body = body.get("rules", [])
        if not isinstance(body, list):
            raise ControlError("the body is a list of rules")
        self._world.faults.rules = read_rules(body, self._world.seed)
        return self.faults()

    def foreign(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let somebody else use a key, evenly, for a while; 0 per minute ends it (C-132)."""
        _only(body, "group", "per_minute", "seconds", "key_id")
        windows, now = self._world.windows, self._world.now()
        group = body.get("group", "reads")
        if not isinstance(group, str) or group not in windows.limits:
            message = f"group is one of {', '.join(windows.limits)}"
            raise ControlError(message)
        per_minute = _seconds(body, "per_minute", 0.0)
        if not 0 <= per_minute <= _MOST_PER_MINUTE:
            message = f"per_minute is a number from 0 to {_MOST_PER_MINUTE}"
            raise ControlError(message)
        seconds = _seconds(body, "seconds", _LONGEST_FOREIGN)
        key_id = _whole(body, "key_id", self._world.account.keys[0].id)
        windows.foreign = [
            other for other in windows.foreign if (other.key_id, other.group) != (key_id, group)
        ]
        if per_minute:
            chance = random.Random(f"{self._world.seed} {key_id} {group}")  # noqa: S311
            windows.foreign.append(
                Foreign(key_id, group, 60 / per_minute, now + seconds, now, chance)
            )
        return self.state()

    def reset(self) -> dict[str, Any]:
        """Make everything as it was at first, but for the clock: time does not go back."""
        world = self._world
        world.traffic.forget()
        world.journal.clear()
        self._site.forget()
        world.exits.forget()
        world.faults.rules = []
        _restore(world.account, deepcopy(self._first_account))
        _restore(world.windows, deepcopy(self._first_windows))
        _restore(world.switches, deepcopy(self._first_switches))
        return self.state()

    def _default_pool(self) -> str | None:
        pools = self._world.account.pools_in_reach
        first = self._world.switches.default_pool == "first"
        return pools[0 if first else -1].id if pools else None


def _restore(owner: _Owner, first: _Owner) -> None:
    """Give an object the values of another: others hold on to the object itself."""
    for field in fields(owner):
        setattr(owner, field.name, getattr(first, field.name))


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{name} must be a whole number"
        raise ControlError(message)
    return value


def _texts(body: dict[str, Any], name: str, default: list[str]) -> list[str]:
    values = body.get(name, default)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        message = f"{name} must be a list of texts"
        raise ControlError(message)
    return list(values)


def _only(body: dict[str, Any], *known: str) -> None:
    if unknown := set(body) - set(known):
        message = f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}"
        raise ControlError(message)


def _seconds(body: dict[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        message = f"{name} must be a number"
        raise ControlError(message)
    return float(value)


def _truth(body: dict[str, Any], name: str, *, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        message = f"{name} must be true or false"
        raise ControlError(message)
    return value
