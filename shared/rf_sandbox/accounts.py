"""The account: pools with exact balances, keys, targeting, and whether it is suspended."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

GIGABYTE: Final = 1_073_741_824
SCOPES: Final = ("proxies:generate", "usage:read", "pools:read")
KEY_PREFIX: Final = "rf_live_"
MOST_KEYS: Final = 10
_POOL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
PROXY_TYPES: Final = ("rotating", "sticky", "mobile_rotating", "mobile_sticky")


@dataclass(slots=True)
class Pool:
    """One pool. `balance_bytes` is exact; the API rounds it when it is asked.

    One that is not accessible is nobody's (C-141); a country may be excluded that is listed for
    the account (C-051).
    """

    id: str
    label: str
    proxy_types: list[str]
    balance_bytes: int
    session_minutes_default: int = 10
    accessible: bool = True
    excluded_countries: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not _POOL_ID.fullmatch(self.id):
            message = f"pool id {self.id!r}: user names carry it, so letters, digits, _ and - only"
            raise ValueError(message)


@dataclass(slots=True)
class Key:
    """One API key."""

    id: int
    secret: str
    name: str
    scopes: tuple[str, ...]
    revoked: bool = False

    @property
    def last4(self) -> str:
        """What the dashboard shows of it (C-023)."""
        return self.secret[-4:]


@dataclass(slots=True)
class Targeting:
    """The targeting values of the moment (C-049, C-101)."""

    countries: list[str] = field(default_factory=lambda: ["us", "gb", "de", "ca", "jp", "au"])
    us_states: list[str] = field(default_factory=lambda: ["CA", "TX", "NY", "FL", "WA"])
    session_minutes_min: int = 1
    session_minutes_max: int = 1_440
    carriers: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    """Everything the provider knows of one customer."""

    id: int
    username: str
    pools: dict[str, Pool]
    keys: list[Key] = field(default_factory=list)
    targeting: Targeting = field(default_factory=Targeting)
    disabled: bool = False

    @property
    def pools_in_reach(self) -> list[Pool]:
        """The pools that the API knows of, the default one first (C-036)."""
        return [pool for pool in self.pools.values() if pool.accessible]

    def key(self, secret: str) -> Key | None:
        """Return the live key of that secret (C-013)."""
        return next((key for key in self.keys if key.secret == secret and not key.revoked), None)

    def is_revoked(self, key_id: int | None) -> bool:
        """Whether a key is no more; nobody's is not (C-165)."""
        return key_id is not None and not any(
            key.id == key_id and not key.revoked for key in self.keys
        )

    def mint(self, seed: int, name: str, scopes: tuple[str, ...]) -> Key:
        """Make a key.

        Raises:
            ValueError: the account holds ten already (C-012), or a scope does not exist.
        """
        if sum(not key.revoked for key in self.keys) >= MOST_KEYS:
            message = f"an account holds {MOST_KEYS} keys at most"
            raise ValueError(message)
        if unknown := set(scopes) - set(SCOPES):
            message = f"unknown scopes: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        number = len(self.keys) + 1
        digest = hashlib.blake2b(f"key {seed} {number}".encode(), digest_size=15).hexdigest()
        key = Key(number, KEY_PREFIX + digest, name, tuple(scopes))
        self.keys.append(key)
        return key


def default_pools() -> dict[str, Pool]:
    """Two pools of different types and balances; the first offers what most crawls need."""
    pools = (
        Pool("premium", "Premium residential", ["rotating", "sticky"], 2 * GIGABYTE),
        Pool("mobile", "Mobile carriers", list(PROXY_TYPES), GIGABYTE),
    )
    return {pool.id: pool for pool in pools}
