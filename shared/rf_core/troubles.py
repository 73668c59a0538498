"""What stands in the way, as the poller notes it and as a person reads it.

A trouble is noted once, with the time it began; the sentence is made when it is shown, because it
says how old the data is by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rf_core.alert import Alert
from rf_core.errors import (
    AccountDisabledError,
    DeadlineError,
    InsufficientScopeError,
    InternalError,
    RateLimitedError,
    ResiFactoryError,
    StateError,
    TransportError,
    UnauthorizedError,
)
from rf_core.parts import BALANCE, DISCOVERY, USAGE
from rf_core.redaction import printable, redact
from rf_core.snapshot import Finding, Severity
from rf_core.units import format_seconds


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        code: A row of :data:`FINDINGS`.
        about: What it is about (a scope, a pool, a crawl), part of its identity; or "".
        detail: A sentence of whoever met it, or "".
        since: Unix seconds when it was first met.
    """

    code: str
    since: float
    about: str = ""
    detail: str = ""


FINDINGS: Final[Mapping[str, tuple[Severity, str, str]]] = {
    "key_refused": (
        "error",
        "The API refused the key {key} (401): it is unknown or revoked.",
        "Set another key and start again; if this one should work, press r or run `rf me`.",
    ),
    "account_disabled": (
        "error",
        "The account is suspended (403).",
        "Contact the provider's support.",
    ),
    "demo_credentials": (
        "error",
        "Pool {about} is empty: orders from it get demo credentials, which do not work.",
        "Top it up in the dashboard.",
    ),
    "state_unusable": ("error", "{detail}", ""),
    "api_unreachable": (
        "error",
        "{detail} {age}",
        "Check the network and RF_BASE_URL; it is asked again by itself.",
    ),
    "api_failing": ("error", "{detail} {age}", "It is asked again by itself."),
    "api_unclear": (
        "error",
        "{detail} {age}",
        "The API may have changed: look for a newer version of this program.",
    ),
    "alert_pace": (
        "warning",
        "{detail}",
        "Top it up, or slow a crawl down; `rf alerts acknowledge` silences this.",
    ),
    "alert_level": ("warning", "{detail}", "Top it up; `rf alerts acknowledge` silences this."),
    "alert_foreign": (
        "warning",
        "{detail}",
        "If it is nobody of yours, make new credentials; `rf alerts acknowledge` silences this.",
    ),
    "alert_untold": (
        "warning",
        "The alert on pool {about} was not told: {detail}",
        "Mend `command` of the profile's alerts.",
    ),
    "rate_limited": (
        "warning",
        "The reads window of this key is full. {age}",
        "`rf limits` shows who uses it; it is asked again by itself.",
    ),
    "scope_missing": (
        "warning",
        "The key lacks the scope {about}: {detail}",
        "Scopes are fixed when a key is made: make a new one that has it.",
    ),
    "clock_skew": (
        "warning",
        "This machine's clock and the API's are {detail} apart.",
        "Set the clock; windows are kept by another one and stay right.",
    ),
    "other_key": (
        "warning",
        "The API says that this key ends in {about}, ours is {key}.",
        "Check which key is set.",
    ),
    "state_renewed": (
        "warning",
        "{about} was deleted or replaced under way; the one that is there now is in use.",
        "Running crawls book all of theirs again; to have the rest back, stop everything first.",
    ),
    "state_newer": (
        "warning",
        "A newer version of this program has changed {about}.",
        "Start this one again, in the newer version: it may not understand all of it.",
    ),
    "cache_unusable": (
        "warning",
        "{detail}",
        "Everything works, but pools are asked for at each start.",
    ),
    "crawl_lost": (
        "warning",
        "Crawl {about} ended without saying so: its process is gone.",
        "Its log says why; its bytes up to the last report are counted.",
    ),
    "settings": ("info", "{detail}", ""),
}
"""Code → severity, sentence, way out: every finding there is. Most serious first."""

SKEW_SECONDS: Final = 60.0
"""Clocks that are no further apart than that are right enough."""

_UNCLEAR: Final = "api_unclear"
_SCOPE: Final = "scope_missing"
_DISPROVED: Final = frozenset(
    {"key_refused", "account_disabled", "api_unreachable", "api_failing", "rate_limited"}
)
"""Codes that any good answer disproves."""

_CODE_BY_ERROR: Final[tuple[tuple[type[ResiFactoryError], str], ...]] = (
    (UnauthorizedError, "key_refused"),
    (AccountDisabledError, "account_disabled"),
    (InsufficientScopeError, "scope_missing"),
    (RateLimitedError, "rate_limited"),
    (DeadlineError, "rate_limited"),
    (TransportError, "api_unreachable"),
    (InternalError, "api_failing"),
    (StateError, "state_unusable"),
)
"""What an error of a call is to whoever watches; any other is `api_unclear`."""

MISSED_BY_SCOPE: Final[Mapping[str, str]] = {
    "usage:read": "domains cannot be shown, and balances come from the identity check.",
    "pools:read": "pools and targeting values cannot be listed.",
    "proxies:generate": "it cannot order proxies.",
}

_SCOPE_BY_PART: Final[Mapping[str, str]] = {
    DISCOVERY: "pools:read",
    BALANCE: "usage:read",
    USAGE: "usage:read",
}


def trouble_of(error: ResiFactoryError, part: str, *, now: float) -> Trouble:
    """Name what an error of a call for a part means for whoever watches."""
    detail = printable(redact(error.message), 300)
    code = next((code for kind, code in _CODE_BY_ERROR if isinstance(error, kind)), _UNCLEAR)
    if isinstance(error, InsufficientScopeError):
        missed = MISSED_BY_SCOPE.get(error.scope, "some things cannot be shown.")
        return Trouble(code, now, about=error.scope, detail=missed)
    if isinstance(error, StateError):
        return Trouble(code, now, detail=str(error))
    return Trouble(code, now, about=part if code == _UNCLEAR else "", detail=detail)


def merged(known: Sequence[Trouble], new: Trouble) -> tuple[Trouble, ...]:
    """Add a trouble; one that was known keeps the time it began."""
    same = [old for old in known if (old.code, old.about) == (new.code, new.about)]
    kept = tuple(old for old in known if old not in same)
    since = min([new.since, *(old.since for old in same)])
    return (*kept, Trouble(new.code, since, new.about, new.detail))


def cured(known: Sequence[Trouble], part: str) -> tuple[Trouble, ...]:
    """Leave out what an answer to a call for this part disproves."""
    disproved = {(_UNCLEAR, part), (_SCOPE, _SCOPE_BY_PART.get(part, part))}
    return tuple(
        trouble
        for trouble in known
        if trouble.code not in _DISPROVED and (trouble.code, trouble.about) not in disproved
    )


def alert_troubles(alerts: Sequence[Alert]) -> tuple[Trouble, ...]:
    """Return what alerts that nobody has acknowledged mean for whoever watches."""
    found = []
    for alert in alerts:
        if alert.is_on and alert.acknowledged_at is None:
            found.append(Trouble(f"alert_{alert.kind}", alert.since, alert.pool, alert.text))
            if alert.outcome:
                found.append(Trouble("alert_untold", alert.since, alert.pool, alert.outcome))
    return tuple(found)


def barred(known: Sequence[Trouble]) -> frozenset[str]:
    """Name the parts that the key has no scope for; it never gets one (C-014)."""
    missing = {trouble.about for trouble in known if trouble.code == _SCOPE}
    return frozenset(part for part, scope in _SCOPE_BY_PART.items() if scope in missing)


def skewed(known: Sequence[Trouble], skew_seconds: float | None, now: float) -> tuple[Trouble, ...]:
    """Say that the clocks are apart, or not any more, by what the newest answer shows.

    Args:
        skew_seconds: How far the API's clock is ahead, or None when it did not say.
    """
    left = tuple(trouble for trouble in known if trouble.code != "clock_skew")
    if skew_seconds is None or abs(skew_seconds) <= SKEW_SECONDS:
        return left
    since = min([now, *(trouble.since for trouble in known if trouble.code == "clock_skew")])
    return (*left, Trouble("clock_skew", since, detail=format_seconds(abs(skew_seconds))))


def findings(
    troubles: Sequence[Trouble], *, now: float, key: str, balance_at: float | None
) -> tuple[Finding, ...]:
    """Say each trouble in words, most serious first.

    Args:
        key: The masked key.
        balance_at: When balances were last read, or None.
    """
    age = (
        "Nothing has been read yet."
        if balance_at is None
        else f"Balances are {format_seconds(max(0.0, now - balance_at))} old."
    )
    order = list(FINDINGS)
    said = []
    for trouble in sorted(troubles, key=lambda trouble: order.index(trouble.code)):
        severity, sentence, way_out = FINDINGS[trouble.code]
        text = sentence.format(
            key=key, about=printable(trouble.about, 80), detail=trouble.detail, age=age
        )
        said.append(Finding(severity, trouble.code, text.strip(), way_out, trouble.since))
    return tuple(said)
