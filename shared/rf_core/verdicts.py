"""What follows from every refusal: one table of who refused, what was wrong, and what to do.

Whoever meets a refusal names it (:class:`Who`, :class:`What`), asks :func:`judge`, and does what
the rule says. The reference page is drawn from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rf_core.errors import (
    AccountDisabledError,
    DeadlineError,
    DemoCredentialsError,
    InsufficientScopeError,
    InvalidRequestError,
    OrderError,
    PoolNotAvailableError,
    RateLimitedError,
    ResiFactoryError,
    SettingsError,
    StateError,
    TransportError,
    UnauthorizedError,
)
from rf_core.refusals import Cause, Refusal


class Who(StrEnum):
    """Who refused."""

    API = "the API"
    CONNECT = "the gateway, at CONNECT"
    PLAIN = "the gateway, on plain http"
    TARGET = "the target"
    NETWORK = "the network"
    TLS = "TLS"
    OURSELVES = "the add-on itself"


class What(StrEnum):
    """What was wrong, beyond the causes that a gateway has (:class:`~rf_core.refusals.Cause`)."""

    SUSPENDED = "suspended"
    SCOPE = "scope"
    INVALID = "invalid"
    SETTINGS = "settings"
    SLOWER = "slower"
    STALLED = "stalled"
    BANNED = "ban"
    CLOSED = "closed"
    TRUNCATED = "truncated"
    HANDSHAKE = "handshake"
    UNSUPPORTED = "unsupported"
    TARGETING = "targeting"
    NO_PROXY = "no_proxy"
    SPENT = "spent"
    FLOOR = "floor"


class Action(StrEnum):
    """What to do about it."""

    WAIT = "wait and send it again"
    BACK_OFF = "leave that domain alone for a while, and no other"
    NEW_EXIT = "another exit, and not this one for that domain"
    NEW_CREDENTIAL = "never use that credential again; the request goes out on another"
    RETRY = "leave it to Scrapy's own retry (`RETRY_TIMES`)"
    REORDER = "order again"
    STOP = "end the crawl"
    GIVE_UP = "do not send it again; the errback is told why"
    HAND_ON = "hand the answer on"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    Attributes:
        meaning: What happened, for people.
        times: How often the action is taken for one request: a number, or the setting that says
            it; None is as often as it happens.
        then: What is done after that.
        keeps_session: Whether an `rf_session` goes on with the same exit. Where the exit may be
            another one afterwards it does not: its key begins anew, with an empty jar.
        reason: Why the crawl ends, when it does.
    """

    who: Who
    what: Cause | What
    meaning: str
    action: Action
    times: int | str | None = None
    then: Action = Action.GIVE_UP
    keeps_session: bool = True
    reason: str = ""

    @property
    def name(self) -> str:
        """How it is counted: `gateway_auth`; the gateway's two ways of saying no are one."""
        return f"{_SHORT[self.who]}_{self.what}"


_SHORT: Final[Mapping[Who, str]] = {
    Who.API: "api",
    Who.CONNECT: "gateway",
    Who.PLAIN: "gateway",
    Who.TARGET: "target",
    Who.NETWORK: "network",
    Who.TLS: "tls",
    Who.OURSELVES: "own",
}

WAITS: Final = 8
"""How often one request waits for a gateway that is busy or away."""

_EXITS_AWAITED: Final = 4
_OTHER_CREDENTIALS: Final = 5
_REORDERS: Final = 3


def _gateway(who: Who) -> tuple[Rule, ...]:
    # fmt: off
    return (
        Rule(who, Cause.AUTH, "user name or password refused (407): expired, revoked, unknown",
             Action.NEW_CREDENTIAL, _OTHER_CREDENTIALS, keeps_session=False),
        Rule(who, Cause.DEMO, "a credential that does not work, by the gateway's own word",
             Action.NEW_CREDENTIAL, _OTHER_CREDENTIALS, keeps_session=False),
        Rule(who, Cause.EXHAUSTED, "the pool's balance is used up (402, 452, 509, 407 with that "
             "reason)", Action.STOP, reason="rf_balance_exhausted"),
        Rule(who, Cause.LIMITED, "too many at once (429)", Action.WAIT, WAITS),
        Rule(who, Cause.BLOCKED, "the target is not allowed (403)", Action.GIVE_UP),
        Rule(who, Cause.NO_NAME, "the target's name does not resolve", Action.RETRY),
        Rule(who, Cause.NO_EXIT, "no exit is free (503, 525)", Action.WAIT, _EXITS_AWAITED,
             Action.RETRY, keeps_session=False),
        Rule(who, Cause.DROPPED, "the exit has gone, or cannot reach the target (502)",
             Action.RETRY, keeps_session=False),
        Rule(who, Cause.TIMEOUT, "the target, or the gateway, took too long (504, 522)",
             Action.RETRY),
        Rule(who, Cause.UNREACHABLE, "nobody listens at the gateway's address", Action.WAIT, WAITS,
             Action.RETRY),
        Rule(who, Cause.HUNG_UP, "the connection ended without an answer", Action.RETRY),
        Rule(who, Cause.OTHER, "any other status, or what is no HTTP", Action.RETRY),
    )
    # fmt: on


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule(Who.API, Cause.AUTH, "the key is unknown or revoked (401)", Action.STOP,
         reason="rf_key_refused"),
    Rule(Who.API, What.SUSPENDED, "the account is suspended", Action.STOP,
         reason="rf_key_refused"),
    Rule(Who.API, What.SCOPE, "the key may not generate proxies", Action.STOP,
         reason="rf_key_refused"),
    Rule(Who.API, Cause.DEMO, "demo credentials came: the pool has no balance", Action.STOP,
         reason="rf_demo_credentials"),
    Rule(Who.API, What.INVALID, "the order cannot be filled: pool, targeting, type", Action.STOP,
         reason="rf_settings"),
    Rule(Who.API, Cause.LIMITED, "the rate-limit window is full (429)", Action.WAIT,
         reason="rf_no_proxies"),
    Rule(Who.API, Cause.UNREACHABLE, "no answer came", Action.REORDER, _REORDERS, Action.STOP,
         reason="rf_no_proxies"),
    Rule(Who.API, Cause.OTHER, "the server's own trouble, or an answer that makes no sense",
         Action.REORDER, _REORDERS, Action.STOP, reason="rf_no_proxies"),
    *_gateway(Who.CONNECT),
    *_gateway(Who.PLAIN),
    Rule(Who.TARGET, What.SLOWER, "a status of `RF_BACKOFF_HTTP_CODES`", Action.BACK_OFF,
         "RF_BACKOFF_RETRY_TIMES", Action.HAND_ON),
    Rule(Who.TARGET, What.STALLED, "that, for longer than `RF_BACKOFF_STALL`", Action.GIVE_UP),
    Rule(Who.TARGET, What.BANNED, "a status of `RF_BAN_HTTP_CODES`, or `RF_BAN_POLICY` says so",
         Action.NEW_EXIT, "RF_BAN_RETRY_TIMES", Action.HAND_ON, keeps_session=False),
    Rule(Who.NETWORK, Cause.TIMEOUT, "no answer within `DOWNLOAD_TIMEOUT`", Action.RETRY),
    Rule(Who.NETWORK, What.CLOSED, "the connection ended before the answer", Action.RETRY),
    Rule(Who.NETWORK, What.TRUNCATED, "the answer ended before its end", Action.RETRY),
    Rule(Who.NETWORK, Cause.OTHER, "anything else that a download handler raises", Action.RETRY),
    Rule(Who.TLS, What.HANDSHAKE, "the handshake with the target failed", Action.RETRY),
    Rule(Who.OURSELVES, What.SETTINGS, "a setting, the key or the state cannot be used",
         Action.STOP, reason="rf_settings"),
    Rule(Who.OURSELVES, What.UNSUPPORTED, "the request asks for what is not there: meta, scheme",
         Action.GIVE_UP),
    Rule(Who.OURSELVES, What.TARGETING, "the request asks for a pool, country, … that is not to be "
         "had", Action.GIVE_UP),
    Rule(Who.OURSELVES, What.NO_PROXY, "no proxy is left, and `RF_ALLOW_DIRECT` is off",
         Action.GIVE_UP),
    Rule(Who.OURSELVES, What.SPENT, "the next request could reach beyond `RF_BUDGET`",
         Action.STOP, reason="rf_budget_spent"),
    Rule(Who.OURSELVES, What.FLOOR, "the next request could reach below `RF_FLOOR`",
         Action.STOP, reason="rf_floor_reached"),
)
# fmt: on

_BY_CASE: Final[Mapping[tuple[Who, str], Rule]] = {(rule.who, rule.what): rule for rule in RULES}


def judge(who: Who, what: Cause | What) -> Rule:
    """Return the rule for a refusal."""
    return _BY_CASE[who, what]


def of_refusal(refusal: Refusal) -> Rule:
    """Return the rule for what the gateway refused."""
    return judge(Who.CONNECT if refusal.tunnel else Who.PLAIN, refusal.cause)


def wait_seconds(refusal: Refusal, waits: int) -> float:
    """How long to wait for a gateway: what it asked for, or each time twice as long.

    Args:
        waits: How often the request has waited, this time included.
    """
    asked = float(refusal.retry_after) if refusal.retry_after.isdecimal() else 0.0
    return min(60.0, max(asked, 2.0 ** (waits - 1)))


def of_error(error: ResiFactoryError) -> Rule:
    """Return the rule for what stood in the way of an order."""
    return next(judge(*case) for kind, case in _BY_ERROR if isinstance(error, kind))


_BY_ERROR: Final[tuple[tuple[type[ResiFactoryError], tuple[Who, Cause | What]], ...]] = (
    (SettingsError, (Who.OURSELVES, What.SETTINGS)),
    (StateError, (Who.OURSELVES, What.SETTINGS)),
    (OrderError, (Who.API, What.INVALID)),
    (InvalidRequestError, (Who.API, What.INVALID)),
    (PoolNotAvailableError, (Who.API, What.INVALID)),
    (UnauthorizedError, (Who.API, Cause.AUTH)),
    (AccountDisabledError, (Who.API, What.SUSPENDED)),
    (InsufficientScopeError, (Who.API, What.SCOPE)),
    (DemoCredentialsError, (Who.API, Cause.DEMO)),
    (RateLimitedError, (Who.API, Cause.LIMITED)),
    (DeadlineError, (Who.API, Cause.LIMITED)),
    (TransportError, (Who.API, Cause.UNREACHABLE)),
    (ResiFactoryError, (Who.API, Cause.OTHER)),
)
