"""Why bytes were spent: the causes by name, and the arithmetic that splits a count among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final


class SpendCause(StrEnum):
    """One cause; each billed byte has exactly one."""

    PAGE = "page"
    RETRY = "retry"
    REDIRECT = "redirect"
    ROBOTS = "robots"
    MEDIA = "media"
    BLOCKED = "blocked"
    ABORTED = "aborted"
    TUNNEL = "tunnel"


CAUSES: Final[Mapping[SpendCause, str]] = {
    SpendCause.PAGE: "Requests of the spider, sent for the first time, and their answers",
    SpendCause.RETRY: "Requests sent again: after a failure, a ban or a back-off",
    SpendCause.REDIRECT: "Answers that only point elsewhere",
    SpendCause.ROBOTS: "robots.txt",
    SpendCause.MEDIA: "Files that media pipelines fetch",
    SpendCause.BLOCKED: "Answers that mean *slower* or *not you*: back-offs and bans",
    SpendCause.ABORTED: "Transfers that were cut or failed: time-outs, lost connections, refusals",
    SpendCause.TUNNEL: "What it takes to open https connections and to close them: CONNECT and TLS",
}
"""What each of them means. An answer's own fault comes before what the request was for."""

UNKNOWN_CAUSE: Final = ""
"""What was booked before causes were told apart."""


def apportioned(total: int, weights: Sequence[int]) -> list[int]:
    """Split a count by weights, to the unit: the largest remainders get what rounding leaves.

    Without any weight all get the same. The parts always sum to the total, and none is negative.
    """
    if not weights:
        return []
    if not any(weights):
        weights = [1] * len(weights)
    whole = sum(weights)
    parts = [total * weight // whole for weight in weights]
    left = total - sum(parts)
    by_remainder = sorted(range(len(weights)), key=lambda n: (-(total * weights[n] % whole), n))
    for number in by_remainder[:left]:
        parts[number] += 1
    return parts
