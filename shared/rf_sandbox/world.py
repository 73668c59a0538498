"""Everything one sandbox is about, for its four servers to share in one event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rf_sandbox.accounts import SCOPES, Account, Pool, default_pools
from rf_sandbox.clock import Clock
from rf_sandbox.credentials import Credentials
from rf_sandbox.exits import Exits
from rf_sandbox.faults import Faults
from rf_sandbox.switches import Switches, of_profile
from rf_sandbox.traffic import Traffic
from rf_sandbox.windows import RateWindows


@dataclass(slots=True)
class Call:
    """One API call, for the journal."""

    seq: int
    at: float
    method: str
    path: str
    status: int
    key_last4: str

    def document(self) -> dict[str, Any]:
        """The call as the control API shows it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class World:
    """The provider's whole state. Only ever touched from the sandbox's own loop."""

    seed: int
    account: Account
    credentials: Credentials
    exits: Exits
    traffic: Traffic
    windows: RateWindows
    now: Clock
    switches: Switches
    faults: Faults
    profile: str = "documented"
    journal: list[Call] = field(default_factory=list)
    gateway_port: int = 0
    api_tls: str = ""
    site_ports: frozenset[int] = frozenset()
    allowed_targets: frozenset[tuple[str, int]] = frozenset()
    on_change: Callable[[], None] | None = None

    def record(self, method: str, path: str, status: int, key_last4: str) -> None:
        """Add a call to the journal."""
        self.journal.append(
            Call(len(self.journal) + 1, self.now(), method, path, status, key_last4)
        )
        self.changed()

    def changed(self) -> None:
        """Say that something other than traffic has changed, for those who keep it."""
        if self.on_change is not None:
            self.on_change()

    def may_reach(self, host: str, port: int) -> bool:
        """Whether the gateway may go there: the sandbox's own site, or what the user named."""
        if (host, port) in self.allowed_targets:
            return True
        return port in self.site_ports and is_own_name(host)


def is_own_name(host: str) -> bool:
    """Names of this machine's loopback: `localhost`, anything under it, and the addresses."""
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")


def site_address(host: str, port: int, site_ports: frozenset[int]) -> str:
    """The address to connect to: every name of the site's leads to where it listens."""
    if host == "::1" and port not in site_ports:
        return host
    return "127.0.0.1" if is_own_name(host) else host


def make_world(
    seed: int,
    pools: dict[str, Pool] | None = None,
    clock: Clock | None = None,
    profile: str = "documented",
) -> World:
    """Build the default account: two pools, one key with every scope."""
    switches = of_profile(profile)
    account = Account(42, "sandbox_user", pools or default_pools())
    account.mint(seed, "Sandbox key", SCOPES)
    now = clock or Clock()
    return World(
        seed=seed,
        account=account,
        credentials=Credentials(seed, switches),
        exits=Exits(seed, switches),
        traffic=Traffic(account, switches, now),
        windows=RateWindows(),
        now=now,
        switches=switches,
        faults=Faults(),
        profile=profile,
    )
