"""The open questions of the API, each a switch: how this sandbox reads what nobody wrote down.

One table, the fields of `Switches`: names, readings, profiles, the control API's answers and the
reference pages are all made from it. The first reading is that of the profile `documented`.
"""

from __future__ import annotations

import math
from dataclasses import Field, dataclass, field, fields
from typing import Any, Final

PROFILES: Final = ("documented", "adverse")
_YES: Final = "yes"
_NO: Final = "no"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one switch: its contract id, its readings, and that of `adverse`."""

    name: str
    contract: str
    question: str
    readings: tuple[str, ...]
    adverse: str | float
    span: tuple[float, float] | None = None

    def read(self, value: object) -> str | float:
        """Read a value as people write it: a reading, its number, or true and false.

        Raises:
            ValueError: it is none; says which there are.
        """
        if self.span is not None:
            return self._number(value, *self.span)
        if isinstance(value, bool):
            value = self._yes_or_no(value=value)
        text = str(value)
        if text not in self.readings:
            message = f"{self.name} is one of {', '.join(self.readings)}; not {text!r}"
            raise ValueError(message)
        return text

    def _yes_or_no(self, *, value: bool) -> object:
        """True is yes, or the other reading of a switch that has but two."""
        if _YES in self.readings:
            return _YES if value else _NO
        return self.readings[value] if len(self.readings) == 2 else value  # noqa: PLR2004

    def _number(self, value: object, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            value = math.nan
        if not low <= value <= high:
            message = f"{self.name} is a number from {low:g} to {high:g}"
            raise ValueError(message)
        return float(value)


def _one_of(contract: str, question: str, *readings: str, adverse: str | None = None) -> Any:
    facts = (contract, question, readings, adverse or readings[-1], None)
    return field(default=readings[0], metadata={"facts": facts})


def _seconds(contract: str, question: str, low: float, high: float, adverse: float = 0.0) -> Any:
    facts = (contract, question, (), adverse, (low, high))
    return field(default=0.0, metadata={"facts": facts})


@dataclass(slots=True)
class Switches:
    """How the sandbox reads the open questions at the moment. Changed live."""

    # Transport and access
    plaintext: str = _one_of(
        "C-003", "what a plaintext call gets", "served", "403", "301", "close", adverse="served"
    )
    openapi_auth: str = _one_of("C-005", "whether openapi.json needs a key", _NO, _YES)
    disabled_only_proxies: str = _one_of(
        "C-020", "whether a suspended account is refused at POST /proxies only", _NO, _YES
    )
    precedence: str = _one_of(
        "C-021", "which error is told when several apply", "documented", "shuffled"
    )
    # Orders
    empty_body: str = _one_of("C-032", "an order without a body", "accepted", "400")
    unknown_fields: str = _one_of("C-034", "fields that nobody documented", "ignore", "400")
    default_pool: str = _one_of("C-036", "the pool of an order without one", "first", "last")
    country_omitted: str = _one_of(
        "C-038", "the country of an order without one", "null", "absent", "empty"
    )
    type_mismatch: str = _one_of("C-042", "a type that the pool does not offer", "400", "404")
    session_range_on_rotating: str = _one_of(
        "C-045", "a session's length on a rotating order", "ignore", "400"
    )
    state_case: str = _one_of("C-048", "a state in lower case", "400", "accepted")
    excluded_country: str = _one_of(
        "C-051", "a country that is listed and not to be had in the pool", "400", "409"
    )
    # Batches
    trailing_newline: str = _one_of("C-062", "whether a list ends in a line feed", _NO, _YES)
    hostile_passwords: str = _one_of("C-063", "whether passwords hold : @ / % #", _NO, _YES)
    short_count: str = _one_of(
        "C-066, C-067", "how many lines come", "full", "fewer", "wrong", adverse="fewer"
    )
    demo_scope: str = _one_of("C-069", "whose zero balance makes demo lines", "pool", "account")
    demo_status: str = _one_of("C-070", "what the gateway answers to demo lines", "407", "403")
    rotating_same_username: str = _one_of(
        "C-072", "whether a rotating order repeats one line", _NO, _YES
    )
    opaque_names: str = _one_of("C-073", "whether user names tell nothing", _NO, _YES)
    # Reads
    integral_balances: str = _one_of("C-091", "how 6.0000 is written", "6.0", "6")
    balance_sets_differ: str = _one_of(
        "C-093", "whether /balance lists a pool that /pools and /me do not", _NO, _YES
    )
    empty_balance: str = _one_of(
        "C-094",
        "the balance of a pool that is used up",
        "exact",
        "negative",
        "null",
        adverse="negative",
    )
    usage_window: str = _one_of(
        "C-097", "how far back usage goes", "cumulative", "trailing_24h", "since_midnight"
    )
    usage_domain_form: str = _one_of("C-100", "what a domain is", "host", "registrable")
    etag: str = _one_of("C-103", "whether /pools has an ETag and knows 304", _NO, _YES)
    # Rate limits
    headers_on_401: str = _one_of("C-123", "RateLimit headers for nobody's call", "full", "absent")
    reset_form: str = _one_of(
        "C-124", "what RateLimit-Reset counts", "epoch", "epoch_ms", "delta", adverse="epoch_ms"
    )
    clock_skew_seconds: float = _seconds(
        "C-124", "how far the provider's clock is off", -86_400, 86_400, adverse=3_600
    )
    reset_means: str = _one_of("C-125", "when a rolling window resets", "oldest_leaves", "all_left")
    count_rejected: str = _one_of("C-128", "whether a 429 counts", _NO, _YES)
    count_errors: str = _one_of("C-128", "whether 400, 403 and 404 count", _YES, _NO, adverse=_YES)
    # Errors and versions
    new_codes: str = _one_of("C-142", "whether new conditions have codes of their own", _NO, _YES)
    messages: str = _one_of("C-144", "the wording of errors", "documented", "reworded")
    extra_fields: str = _one_of("C-147", "whether answers hold undocumented fields", _NO, _YES)
    deprecation: str = _one_of("C-149", "whether Deprecation and Sunset are sent", _NO, _YES)
    not_found_body: str = _one_of("C-150", "the body of a 404 on no endpoint", "envelope", "html")
    request_id: str = _one_of("C-151", "whether x-request-id is sent", _YES, _NO)
    # Gateway and meter
    session_start: str = _one_of(
        "C-164",
        "when a session's clock starts",
        "first_use",
        "generation",
        "sliding",
        adverse="generation",
    )
    revoke_kills_proxies: str = _one_of(
        "C-165", "whether credentials die with the key that made them", _NO, _YES
    )
    metering: str = _one_of("C-167", "which bytes are billed", "wire", "after_connect", "payload")
    refusals: str = _one_of("C-167", "what the gateway's own refusals cost", "free", "billed")
    exhausted_status: str = _one_of(
        "C-168",
        "the gateway's answer on an empty pool",
        "402",
        "407",
        "452",
        "403",
        adverse="407",
    )
    meter_lag_seconds: float = _seconds(
        "C-170", "how late the API's meter is", 0, 86_400, adverse=5
    )
    meter_cadence_seconds: float = _seconds(
        "C-170", "how often the API's meter moves", 0, 86_400, adverse=2
    )

    def set(self, **values: object) -> None:
        """Change some, all or none.

        Raises:
            ValueError: no such switch, or no such reading; says which there are.
        """
        if unknown := sorted(set(values) - set(READINGS)):
            message = f"unknown: {', '.join(unknown)}; known: {', '.join(READINGS)}"
            raise ValueError(message)
        read = {name: READINGS[name].read(value) for name, value in values.items()}
        for name, value in read.items():
            setattr(self, name, value)

    def document(self) -> dict[str, str | float]:
        """Every switch with its reading."""
        return {name: getattr(self, name) for name in READINGS}


def _facts_of(known: Field[Any]) -> Reading:
    return Reading(known.name, *known.metadata["facts"])


READINGS: Final = {known.name: _facts_of(known) for known in fields(Switches)}
"""Name → everything about a switch."""


def of_profile(profile: str) -> Switches:
    """Return the switches of `documented` or `adverse`.

    Raises:
        ValueError: no such profile.
    """
    if profile not in PROFILES:
        message = f"a profile is one of {', '.join(PROFILES)}; not {profile!r}"
        raise ValueError(message)
    switches = Switches()
    if profile == "adverse":
        switches.set(**{name: facts.adverse for name, facts in READINGS.items()})
    return switches
