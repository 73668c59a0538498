"""What a request of the API may say: tables that answers and specification are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rf_sandbox.accounts import PROXY_TYPES, Account, Pool
from rf_sandbox.credentials import Ordered

MOST: Final = 250_000
DEFAULT_QUANTITY: Final = 5_000
FORMATS: Final = ("list", "json", "userpass")
DEFAULT_USAGE: Final = 25
MOST_USAGE: Final = 100


class InvalidRequestError(ValueError):
    """400 `invalid_request`."""


class PoolNotAvailableError(ValueError):
    """404 `pool_not_available`."""


@dataclass(frozen=True, slots=True)
class Request:
    """A checked `POST /proxies`."""

    pool: Pool
    ordered: Ordered
    quantity: int
    format: str
    country: str | None


def read_order(body: Any, account: Account) -> Request:
    """Check the body of `POST /proxies` (C-030 to C-049).

    Raises:
        InvalidRequestError: with a sentence that names the field.
        PoolNotAvailableError: no such pool.
    """
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    quantity = _integer(body, "quantity", 1, MOST, DEFAULT_QUANTITY)
    answer_format = _choice(body, "format", FORMATS, "list")
    proxy_type = _choice(body, "proxyType", PROXY_TYPES, "rotating")
    targeting = account.targeting
    country = _choice(body, "country", targeting.countries, "")
    state = _choice(body, "state", targeting.us_states, "")
    if state and country != "us":
        raise InvalidRequestError("state is only valid with country us.")
    minutes = 0
    if proxy_type.endswith("sticky"):
        minutes = _integer(
            body,
            "sessionDuration",
            targeting.session_minutes_min,
            targeting.session_minutes_max,
            0,
        )
    pool = _pool(body, account)
    if proxy_type not in pool.proxy_types:
        message = f"Pool {pool.id} does not offer proxyType {proxy_type}."
        raise InvalidRequestError(message)
    if proxy_type.endswith("sticky") and not minutes:
        minutes = pool.session_minutes_default
    ordered = Ordered(pool.id, proxy_type, country, state, minutes)
    return Request(pool, ordered, quantity, answer_format, country or None)


def read_limit(query: Mapping[str, list[str]]) -> int:
    """Check `limit` of `GET /usage` (C-095, C-096).

    Raises:
        InvalidRequestError: not one whole number from 1 to 100.
    """
    values = query.get("limit")
    if values is None:
        return DEFAULT_USAGE
    text = values[0] if len(values) == 1 else ""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_USAGE))
    if not is_number or not 1 <= int(text) <= MOST_USAGE:
        message = f"limit must be one whole number from 1 to {MOST_USAGE}."
        raise InvalidRequestError(message)
    return int(text)


def _pool(body: dict[str, Any], account: Account) -> Pool:
    if "pool" not in body:
        return account.default_pool
    wanted = body["pool"]
    if not isinstance(wanted, str):
        raise InvalidRequestError("pool must be a text.")
    pool = account.pools.get(wanted)
    if pool is None:
        raise PoolNotAvailableError("This pool does not exist or is not accessible by this key.")
    return pool


def _integer(body: dict[str, Any], name: str, low: int, high: int, default: int) -> int:
    if name not in body:
        return default
    value = body[name]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)  # JSON Schema counts 10.0 as an integer (C-040)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        message = f"{name} must be a whole number from {low} to {high}."
        raise InvalidRequestError(message)
    return value


def _choice(body: dict[str, Any], name: str, choices: Any, default: str) -> str:
    if name not in body:
        return default
    value = body[name]
    if not isinstance(value, str) or value not in choices:
        message = f"{name} must be one of: {', '.join(choices)}."
        raise InvalidRequestError(message)
    return value
