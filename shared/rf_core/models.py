"""What the API deals in, as frozen values: pools, targeting, orders, batches, proxies, balances.

Field names are the provider's, in snake case. Whatever a newer server adds is kept in `extra` by
the protocol's parsers and never gets in the way (C-147).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from rf_core.answer import Answered
from rf_core.redaction import Secret

ROTATING_TYPES: Final = frozenset({"rotating", "mobile_rotating"})
"""Types whose exit changes by itself; a session length means nothing to them (C-045)."""

STICKY_TYPES: Final = frozenset({"sticky", "mobile_sticky"})
"""Types that hold one exit for a session's minutes (C-162)."""

MAX_QUANTITY: Final = 250_000
"""The most credentials one order may ask for (C-039)."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One credential for the gateway.

    The user name is the provider's business: nothing is read out of it (C-073).
    """

    host: str
    port: int
    username: str
    password: Secret

    @property
    def url(self) -> str:
        """The credential as `http://user:password@host:port`, percent-encoded (C-075). A secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = quote(self.username, safe="")
        return f"http://{user}:{quote(self.password.reveal(), safe='')}@{host}:{self.port}"

    @property
    def address(self) -> str:
        """The gateway's `host:port`, fit to print."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Order:
    """What to generate. `None` means: not said, the provider decides.

    Attributes:
        pool: Pool id; omitted, the account's default pool (C-035, C-036).
        country: ISO 3166-1 alpha-2 in lower case (C-037).
        state: US state in upper case; only with country `us` (C-047, C-048).
        proxy_type: Always sent, because the default may not suit the pool (C-043).
        session_minutes: Sticky lifetime in minutes; not sent for rotating types (C-045).
        quantity: How many credentials (C-039).
    """

    pool: str | None = None
    country: str | None = None
    state: str | None = None
    proxy_type: str = "rotating"
    session_minutes: int | None = None
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Batch(Answered):
    """What an order brought.

    Attributes:
        proxies: The credentials, in the order they came, without repeats (C-072).
        count: The number of entries the server announced (C-066).
        country: The country the server echoed, or "" (C-038).
        is_demo: True when none of them works (C-068).
        pool: The pool they belong to, by the answer and not by the request (C-036).
        format: `list`, `json` or `userpass`, as returned (C-076).
    """

    proxies: tuple[Proxy, ...]
    count: int
    country: str
    is_demo: bool
    pool: str
    format: str
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool: its id, what to call it, its gateway's host, the types it offers (C-101)."""

    id: str
    label: str
    host: str
    proxy_types: tuple[str, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Targeting:
    """The values an order may name today (C-101). Never hard-coded, never complete (C-049)."""

    countries: tuple[str, ...] = ()
    us_states: tuple[str, ...] = ()
    session_minutes_min: int = 1
    session_minutes_max: int = 1_440
    carriers: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Discovery(Answered):
    """What `GET /pools` says: the pools this key can use and the targeting values (C-101)."""

    pools: tuple[Pool, ...]
    targeting: Targeting
    extra: Mapping[str, Any] = field(default_factory=dict)

    def pool(self, pool_id: str) -> Pool | None:
        """Return the pool of that id, or None."""
        return next((pool for pool in self.pools if pool.id == pool_id), None)


@dataclass(frozen=True, slots=True)
class Balance(Answered):
    """What `GET /balance` says: pool id → bytes, rounded by the provider (C-090, C-091)."""

    balances: Mapping[str, int]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DomainUsage:
    """Traffic to one domain, for the whole account (C-099)."""

    domain: str
    bytes: int
    requests: int
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage(Answered):
    """What `GET /usage` says: the top domains, most bytes first (C-095, C-098)."""

    top_domains: tuple[DomainUsage, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Account(Answered):
    """What `GET /me` says (C-105). `balances` is in bytes and may name fewer pools (C-093)."""

    id: int
    username: str
    scopes: tuple[str, ...]
    balances: Mapping[str, int]
    key_name: str
    key_prefix: str
    key_last4: str
    extra: Mapping[str, Any] = field(default_factory=dict)
