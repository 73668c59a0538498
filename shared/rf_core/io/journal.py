"""Which calls of the API this machine made: a ring of rows in `state.db` that never grows.

A row has what :class:`~rf_core.snapshot.ApiCall` has: no query, no header, no body.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

import msgspec

from rf_core.answer import Answer
from rf_core.call import Call
from rf_core.errors import ResiFactoryError, StateError
from rf_core.io.state import State
from rf_core.protocol import RateHeaders, rate_headers
from rf_core.redaction import printable, redact
from rf_core.snapshot import ApiCall

KEPT_CALLS: Final = 2_000
SHOWN_CALLS: Final = 200

_LONGEST_PATH: Final = 80
_PUT: Final = (
    "INSERT OR REPLACE INTO calls SELECT (coalesce(max(number), -1) + 1) % ?, "
    "coalesce(max(number), -1) + 1, ?, ? FROM calls"
)
"""One statement: the row that falls off the ring is the one that is replaced."""


class Journal:
    """Notes calls, for all to see who watch on this machine.

    Args:
        key: The key's fingerprint.
        who: Whose calls they are.
    """

    def __init__(self, state: State, key: str, who: str) -> None:
        self._state = state
        self._key = key
        self._who = who

    async def note(
        self,
        call: Call,
        *,
        at: float,
        seconds: float,
        answer: Answer | None = None,
        error: ResiFactoryError | None = None,
    ) -> None:
        """Note a call that has ended. A journal that cannot be written harms no call.

        Args:
            at: When it was sent (Unix seconds).
            error: Why there is no answer, if there is none.
        """
        headers = RateHeaders() if answer is None else rate_headers(answer)
        made = ApiCall(
            at=at,
            method=call.method,
            path=printable(redact(f"/{call.path}"), _LONGEST_PATH),
            status=0 if answer is None else answer.status,
            seconds=round(seconds, 4),
            who=self._who,
            group=call.group or "",
            remaining=headers.remaining,
            limit=headers.limit,
            trouble="" if error is None else type(error).__name__.removesuffix("Error").lower(),
        )
        with contextlib.suppress(StateError):
            await self._state.run_swiftly(_put, self._key, made)
            self._state.count_commit()


def get_calls(
    connection: sqlite3.Connection, key: str, after: int
) -> tuple[int, tuple[ApiCall, ...]]:
    """Return the calls of a key that came after that number, newest first, and the newest number.

    Args:
        after: -1 for all that are shown.
    """
    rows = connection.execute(
        "SELECT number, body FROM calls WHERE key = ? AND number > ? ORDER BY number DESC LIMIT ?",
        (key, after, SHOWN_CALLS),
    ).fetchall()
    calls = []
    for _, body in rows:
        # A row of another version of this program is nothing to fail over.
        with contextlib.suppress(msgspec.MsgspecError):
            calls.append(msgspec.json.decode(body, type=ApiCall))
    return (rows[0][0] if rows else after), tuple(calls)


def _put(connection: sqlite3.Connection, key: str, made: ApiCall) -> bool:
    connection.execute(_PUT, (KEPT_CALLS, key, msgspec.json.encode(made).decode()))
    return True
