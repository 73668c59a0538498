"""What a request of the API may say: the table of parameters, and the rules between them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rf_sandbox.accounts import Account, Pool
from rf_sandbox.credentials import Ordered
from rf_sandbox.parameters import (
    COUNTRY,
    FORMAT,
    LIMIT,
    ORDER,
    POOL,
    PROXY_TYPE,
    QUANTITY,
    SESSION,
    STATE,
    Choice,
    Integer,
)
from rf_sandbox.switches import Switches

TEAPOT_QUANTITY: Final = 418
_WHOLE: Final = re.compile(r"(\d{1,9})(?:\.0+)?", re.ASCII)


class RefusedError(ValueError):
    """What was asked is refused; `code` is the error code of the envelope."""

    code = "invalid_request"


class InvalidRequestError(RefusedError):
    """400 `invalid_request`."""


class PoolNotAvailableError(RefusedError):
    """404 `pool_not_available`."""

    code = "pool_not_available"


class NewConditionError(RefusedError):
    """An error of a kind that the reference does not list: new ones may appear (C-142)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Request:
    """A checked `POST /proxies`."""

    pool: Pool
    ordered: Ordered
    quantity: int
    format: str
    country: str | None


def read_order(body: Any, account: Account, switches: Switches) -> Request:
    """Check the body of `POST /proxies` (C-030 to C-051).

    Raises:
        RefusedError: with a sentence that names the field.
    """
    if not isinstance(body, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    _refuse_unknown(body, switches)
    quantity = _integer(body, QUANTITY, account)
    answer_format = _choice(body, FORMAT, account)
    proxy_type = _choice(body, PROXY_TYPE, account)
    is_sticky = proxy_type.endswith("sticky")
    country = _choice(body, COUNTRY, account)
    state = _choice(_cased(body, switches), STATE, account)
    if state and country != "us":
        raise InvalidRequestError("state is only valid with country us.")
    minutes = 0
    if is_sticky or switches.session_range_on_rotating == "400":
        minutes = _integer(body, SESSION, account)
    pool = _pool(body, account, switches)
    if proxy_type not in pool.proxy_types:
        raise _mismatch(pool, proxy_type, switches)
    if country in pool.excluded_countries:
        raise _excluded(pool, country, switches)
    if quantity == TEAPOT_QUANTITY and switches.new_codes == "yes":
        raise NewConditionError("teapot_mode", "Exactly this many cannot be brewed.")
    if is_sticky and not minutes:
        minutes = pool.session_minutes_default
    ordered = Ordered(pool.id, proxy_type, country, state, minutes if is_sticky else 0)
    return Request(pool, ordered, quantity, answer_format, country or None)


def read_limit(query: Mapping[str, list[str]], account: Account) -> int:
    """Check `limit` of `GET /usage` (C-095, C-096).

    Raises:
        InvalidRequestError: not one whole number from 1 to 100.
    """
    values = query.get(LIMIT.name)
    if values is None:
        return LIMIT.default or 0
    found = _WHOLE.fullmatch(values[0]) if len(values) == 1 else None
    return _integer({LIMIT.name: int(found[1]) if found else None}, LIMIT, account)


def default_pool(account: Account, switches: Switches) -> Pool:
    """Where an order without a pool goes (C-035, C-036).

    Raises:
        PoolNotAvailableError: the account has none.
    """
    pools = account.pools_in_reach
    if not pools:
        raise PoolNotAvailableError("This account has no pool.")
    return pools[0 if switches.default_pool == "first" else -1]


def _refuse_unknown(body: Mapping[str, Any], switches: Switches) -> None:
    known = {parameter.name for parameter in ORDER}
    if switches.unknown_fields == "400" and (unknown := sorted(set(body) - known)):
        message = f"Unknown: {', '.join(unknown)[:200]}."
        raise InvalidRequestError(message)


def _cased(body: Mapping[str, Any], switches: Switches) -> Mapping[str, Any]:
    state = body.get(STATE.name)
    if switches.state_case == "accepted" and isinstance(state, str):
        return {STATE.name: state.upper()}
    return body


def _mismatch(pool: Pool, proxy_type: str, switches: Switches) -> RefusedError:
    message = f"Pool {pool.id} does not offer proxyType {proxy_type}."
    if switches.type_mismatch == "404":
        return PoolNotAvailableError(message)
    return InvalidRequestError(message)


def _excluded(pool: Pool, country: str, switches: Switches) -> RefusedError:
    message = f"Pool {pool.id} has no exits in {country}."
    if switches.excluded_country == "409":
        return NewConditionError("country_not_available", message)
    return InvalidRequestError(message)


def _pool(body: Mapping[str, Any], account: Account, switches: Switches) -> Pool:
    if POOL.name not in body:
        return default_pool(account, switches)
    wanted = body[POOL.name]
    if not isinstance(wanted, str):
        raise InvalidRequestError("pool must be a text.")
    found = next((pool for pool in account.pools_in_reach if pool.id == wanted), None)
    if found is None:
        raise PoolNotAvailableError("This pool does not exist or is not accessible by this key.")
    return found


def _integer(body: Mapping[str, Any], parameter: Integer, account: Account) -> int:
    low, high = parameter.span(account)
    if parameter.name not in body:
        return parameter.default or 0
    value = body[parameter.name]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        message = f"{parameter.name} must be a whole number from {low} to {high}."
        raise InvalidRequestError(message)
    return value


def _choice(body: Mapping[str, Any], parameter: Choice, account: Account) -> str:
    if parameter.name not in body:
        return parameter.default
    value, choices = body[parameter.name], parameter.choices(account)
    if not isinstance(value, str) or value not in choices:
        message = f"{parameter.name} must be one of: {', '.join(choices)}."
        raise InvalidRequestError(message)
    return value
