"""What this program knows of the API, and what a served OpenAPI document says otherwise.

Within v1 things are only ever added (C-147): what is new is good to know, what is gone is trouble.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rf_core.redaction import printable


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint, as we use it.

    Attributes:
        takes: Parameters and fields of the body.
        answers: Fields of a good answer; `[]` is each entry of a list.
        optional: Fields of it that a document need not list.
    """

    takes: frozenset[str]
    answers: frozenset[str]
    optional: frozenset[str] = frozenset()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "POST /proxies": Endpoint(
        _names("pool country quantity proxyType sessionDuration state format"),
        _names("proxies count country is_demo pool format"),
        _names("proxies[].host proxies[].port proxies[].username proxies[].password"),
    ),
    "GET /balance": Endpoint(_names(""), _names("balances")),
    "GET /usage": Endpoint(
        _names("limit"),
        _names("top_domains top_domains[].domain top_domains[].bytes top_domains[].requests"),
    ),
    "GET /pools": Endpoint(
        _names(""),
        _names(
            "pools pools[].id pools[].label pools[].host pools[].proxy_types targeting "
            "targeting.countries targeting.us_states targeting.session_minutes "
            "targeting.session_minutes.min targeting.session_minutes.max targeting.carriers"
        ),
    ),
    "GET /me": Endpoint(
        _names(""),
        _names("id username scopes balances key key.name key.prefix key.last4"),
    ),
}
"""Method and path → what it takes and answers (C-031, C-060, C-090, C-095, C-101, C-105)."""

VALUES: Final[Mapping[str, frozenset[str]]] = {
    "proxyType": _names("rotating sticky mobile_rotating mobile_sticky"),
    "format": _names("list json userpass"),
}
"""Fields whose values are named by the documentation (C-041, C-076); an account may see fewer."""

_METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})
_DEEPEST: Final = 12
_MOST_NODES: Final = 5_000


@dataclass(frozen=True, slots=True)
class Differences:
    """What a document says otherwise, in words."""

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def differences(document: Mapping[str, Any]) -> Differences | None:
    """Compare a served document with what we know; None when it is no OpenAPI document."""
    paths = document.get("paths")
    if not isinstance(document.get("openapi"), str) or not isinstance(paths, dict):
        return None
    served = {
        f"{method.upper()} {path}": _Reader(document).endpoint(operation)
        for path, item in paths.items()
        if isinstance(item, dict)
        for method, operation in item.items()
        if method in _METHODS and isinstance(operation, dict)
    }
    new = [f"the endpoint {name}" for name in served if name not in ENDPOINTS]
    gone = [f"the endpoint {name}" for name in ENDPOINTS if name not in served]
    for name, known in ENDPOINTS.items():
        if name in served:
            answers = served[name].answers - known.optional
            for words, ours, theirs in (
                (f"the parameter {{}} of {name}", known.takes, served[name].takes),
                (f"{{}} in the answer of {name}", known.answers, answers),
            ):
                new += [words.format(one) for one in sorted(theirs - ours)]
                gone += [words.format(one) for one in sorted(ours - theirs)]
            for field, values in served[name].values.items():
                strange = sorted(values - VALUES.get(field, values))
                new += [f"the value {one} of {field}" for one in strange]
    return Differences(tuple(map(_shown, new)), tuple(gone))


def _shown(text: str) -> str:
    return printable(text, 120)


@dataclass(frozen=True, slots=True)
class _Served:
    takes: frozenset[str]
    answers: frozenset[str]
    values: Mapping[str, frozenset[str]]


class _Reader:
    """Reads one operation of a document, however its schemas are put together."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left = _MOST_NODES

    def endpoint(self, operation: Mapping[str, Any]) -> _Served:
        takes: set[str] = set()
        values: dict[str, frozenset[str]] = {}
        for given in _list(operation.get("parameters")):
            parameter = self._resolved(given)
            if parameter.get("in") == "query":
                takes.add(str(parameter.get("name")))
        for path, schema in self._fields(self._body(operation.get("requestBody"))):
            takes.add(path)
            named = schema.get("enum")
            if isinstance(named, list):
                values[path] = frozenset(str(one) for one in named)
        answers: set[str] = set()
        responses = operation.get("responses")
        for status, response in responses.items() if isinstance(responses, dict) else ():
            if str(status).startswith("2"):
                answers |= {path for path, _ in self._fields(self._body(response))}
        return _Served(frozenset(takes), frozenset(answers), values)

    def _body(self, given: Any) -> Mapping[str, Any]:
        content = self._resolved(given).get("content")
        media = content.get("application/json") if isinstance(content, dict) else None
        schema = media.get("schema") if isinstance(media, dict) else None
        return self._resolved(schema)

    def _fields(
        self, schema: Mapping[str, Any], path: str = "", depth: int = 0
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            return
        for word in ("allOf", "oneOf", "anyOf"):
            for part in _list(schema.get(word)):
                yield from self._fields(self._resolved(part), path, depth + 1)
        if "items" in schema:
            yield from self._fields(self._resolved(schema["items"]), f"{path}[]", depth + 1)
        properties = schema.get("properties")
        for name, given in properties.items() if isinstance(properties, dict) else ():
            below = f"{path}.{name}" if path else str(name)
            one = self._resolved(given)
            yield below, one
            yield from self._fields(one, below, depth + 1)

    def _resolved(self, given: Any) -> Mapping[str, Any]:
        for _ in range(_DEEPEST):
            if not isinstance(given, dict):
                return {}
            reference = given.get("$ref")
            if not isinstance(reference, str):
                return given
            given = self._at(reference)
        return {}

    def _at(self, reference: str) -> Any:
        found: Any = self._document if reference.startswith("#/") else {}
        for name in reference.removeprefix("#/").split("/"):
            found = found.get(name) if isinstance(found, dict) else None
        return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
