"""The OpenAPI 3.1 document, written from the very tables that validate requests (C-004).

Choices are those of the moment, and what holds between parameters is written as `if` and `then`.
"""

from __future__ import annotations

from typing import Any, Final

from rf_sandbox.accounts import PROXY_TYPES, SCOPES, Account, Pool
from rf_sandbox.errors import STATUSES
from rf_sandbox.parameters import COUNTRY, LIMIT, MOST, ORDER, POOL, PROXY_TYPE, SESSION, STATE
from rf_sandbox.switches import Switches
from rf_sandbox.validation import TEAPOT_QUANTITY

_INITIAL_RELEASE: Final = "1.0.0"
_COMMON: Final = (
    "unauthorized",
    "account_disabled",
    "insufficient_scope",
    "invalid_request",
    "rate_limited",
    "internal_error",
)
_NEW: Final = ("unprocessable_body", "country_not_available", "teapot_mode")
_GIGABYTES: Final = {"type": "object", "additionalProperties": {"type": ["number", "null"]}}


def specification(account: Account, switches: Switches) -> dict[str, Any]:
    """Return the document for an account, as things are at the moment."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ResiFactory REST API (sandbox)",
            "version": _INITIAL_RELEASE,
            "description": "Generate proxy credentials, read balances and usage.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"key": []}],
        "paths": {
            "/proxies": {"post": _proxies(account, switches)},
            "/balance": {"get": _read("balance", "The balance of each pool, in GB.", "Balance")},
            "/usage": {"get": _usage(account)},
            "/pools": {"get": _pools(switches)},
            "/me": {"get": _read("me", "Whose key this is, and what it may.", "Me")},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "headers": _HEADERS,
            "schemas": {"Order": order_schema(account, switches), **_SCHEMAS},
        },
    }


def _proxies(account: Account, switches: Switches) -> dict[str, Any]:
    codes = (*_COMMON, "pool_not_available", *(_NEW if switches.new_codes == "yes" else ()))
    order = {"$ref": "#/components/schemas/Order"}
    example = {"an order": {"value": _example(account)}}
    return {
        "operationId": "generate_proxies",
        "summary": "Generate proxy credentials.",
        "requestBody": {
            "required": switches.empty_body == "400",
            "content": {"application/json": {"schema": order, "examples": example}},
        },
        "responses": _responses("Batch", codes),
    }


def _example(account: Account) -> dict[str, Any]:
    """An order that is served at the moment; none at all where nothing is."""
    pools = account.pools_in_reach
    if not pools or not pools[0].proxy_types:
        return {}
    pool = pools[0]
    order = {POOL.name: pool.id, PROXY_TYPE.name: pool.proxy_types[0], "quantity": 10}
    at_hand = [c for c in account.targeting.countries if c not in pool.excluded_countries]
    return {**order, **({COUNTRY.name: at_hand[0]} if at_hand else {})}


def _usage(account: Account) -> dict[str, Any]:
    parameter = {
        "name": LIMIT.name,
        "in": "query",
        "required": False,
        "description": LIMIT.about,
        "schema": LIMIT.schema(account),
        "example": 5,
    }
    usage = _read("usage", "The domains that took most, for the whole account.", "Usage")
    return {**usage, "parameters": [parameter]}


def _pools(switches: Switches) -> dict[str, Any]:
    pools = _read("pools", "Pools in reach, and what may be asked of them.", "Pools")
    pools["responses"]["200"]["links"] = {
        "order": {
            "operationId": "generate_proxies",
            "requestBody": {
                POOL.name: "$response.body#/pools/0/id",
                PROXY_TYPE.name: "$response.body#/pools/0/proxy_types/0",
                "quantity": 1,
            },
        }
    }
    if switches.etag == "yes":
        pools["responses"]["304"] = {"description": "As it was when it had that ETag."}
    return pools


def _read(name: str, summary: str, schema: str) -> dict[str, Any]:
    return {
        "operationId": f"get_{name}",
        "summary": summary,
        "responses": _responses(schema, _COMMON),
    }


def _responses(schema: str, codes: tuple[str, ...]) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(STATUSES[code]), []).append(code)
    responses = {"200": _response("What was asked for.", schema)}
    for status, listed in sorted(by_status.items()):
        responses[status] = _response(", ".join(listed), "Error")
        if status == "429":
            retry_after = {"$ref": "#/components/headers/Retry-After"}
            responses[status]["headers"] |= {"Retry-After": retry_after}
    return responses


def _response(description: str, schema: str) -> dict[str, Any]:
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": content,
    }


def order_schema(account: Account, switches: Switches) -> dict[str, Any]:
    """The body of an order: each parameter, and then what holds between them."""
    properties = {
        parameter.name: {**parameter.schema(account), "description": parameter.about}
        for parameter in ORDER
    }
    session = properties[SESSION.name]
    if switches.session_range_on_rotating == "ignore":
        # Its range and even its type matter to sticky orders alone (C-045).
        properties[SESSION.name] = {"description": SESSION.about}
    if switches.state_case == "accepted":
        properties[STATE.name]["enum"] += [s.lower() for s in account.targeting.us_states]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "allOf": [
            _when({STATE.name: {}}, {COUNTRY.name: {"const": "us"}}, required=[COUNTRY.name]),
            _when(
                {PROXY_TYPE.name: {"enum": [kind for kind in PROXY_TYPES if _is_sticky(kind)]}},
                {SESSION.name: session},
            ),
            *_pool_rules(account, switches),
        ],
    }
    if switches.unknown_fields == "400":
        schema["additionalProperties"] = False
    if switches.new_codes == "yes":
        schema["allOf"].append({"not": _has({"quantity": {"const": TEAPOT_QUANTITY}})})
    return schema


def _pool_rules(account: Account, switches: Switches) -> list[dict[str, Any]]:
    """What each pool offers, and what an order without a pool is held to."""
    pools = account.pools_in_reach
    if not pools:
        return [{"not": {}}]
    rules = [
        {"if": _has({POOL.name: {"const": pool.id}}), "then": _offered(pool, account)}
        for pool in pools
    ]
    default = pools[0 if switches.default_pool == "first" else -1]
    without = {"not": {"required": [POOL.name]}}
    return [*rules, {"if": without, "then": _offered(default, account)}]


def _offered(pool: Pool, account: Account) -> dict[str, Any]:
    offered: dict[str, Any] = {"properties": {PROXY_TYPE.name: {"enum": pool.proxy_types}}}
    if not pool.proxy_types:
        return {"not": {}}
    if PROXY_TYPE.default not in pool.proxy_types:
        offered["required"] = [PROXY_TYPE.name]  # the default is not to be had here (C-043)
    if pool.excluded_countries:
        left = [c for c in account.targeting.countries if c not in pool.excluded_countries]
        offered["properties"][COUNTRY.name] = {"enum": left}
    return offered


def _when(
    given: dict[str, Any], then: dict[str, Any], required: list[str] | None = None
) -> dict[str, Any]:
    consequence: dict[str, Any] = {"properties": then}
    if required:
        consequence["required"] = required
    return {"if": _has(given), "then": consequence}


def _has(properties: dict[str, Any]) -> dict[str, Any]:
    return {"properties": properties, "required": list(properties)}


def _is_sticky(proxy_type: str) -> bool:
    return proxy_type.endswith("sticky")


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_COUNT: Final = {"type": "integer", "minimum": 0}
_HEADERS: Final = {
    "RateLimit-Limit": {
        "description": "Calls that the window allows.",
        "schema": {"type": "integer"},
    },
    "RateLimit-Remaining": {
        "description": "Calls that are left in it.",
        "schema": {"type": "integer"},
    },
    "RateLimit-Reset": {
        "description": "When it resets, in Unix seconds.",
        "schema": {"type": "integer"},
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer"},
        "required": True,
    },
}
_SCHEMAS: Final = {
    "Error": _object(error=_object(code=_TEXT, message=_TEXT)),
    "Proxy": _object(host=_TEXT, port={"type": "integer"}, username=_TEXT, password=_TEXT),
    "Batch": {
        "type": "object",
        "properties": {
            "proxies": {
                "oneOf": [
                    {"type": "string", "description": "One credential a line: list, userpass."},
                    {"type": "array", "items": {"$ref": "#/components/schemas/Proxy"}},
                ]
            },
            "count": {"type": "integer", "minimum": 0, "maximum": MOST + 1},
            "country": {"type": ["string", "null"]},
            "is_demo": {"type": "boolean"},
            "pool": _TEXT,
            "format": _TEXT,
        },
        "required": ["proxies", "count", "is_demo", "pool", "format"],
    },
    "Balance": _object(balances=_GIGABYTES),
    "Usage": _object(
        top_domains={
            "type": "array",
            "items": _object(domain=_TEXT, bytes=_COUNT, requests=_COUNT),
        }
    ),
    "Pools": _object(
        pools={
            "type": "array",
            "items": _object(
                id=_TEXT,
                label=_TEXT,
                host=_TEXT,
                proxy_types={
                    "type": "array",
                    "items": {"type": "string", "enum": list(PROXY_TYPES)},
                },
            ),
        },
        targeting=_object(
            countries=_TEXTS,
            us_states=_TEXTS,
            session_minutes=_object(min={"type": "integer"}, max={"type": "integer"}),
            carriers=_TEXTS,
        ),
    ),
    "Me": _object(
        id={"type": "integer"},
        username=_TEXT,
        scopes={"type": "array", "items": {"type": "string", "examples": list(SCOPES)}},
        balances=_GIGABYTES,
        key=_object(name=_TEXT, prefix=_TEXT, last4=_TEXT),
    ),
}
