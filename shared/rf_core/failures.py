"""Errors as documents, so that one process can tell others that waited for it what went wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rf_core import errors
from rf_core.errors import ResiFactoryError

_KINDS: Mapping[str, type[ResiFactoryError]] = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ResiFactoryError)
}


def to_document(error: ResiFactoryError) -> dict[str, Any]:
    """Return its kind and its facts, fit for JSON; messages hold no secrets, answers may."""
    facts = {name: value for name, value in vars(error).items() if name != "answer"}
    return {"kind": type(error).__name__, "facts": facts}


def from_document(document: Mapping[str, Any]) -> ResiFactoryError:
    """Make an error that says the same; of a kind nobody knows here, the base of all."""
    facts = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in document.get("facts", {}).items()
    }
    kind = _KINDS.get(document.get("kind", ""), ResiFactoryError)
    # Each kind's constructor takes other things; what they leave behind is the same.
    error = kind.__new__(kind, facts.get("message", ""))
    vars(error).update({"message": "", "way_out": ""} | facts)
    return error
