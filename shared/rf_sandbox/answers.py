"""The documents that the read endpoints answer with, under the readings of the moment."""

from __future__ import annotations

from typing import Any, Final

from rf_sandbox.accounts import GIGABYTE, KEY_PREFIX, Key
from rf_sandbox.world import World

_DECIMALS: Final = 4
_BELOW_ZERO: Final = -0.0003
_ELSEWHERE: Final = "retail_select"


def added(world: World) -> dict[str, Any]:
    """Fields that no reference knows, where they are sent: an addition breaks nothing (C-147)."""
    return {"x_added": {"since": "later"}} if world.switches.extra_fields == "yes" else {}


def balances(world: World) -> dict[str, float | int | None]:
    """Balances as the API shows them: GB, four decimals, half to even (C-090, C-091, C-170)."""
    shown = world.traffic.published_balances(world.now())
    return {pool.id: _gigabytes(world, shown[pool.id]) for pool in world.account.pools_in_reach}


def balance(world: World) -> dict[str, Any]:
    """`GET /balance`. It may list a pool that no other endpoint knows (C-093)."""
    shown = balances(world)
    if world.switches.balance_sets_differ == "yes":
        shown[_ELSEWHERE] = _gigabytes(world, 6 * GIGABYTE)
    return {"balances": shown, **added(world)}


def usage(world: World, limit: int) -> dict[str, Any]:
    """`GET /usage`: the largest domains, for the whole account (C-095, C-098, C-099)."""
    more = added(world)
    return {
        "top_domains": [
            {"domain": domain, "bytes": used.bytes, "requests": used.requests, **more}
            for domain, used in world.traffic.published_usage(world.now(), limit)
        ],
        **more,
    }


def pools(world: World) -> dict[str, Any]:
    """`GET /pools` (C-101, C-104)."""
    more = added(world)
    targeting = world.account.targeting
    return {
        "pools": [
            {
                "id": pool.id,
                "label": pool.label,
                "host": "127.0.0.1",
                "proxy_types": pool.proxy_types,
                **more,
            }
            for pool in world.account.pools_in_reach
        ],
        "targeting": {
            "countries": targeting.countries,
            "us_states": targeting.us_states,
            "session_minutes": {
                "min": targeting.session_minutes_min,
                "max": targeting.session_minutes_max,
                **more,
            },
            "carriers": targeting.carriers,
            **more,
        },
        **more,
    }


def me(world: World, key: Key) -> dict[str, Any]:
    """`GET /me` (C-017, C-105)."""
    more = added(world)
    shown = balances(world)
    if world.switches.balance_sets_differ == "yes":
        shown = dict(list(shown.items())[:1])
    return {
        "id": world.account.id,
        "username": world.account.username,
        "scopes": list(key.scopes),
        "balances": shown,
        "key": {"name": key.name, "prefix": KEY_PREFIX, "last4": key.last4, **more},
        **more,
    }


def _gigabytes(world: World, count: int) -> float | int | None:
    switches = world.switches
    if count <= 0 and switches.empty_balance != "exact":
        return _BELOW_ZERO if switches.empty_balance == "negative" else None
    shown = round(count / GIGABYTE, _DECIMALS) + 0.0  # no -0.0
    if switches.integral_balances == "6" and shown.is_integer():
        return int(shown)
    return shown
