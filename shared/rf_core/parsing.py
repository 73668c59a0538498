"""Turns the API's JSON into models: tolerant of what is added, exact about what is documented.

Unknown fields are kept in `extra`; a documented field that is missing or of the wrong kind is a
:class:`~rf_core.errors.ResponseError` that names its path (C-147).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rf_core.errors import ResponseError
from rf_core.inventory import CONTROL, BatchFacts
from rf_core.models import (
    Account,
    Balance,
    Discovery,
    DomainUsage,
    Pool,
    Proxy,
    Targeting,
    Usage,
)
from rf_core.redaction import Secret
from rf_core.units import gigabytes_to_bytes

_LARGEST_WHOLE: Final = 2**62
_MOST_GIGABYTES: Final = 1e9
_PORT: Final = re.compile(r"[0-9]{1,5}")
_HOST: Final = re.compile(r"[^\s/?#@:\[\]\\\x00-\x1f\x7f]+|[0-9A-Fa-f:.]+")
_OBFUSCATED: Final = ("[email\u00a0protected]", "[email protected]")


def discovery(document: Mapping[str, Any]) -> Discovery:
    """Read `GET /pools` (C-101, C-104)."""
    return Discovery(
        pools=tuple(
            Pool(
                id=_field(entry, "id", str, path),
                label=_field(entry, "label", str, path) or entry["id"],
                host=_field(entry, "host", str, path),
                proxy_types=_texts(entry, "proxy_types", path),
                extra=_rest(entry, "id", "label", "host", "proxy_types"),
            )
            for path, entry in _objects(document, "pools")
        ),
        targeting=_targeting(_field(document, "targeting", dict, "$"), "$.targeting"),
        extra=_rest(document, "pools", "targeting"),
    )


def _targeting(values: Mapping[str, Any], path: str) -> Targeting:
    minutes = _field(values, "session_minutes", dict, path)
    return Targeting(
        countries=_texts(values, "countries", path),
        us_states=_texts(values, "us_states", path),
        session_minutes_min=_field(minutes, "min", int, f"{path}.session_minutes"),
        session_minutes_max=_field(minutes, "max", int, f"{path}.session_minutes"),
        carriers=_texts(values, "carriers", path),
        extra=_rest(values, "countries", "us_states", "session_minutes", "carriers"),
    )


def balance(document: Mapping[str, Any]) -> Balance:
    """Read `GET /balance` (C-090, C-091, C-094)."""
    return Balance(
        balances=_balances(document, "$"),
        extra=_rest(document, "balances"),
    )


def usage(document: Mapping[str, Any]) -> Usage:
    """Read `GET /usage`, sorted here again (C-098)."""
    domains = [
        DomainUsage(
            domain=_field(entry, "domain", str, path).lower(),
            bytes=_field(entry, "bytes", int, path),
            requests=_field(entry, "requests", int, path),
            extra=_rest(entry, "domain", "bytes", "requests"),
        )
        for path, entry in _objects(document, "top_domains")
    ]
    domains.sort(key=lambda domain: (-domain.bytes, domain.domain))
    return Usage(top_domains=tuple(domains), extra=_rest(document, "top_domains"))


def account(document: Mapping[str, Any]) -> Account:
    """Read `GET /me` (C-105)."""
    key = _field(document, "key", dict, "$")
    return Account(
        id=_field(document, "id", int, "$"),
        username=_field(document, "username", str, "$"),
        scopes=_texts(document, "scopes", "$"),
        balances=_balances(document, "$"),
        key_name=_field(key, "name", str, "$.key"),
        key_prefix=_field(key, "prefix", str, "$.key"),
        key_last4=_field(key, "last4", str, "$.key"),
        extra=_rest(document, "id", "username", "scopes", "balances", "key"),
    )


def batch_facts(document: Mapping[str, Any]) -> BatchFacts:
    """Read `POST /proxies` without its credentials (C-060, C-076)."""
    return BatchFacts(
        count=_field(document, "count", int, "$"),
        country=str(document.get("country") or ""),
        is_demo=_field(document, "is_demo", bool, "$"),
        pool=_field(document, "pool", str, "$"),
        format=_field(document, "format", str, "$"),
        extra=_rest(document, "proxies", "count", "country", "is_demo", "pool", "format"),
    )


def entry(item: Any, number: int) -> Proxy:
    """Read one credential of the format json (C-065)."""
    path = f"$.proxies[{number}]"
    if not isinstance(item, dict):
        raise _missing(path, "an object")
    names = ("host", "username", "password")
    host, username, password = (_field(item, name, str, path) for name in names)
    for value in (username, password):
        _refuse_obfuscated(value, path)
    return _proxy(host, item.get("port"), username, password, path)


def list_line(line: str, number: int) -> Proxy:
    """Read `host:port:username:password`; only the password may hold colons (C-062, C-063)."""
    path = f"$.proxies line {number + 1}"
    _refuse_obfuscated(line, path)
    parts = line.split(":", 3)
    if len(parts) != 4:  # noqa: PLR2004 - the four fields
        raise _missing(path, "host:port:username:password")
    host, port, username, password = parts
    return _proxy(host, port, username, password, path)


def userpass_line(line: str, number: int) -> Proxy:
    """Read `user:pass@host:port`; the last `@` and the first `:` are ours (C-063)."""
    path = f"$.proxies line {number + 1}"
    _refuse_obfuscated(line, path)
    credentials, at, address = line.rpartition("@")
    username, colon, password = credentials.partition(":")
    host, second, port = address.rpartition(":")
    if not (at and colon and second):
        raise _missing(path, "user:pass@host:port")
    return _proxy(host.strip("[]"), port, username, password, path)


def gateway(host: str, port: Any, path: str = "$.proxies") -> tuple[str, int]:
    """Check where a gateway is: a name or an address, and a port that may be text (C-065, C-079).

    Raises:
        ResponseError: one of them cannot be used.
    """
    if not _HOST.fullmatch(host):
        raise _missing(f"{path}.host", "a name or an address")
    text = str(port)
    if isinstance(port, bool) or not _PORT.fullmatch(text) or not 0 < int(text) < 65_536:  # noqa: PLR2004
        raise _missing(f"{path}.port", "a port")
    return host, int(text)


def _proxy(host: str, port: Any, username: str, password: str, path: str) -> Proxy:
    address = gateway(host, port, path)
    for name, value in (("username", username), ("password", password)):
        if CONTROL.search(value):  # RFC 7617, section 2: no authorization could carry it
            raise _missing(f"{path}.{name}", "a text without control characters")
    return Proxy(*address, username, Secret(password))


def _refuse_obfuscated(line: str, path: str) -> None:
    """A mail-address filter has eaten the password and the host of this line (C-064)."""
    if any(mark in line for mark in _OBFUSCATED):
        message = f"{path} was damaged on its way by an e-mail address filter."
        raise ResponseError(
            message, status=200, path=path, way_out="Ask for the format list or json instead."
        )


def _balances(document: Mapping[str, Any], path: str) -> dict[str, int]:
    balances = {}
    for pool, value in _field(document, "balances", dict, path).items():
        if value is None:
            continue
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        if not usable or not abs(value) < _MOST_GIGABYTES:
            raise _missing(f"{path}.balances.{pool}", "a number of GB")
        balances[str(pool)] = gigabytes_to_bytes(value)
    return balances


def _field(document: Mapping[str, Any], name: str, kind: type, path: str) -> Any:
    value: Any = document.get(name)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    usable = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not usable or (kind is int and abs(value) > _LARGEST_WHOLE):
        raise _missing(f"{path}.{name}", kind.__name__)
    return value


def _objects(document: Mapping[str, Any], name: str) -> Iterable[tuple[str, dict[str, Any]]]:
    for number, entry in enumerate(_field(document, name, list, "$")):
        path = f"$.{name}[{number}]"
        if not isinstance(entry, dict):
            raise _missing(path, "an object")
        yield path, entry


def _texts(document: Mapping[str, Any], name: str, path: str) -> tuple[str, ...]:
    texts = _field(document, name, list, path)
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise _missing(f"{path}.{name}[{number}]", "str")
    return tuple(texts)


def _rest(document: Mapping[str, Any], *known: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in known}


def _missing(path: str, kind: str) -> ResponseError:
    message = f"The API's answer has no usable {path} ({kind})."
    return ResponseError(message, status=200, path=path)
