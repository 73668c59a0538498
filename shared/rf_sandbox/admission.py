"""Who may use the gateway, and to go where: 407, then 402, then 403."""

from __future__ import annotations

from typing import Final, NamedTuple

from rf_sandbox.credentials import Credential
from rf_sandbox.heads import Head, basic_credentials
from rf_sandbox.reach import Denied
from rf_sandbox.world import World

_LONGEST: Final = 1_024


class Admitted(NamedTuple):
    """A request that is served, on that credential."""

    username: str
    ordered: Credential


class Refused(NamedTuple):
    """A request that is answered here, for free by default (C-167)."""

    status: int
    details: str
    username: str = ""
    pool: str = ""
    error: str | None = None


def judge(world: World, head: Head, host: str, port: int) -> Admitted | Refused:
    """Decide on one request or tunnel.

    Demo credentials are no credentials here (C-070); an empty pool serves nobody (C-166, C-168).
    """
    values = head.all(b"proxy-authorization")
    is_one = len(values) == 1 and len(values[0]) <= _LONGEST  # no credential of ours is as long
    given = basic_credentials(values[0]) if is_one else None
    ordered = world.credentials.check(*given) if given is not None else None
    if given is not None and ordered is None and world.credentials.is_demo(*given):
        return Refused(int(world.switches.demo_status), "demo credentials do not work")
    if given is None or ordered is None or ordered.pool not in world.account.pools:
        return Refused(407, "unknown user name or password")
    username = given[0]
    if world.switches.revoke_kills_proxies == "yes" and world.account.is_revoked(ordered.key_id):
        return Refused(407, "its key was revoked", username, ordered.pool)
    if not world.traffic.has_balance(ordered.pool):
        status = int(world.switches.exhausted_status)
        return Refused(status, "balance exhausted", username, ordered.pool)
    way = world.way(host, port)
    if isinstance(way, Denied):
        return Refused(403, way.why, username, ordered.pool)
    return Admitted(username, ordered)
