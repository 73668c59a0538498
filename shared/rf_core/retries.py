"""Whether a failed call is worth another attempt, and after how long: one pure table.

The law of the provider's FAQ: wait `Retry-After`, then double, plus jitter (C-127). Bounded by the
caller's deadline, because the documented sample could sleep for half an hour.
"""

from __future__ import annotations

from typing import Final

from rf_core.errors import (
    InternalError,
    RateLimitedError,
    ResiFactoryError,
    ResponseError,
    TransportError,
)

ATTEMPTS: Final = 4
"""Attempts of one call: the first and at most three more (C-145)."""

_FIRST_SECONDS: Final = 0.5
_RATE_LIMITED_SECONDS: Final = 1.0


def pause_before_retry(
    error: ResiFactoryError, *, attempt: int, chance: float, repeatable: bool = True
) -> float | None:
    """Return the seconds to wait before the next attempt, or None when none would help.

    Args:
        attempt: How many attempts have failed, this one included.
        chance: A number in [0, 1): the jitter, which only ever adds.
        repeatable: Whether the call may be made twice; if not, it is tried again only when it
            surely was not made.
    """
    doubled = 2.0 ** (attempt - 1)
    match error:
        case RateLimitedError():
            asked = error.retry_after or _RATE_LIMITED_SECONDS
            return asked * doubled + chance
        case TransportError(sent=False):
            return _FIRST_SECONDS * doubled * (1 + chance)
        case _ if not repeatable:
            return None
        case InternalError():
            asked = max(error.retry_after or 0.0, _FIRST_SECONDS * doubled)
            return asked * (1 + chance)
        case TransportError() | ResponseError(path="$"):  # not even JSON: an edge in between
            return _FIRST_SECONDS * doubled * (1 + chance)
        case _:
            return None
