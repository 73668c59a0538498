"""Writes an inventory in the formats people paste: some hundred credentials at once, never all.

`list` and `userpass` are the provider's own; `url` is what HTTP clients take (C-075); `json` is one
object an entry. What a format cannot carry without being misread is refused, not written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rf_core.errors import OrderError
from rf_core.inventory import Inventory
from rf_core.models import Proxy
from rf_core.redaction import Secret

_PLAIN: Final = re.compile(r"(?:[A-Za-z0-9._-]+\t[0-9]+\t[A-Za-z0-9._~-]+\t[A-Za-z0-9._~-]+\n)*+")
"""Lines that need no escaping in any format: most of them."""


def write(inventory: Inventory, name: str) -> Iterator[list[str]]:
    """Walk over the credentials, written in the format of that name. All of it is secret.

    Raises:
        OrderError: a credential cannot be written so that it would be read again (C-063).
        KeyError: there is no such format; see :data:`FORMATS`.
    """
    line, template = FORMATS[name]
    for piece in inventory.pieces():
        text = piece.decode()
        if _PLAIN.fullmatch(text):
            yield [template(*row.split("\t")) for row in text.split("\n")[:-1]]
        else:
            yield [line(*row.split("\t")) for row in text.split("\n")[:-1]]


def _list(host: str, port: str, username: str, password: str) -> str:
    if ":" in host or ":" in username:
        raise _unclear("list")
    return f"{host}:{port}:{username}:{password}"


def _userpass(host: str, port: str, username: str, password: str) -> str:
    if ":" in username:
        raise _unclear("userpass")
    address = Proxy(host, int(port), "", Secret("")).address
    return f"{username}:{password}@{address}"


def _url(host: str, port: str, username: str, password: str) -> str:
    return Proxy(host, int(port), username, Secret(password)).url


def _json(host: str, port: str, username: str, password: str) -> str:
    entry = {"host": host, "port": int(port), "username": username, "password": password}
    return json.dumps(entry)


_Write = Callable[[str, str, str, str], str]

FORMATS: Final[Mapping[str, tuple[_Write, _Write]]] = {
    "list": (_list, "{}:{}:{}:{}".format),
    "userpass": (_userpass, "{2}:{3}@{0}:{1}".format),
    "url": (_url, "http://{2}:{3}@{0}:{1}".format),
    "json": (_json, '{{"host": "{}", "port": {}, "username": "{}", "password": "{}"}}'.format),
}
"""Name → how one credential is written, and how one that needs no escaping is."""


def _unclear(name: str) -> OrderError:
    message = f"A credential holds a colon where the format {name} would be misread."
    return OrderError(
        message, field="format", valid=("json", "url"), way_out="Take the format json or url."
    )
