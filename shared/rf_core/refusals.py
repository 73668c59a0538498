"""Why a request was refused on its way through the gateway, by what the gateway said.

Providers answer the same trouble with different statuses (C-168, C-169), so the tables below name
the cause, and :mod:`rf_core.verdicts` decides by cause. A refusal gets a token that travels in the
reason phrase of the relay's answer; whatever a download handler makes of that answer, the token
finds the full record again.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TOKEN: Final = re.compile(r"relay-failure=(\d+)")

REFUSAL_HEADER: Final = "Relay-Failure"
"""Header of the relay's own answer to a plain http request that the gateway refused."""

_KEPT: Final = 4_096


class Cause(StrEnum):
    """Why a request did not get past the gateway."""

    AUTH = "auth"
    DEMO = "demo"
    EXHAUSTED = "exhausted"
    LIMITED = "limited"
    BLOCKED = "blocked"
    NO_NAME = "no_name"
    NO_EXIT = "no_exit"
    DROPPED = "dropped"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    HUNG_UP = "hung_up"
    OTHER = "other"


OF_ALL_TARGETS: Final = frozenset({Cause.AUTH, Cause.DEMO, Cause.EXHAUSTED})
"""What is said of a credential or a pool, whichever target the request was for."""

OWN_BYTES: Final = 16 * 1024
"""A gateway's own answer to a plain request is no longer than that; a longer one is a target's."""

_CAUSES: Final[Mapping[int, Cause]] = {
    402: Cause.EXHAUSTED,
    403: Cause.BLOCKED,
    407: Cause.AUTH,
    429: Cause.LIMITED,
    452: Cause.EXHAUSTED,
    502: Cause.DROPPED,
    503: Cause.NO_EXIT,
    504: Cause.TIMEOUT,
    509: Cause.EXHAUSTED,
    522: Cause.TIMEOUT,
    525: Cause.NO_EXIT,
}

_EMPTY = re.compile(r"(?i)\b(balance|traffic|quota|bandwidth)\b|exhaust|insufficient|top.?up")

_DEMO = re.compile(r"(?i)\bdemo\b")

_SAID: Final[tuple[tuple[re.Pattern[str], frozenset[Cause], Cause], ...]] = (
    (_DEMO, frozenset({Cause.AUTH, Cause.BLOCKED}), Cause.DEMO),
    (_EMPTY, frozenset({Cause.AUTH, Cause.BLOCKED}), Cause.EXHAUSTED),
    (
        re.compile(r"\berror=\"?dns_(error|timeout)\b"),
        frozenset({Cause.DROPPED, Cause.NO_EXIT, Cause.TIMEOUT}),
        Cause.NO_NAME,
    ),
)
"""What a reason header says, of which causes by status it is believed, and what it makes of them.

Some providers say "no traffic left" or "demo" with a 407 or a 403 (C-070, C-168).
"""

_REASON_HEADERS: Final = ("proxy-status", "x-error", "x-error-code", "x-error-message", "x-reason")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal, as the relay saw it. Holds no secret and no text of the gateway's.

    Attributes:
        token: Number that finds this record.
        lane: Lane the request was on.
        handle: Credential it was sent with.
        target: `host:port`.
        status: The gateway's status, or the relay's own (502, 504) when there was none.
        retry_after: The gateway's `Retry-After` as it came, or "".
        tunnel: True at CONNECT, False for a plain http request.
    """

    token: int
    lane: int
    handle: str
    target: str
    status: int
    cause: Cause
    retry_after: str = ""
    tunnel: bool = True


def cause_of(status: int, headers: Mapping[str, str]) -> Cause:
    """Name the cause of a gateway's own answer.

    Args:
        headers: Lower-case names. A reason that stands there is more exact than the status.
    """
    cause = _CAUSES.get(status, Cause.OTHER)
    said = " ".join(headers.get(name, "") for name in _REASON_HEADERS)
    for pattern, believed_of, exact in _SAID:
        if cause in believed_of and pattern.search(said):
            return exact
    return cause


def is_gateways_own(status: int, headers: Mapping[str, str]) -> bool:
    """Tell the gateway's answer from the target's on a plain http request.

    A 407 can only be a proxy's (RFC 9110, 15.5.8). Any other error status counts as the gateway's
    when it says so itself: `Proxy-Status` with an `error` parameter (RFC 9209) or a challenge. A
    target can say all of that, too: what concerns more than itself has to be asked of the gateway.
    """
    if status == 407:  # noqa: PLR2004 - Proxy Authentication Required
        return True
    if status < 400:  # noqa: PLR2004 - not an error
        return False
    return "proxy-authenticate" in headers or "error=" in headers.get("proxy-status", "")


def is_billed(status: int) -> bool:
    """Tell whether a gateway's own answer costs bytes: its 4xx are free (C-167)."""
    return not 400 <= status < 500  # noqa: PLR2004 - the 4xx class


class Refusals:
    """The latest refusals, found again by token. Bounded."""

    def __init__(self) -> None:
        self._by_token: OrderedDict[int, Refusal] = OrderedDict()
        self._untold: OrderedDict[tuple[int, str], Refusal] = OrderedDict()
        self._next_token = 1

    def add(
        self,
        *,
        lane: int,
        handle: str,
        target: str,
        status: int,
        cause: Cause,
        retry_after: str = "",
        tunnel: bool = True,
    ) -> Refusal:
        """Record one and give it its token."""
        refusal = Refusal(
            self._next_token, lane, handle, target, status, cause, retry_after, tunnel
        )
        self._next_token += 1
        self._by_token[refusal.token] = refusal
        if len(self._by_token) > _KEPT:
            self._by_token.popitem(last=False)
        return refusal

    def leave_untold(self, refusal: Refusal) -> None:
        """Keep one whose token cannot reach anybody: the tunnel stood already when it ended."""
        self._untold[refusal.lane, refusal.target] = refusal
        if len(self._untold) > _KEPT:
            self._untold.popitem(last=False)

    def take_untold(self, *, lane: int, target: str) -> Refusal | None:
        """Take out the latest that could not be told, of that lane and target. Each once."""
        found = self._untold.pop((lane, target), None)
        return None if found is None else self._by_token.pop(found.token, None)

    def take(self, text: str, *, lane: int, target: str) -> Refusal | None:
        """Take out the refusal whose token stands in a text, if it is of that lane and target.

        Each is taken once. A target that writes tokens into its own answers finds no record that
        fits, and cannot make the crawl retire a credential or stop.

        Args:
            text: An exception's text, a reason phrase, or the value of the relay's header.
        """
        match = TOKEN.search(text)
        number = match[1] if match else text.strip()
        if not number.isdecimal():
            return None
        found = self._by_token.get(int(number))
        if found is None or (found.lane, found.target) != (lane, target):
            return None
        return self._by_token.pop(found.token)


def lower_names(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Turn raw header pairs into a mapping with lower-case names; repeats are joined by commas."""
    result: dict[str, str] = {}
    for name, value in headers:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1").strip()
        result[key] = f"{result[key]}, {text}" if key in result else text
    return result
