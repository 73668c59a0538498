"""What `rf doctor` says of an account and a machine: rules over facts that others gathered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from rf_core import variables
from rf_core.leaks import KINDS, Leak
from rf_core.models import Account, Discovery
from rf_core.redaction import Secret, mask_key, printable
from rf_core.snapshot import Headroom
from rf_core.specification import differences
from rf_core.troubles import MISSED_BY_SCOPE, SKEW_SECONDS
from rf_core.units import format_bytes, format_seconds

Level = Literal["ok", "warning", "failed"]

_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        area: What was looked at; a row of :data:`AREAS`.
        text: One sentence.
        way_out: What to do about it, or "".
    """

    area: str
    level: Level
    text: str
    way_out: str = ""


AREAS: Final[Mapping[str, str]] = {
    "environment": "variables that begin with `RF_` and mean nothing, with the nearest that does",
    "settings": "`config.toml`, the profile, the API's address",
    "key": "whether there is one, white space around it, whether it is whole",
    "state": "whether the folder and `state.db` in it are private and can be written",
    "cache": "the same of the folder that discovery is cached in",
    "account": "whether the API takes the key, and whether it means the same key",
    "scopes": "what the key may do, and what is missed without",
    "clock": "this machine's clock against the API's",
    "pools": "what discovery lists, and which pools are empty",
    "windows": "what is left of both rate-limit windows, and whether strangers use the key",
    "api": "the OpenAPI document that is served against what this version knows",
    "gateway": "whether gateways can be reached, by the ports of orders that are kept here",
    "project": "with `--project DIR`: every rule of `scrapy rf check`",
    "leaks": "with `--leaks DIR`: keys and proxy credentials in files",
}
"""Area → what is looked at, in this order."""


def environment(names: Sequence[str]) -> list[Check]:
    """Judge the names of the environment's variables."""
    strangers = variables.unknown(names)
    if not strangers:
        known = sum(name in variables.VARIABLES for name in names)
        return [Check("environment", "ok", f"{_count(known, 'variable')} of ours, none misspelt.")]
    return [
        Check(
            "environment",
            "warning",
            f"{printable(name, 60)} is set and means nothing.",
            f"Did you mean {nearest}?" if nearest else "Unset it.",
        )
        for name, nearest in strangers.items()
    ]


def key(secret: Secret, source: str, warnings: Sequence[str]) -> list[Check]:
    """Judge a key by its looks.

    Args:
        source: Where it came from, as `RF_API_KEY`.
    """
    checks = [Check("key", "ok", f"{mask_key(secret)}, from {source}.")]
    way_out = f"Take it off where it is set: {source}."
    return checks + [Check("key", "warning", warning, way_out) for warning in warnings]


def account(found: Account, secret: Secret) -> list[Check]:
    """Judge what `/me` says of the key (C-023, C-105)."""
    name = f"“{printable(found.key_name, 60)}”" if found.key_name else "without a name"
    who = printable(found.username, 60)
    checks = [Check("account", "ok", f"The API takes the key: {who}, key {name}.")]
    shown = secret.reveal()
    other = [
        f"{what} {printable(said, 20)}"
        for what, said, agrees in (
            ("begins with", found.key_prefix, shown.startswith(found.key_prefix)),
            ("ends in", found.key_last4, shown.endswith(found.key_last4)),
        )
        if said and not agrees
    ]
    if other:
        text = f"The API says that this key {' and '.join(other)}; ours is {mask_key(secret)}."
        checks.append(Check("account", "warning", text, "Check which key is set."))
    return checks


def scopes(found: Account) -> list[Check]:
    """Judge what the key may do (C-014, C-018)."""
    missing = [scope for scope in MISSED_BY_SCOPE if scope not in found.scopes]
    way_out = "Scopes are fixed when a key is made: make a new one that has it."
    if not missing:
        listed = ", ".join(printable(scope, 40) for scope in found.scopes)
        return [Check("scopes", "ok", f"{listed}.")]
    return [
        Check("scopes", "warning", f"{scope} is missing: {MISSED_BY_SCOPE[scope]}", way_out)
        for scope in missing
    ]


def clock(skew_seconds: float | None) -> Check:
    """Judge how far the API's clock is ahead of ours, by the `Date` of an answer."""
    if skew_seconds is None:
        return Check("clock", "ok", "The API sends no usable Date to compare with.")
    apart = abs(skew_seconds)
    if apart <= SKEW_SECONDS:
        return Check("clock", "ok", f"Within {format_seconds(max(1.0, apart))} of the API's.")
    side = "behind" if skew_seconds > 0 else "ahead of"
    return Check(
        "clock",
        "warning",
        f"This machine's clock is {format_seconds(apart)} {side} the API's.",
        "Set it. Rate limits are kept by another clock and stay right; times shown are wrong.",
    )


def pools(found: Discovery, balances: Mapping[str, int]) -> list[Check]:
    """Judge what can be ordered, and with what (C-068, C-104)."""
    if not found.pools:
        way_out = "Look at the account in the dashboard: it may need a plan or a top-up."
        return [Check("pools", "failed", "This key has no pools.", way_out)]
    names = _listing([pool.id for pool in found.pools])
    countries = _count(len(found.targeting.countries), "country", "countries")
    checks = [Check("pools", "ok", f"{names}; {countries}.")]
    for pool, left in balances.items():
        shown = printable(pool, 60)
        if left <= 0:
            text = f"Pool {shown} is empty: orders from it get demo credentials."
            checks.append(Check("pools", "warning", text, "Top it up in the dashboard."))
        else:
            checks.append(Check("pools", "ok", f"{shown} has {format_bytes(left)}."))
    return checks


def windows(found: Sequence[Headroom]) -> list[Check]:
    """Judge what is left of the windows (C-121, C-132)."""
    checks = []
    for window in found:
        text = f"{window.group}: {window.free} of {window.limit} calls are free."
        if window.foreign:
            checks.append(
                Check(
                    "windows",
                    "warning",
                    f"{text} {window.foreign} were made by strangers with this key.",
                    "Give every machine a key of its own; if you know no other, revoke this one.",
                )
            )
        else:
            checks.append(Check("windows", "ok", text))
    return checks


def api(document: Mapping[str, Any]) -> list[Check]:
    """Judge a served OpenAPI document by what we know (C-004, C-147)."""
    found = differences(document)
    if found is None:
        return [no_api("what is served there is no OpenAPI document")]
    info = document.get("info")
    version = printable(str(info.get("version", "")), 40) if isinstance(info, dict) else ""
    of = f" (its version: {version})" if version else ""
    checks = []
    if found.gone:
        text = f"The served OpenAPI document{of} does not list any more: {_listing(found.gone)}."
        way_out = "The API may have changed: look for a newer version of this program."
        checks.append(Check("api", "warning", text, way_out))
    else:
        text = f"The served OpenAPI document{of} lists everything that is used here."
        checks.append(Check("api", "ok", text))
    if found.new:
        text = f"New there, and not used by this version: {_listing(found.new)}."
        checks.append(Check("api", "ok", text))
    return checks


def no_api(why: str) -> Check:
    """Say that there is nothing to compare."""
    text = f"The OpenAPI document cannot be compared: {why}."
    return Check("api", "warning", text, "Nothing depends on it; it only warns of changes early.")


def gateway(host: str, port: int, trouble: str | None, *, milliseconds: float = 0.0) -> Check:
    """Say whether a gateway takes connections at the port that an order told (C-079)."""
    where = f"{printable(host, 120)}:{port}"
    if trouble is None:
        return Check("gateway", "ok", f"{where} takes connections, in {milliseconds:.0f} ms.")
    text = f"{where} takes no connection: {printable(trouble, 120)}."
    return Check("gateway", "failed", text, "Check the network, and whether a firewall bars it.")


def gateway_name(host: str, addresses: int | None, trouble: str = "") -> Check:
    """Say what is known of a gateway whose port no order has told yet."""
    where = printable(host, 120)
    if addresses is None:
        text = f"The name {where} does not resolve: {printable(trouble, 120)}."
        return Check("gateway", "failed", text, "Check the network and its DNS.")
    found = _count(addresses, "address", "addresses")
    text = f"{where} has {found}; whether it takes connections is not known before an order."
    return Check("gateway", "ok", text)


def leaks(found: Mapping[str, Sequence[Leak]]) -> list[Check]:
    """Name each file that holds secrets, and what kind they are of."""
    return [
        Check(
            "leaks",
            "failed",
            f"{printable(file, 300)} holds {KINDS[leak.kind][0]}"
            + ("." if leak.written == "plain" else f", written in {leak.written}."),
            KINDS[leak.kind][1],
        )
        for file, listed in found.items()
        for leak in listed
    ]


def leak_summary(files: int, count: int, unread: int, *, is_whole: bool, leaky: int) -> list[Check]:
    """Say how much was looked at, so that finding nothing means something."""
    looked = f"{_count(files, 'file')} ({format_bytes(count)}) looked through"
    checks = []
    if not leaky:
        checks.append(Check("leaks", "ok", f"{looked}: no key and no credential in any."))
    if unread:
        text = f"{_count(unread, 'file')} could not be read."
        checks.append(Check("leaks", "warning", text, "Run it as a user who can read them."))
    if not is_whole:
        way_out = "Look through its folders one by one."
        checks.append(Check("leaks", "warning", f"Only {looked}: there are more.", way_out))
    return checks


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name, 120) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{shown}{more}"
