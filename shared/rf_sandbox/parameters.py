"""The parameters of the API, in one table that validates requests and specifies them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rf_sandbox.accounts import PROXY_TYPES, Account

MOST: Final = 250_000
DEFAULT_QUANTITY: Final = 5_000
FORMATS: Final = ("list", "json", "userpass")
DEFAULT_USAGE: Final = 25
MOST_USAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number; JSON Schema counts 10.0 as one (C-040)."""

    name: str
    about: str
    span: Callable[[Account], tuple[int, int]]
    default: int | None = None

    def schema(self, account: Account) -> dict[str, Any]:
        """The parameter in JSON Schema."""
        low, high = self.span(account)
        schema: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
        return schema if self.default is None else {**schema, "default": self.default}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts, as they are at the moment (C-049)."""

    name: str
    about: str
    choices: Callable[[Account], Sequence[str]]
    default: str = ""

    def schema(self, account: Account) -> dict[str, Any]:
        """The parameter in JSON Schema."""
        choices = list(self.choices(account))
        # An empty enum is no schema; a choice of nothing is refused whatever it is.
        schema: dict[str, Any] = {"type": "string"} | ({"enum": choices} if choices else {})
        return schema | ({"default": self.default} if self.default in choices else {})


QUANTITY: Final = Integer(
    "quantity", "How many proxy lines to make.", lambda _: (1, MOST), DEFAULT_QUANTITY
)
SESSION: Final = Integer(
    "sessionDuration",
    "Minutes that a sticky session holds; the pool's own default without it. "
    "Rotating types ignore it.",
    lambda account: (
        account.targeting.session_minutes_min,
        account.targeting.session_minutes_max,
    ),
)
FORMAT: Final = Choice("format", "How the lines are written.", lambda _: FORMATS, "list")
PROXY_TYPE: Final = Choice(
    "proxyType", "What kind of exit, and for how long.", lambda _: PROXY_TYPES, "rotating"
)
COUNTRY: Final = Choice(
    "country", "Two letters, lower case.", lambda account: account.targeting.countries
)
STATE: Final = Choice(
    "state", "Two letters; with country us only.", lambda account: account.targeting.us_states
)
POOL: Final = Choice(
    "pool", "An id that GET /pools lists; your default pool without it.",
    lambda account: [pool.id for pool in account.pools_in_reach],
)  # fmt: skip
LIMIT: Final = Integer(
    "limit", "How many domains to list.", lambda _: (1, MOST_USAGE), DEFAULT_USAGE
)

ORDER: Final[tuple[Integer | Choice, ...]] = (
    POOL, COUNTRY, QUANTITY, PROXY_TYPE, SESSION, STATE, FORMAT,
)  # fmt: skip
"""The body of an order, in the order of the reference."""
