"""Everything one sandbox is about, for its four servers to share in one event loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rf_sandbox.accounts import SCOPES, Account, Pool, default_pools
from rf_sandbox.clock import Clock
from rf_sandbox.credentials import Credentials
from rf_sandbox.exits import Exits
from rf_sandbox.external import External
from rf_sandbox.faults import Faults
from rf_sandbox.reach import Beyond, Denied, Here, way
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
    external: External | None = None
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

    def way(self, host: str, port: int) -> Here | Beyond | Denied:
        """Where the gateway goes for a target, if anywhere."""
        return way(
            host,
            port,
            site_ports=self.site_ports,
            allowed=self.allowed_targets,
            is_external=self.external is not None,
        )


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
