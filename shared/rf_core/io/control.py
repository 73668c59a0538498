"""Hands a word to a running crawl through `state.db`, and its answer back.

The crawl looks once a second. A word that is not taken in time is taken back: it can never act
later, when nobody thinks of it any more.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from rf_core.control import Answer, Verb
from rf_core.io.session import Session

PATIENCE_SECONDS: Final = 6.0
"""A crawl looks each second; one that has not by then does not listen."""

_GLANCE_SECONDS: Final = 0.1
_STALE_SECONDS: Final = 30.0
"""Whoever wrote a word that is so old has gone: it is not obeyed."""

_DEAF: Final = (
    "It did not look within {seconds:.0f} s: it hangs, or takes no orders, as rf relay and rf run "
    "do not. Nothing was changed."
)
_SILENT: Final = "It has taken the order and said nothing: look whether its process is there."
_KEPT_SECONDS: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A word to a crawl.

    Attributes:
        limit_bytes: With `budget`, what it may spend in all.
    """

    id: int
    verb: Verb
    limit_bytes: int | None


def put_wish(
    connection: sqlite3.Connection,
    key: str,
    crawl: str,
    *,
    verb: Verb,
    limit_bytes: int | None,
    now: float,
) -> int:
    """Write a word down for a crawl; return what it is asked for by."""
    connection.execute("DELETE FROM wishes WHERE at < ?", (now - _KEPT_SECONDS,))
    written = connection.execute(
        "INSERT INTO wishes (key, crawl, verb, bytes, at) VALUES (?, ?, ?, ?, ?)",
        (key, crawl, verb, limit_bytes, now),
    )
    return int(written.lastrowid or 0)


def take_wishes(connection: sqlite3.Connection, crawl: str, now: float) -> tuple[Wish, ...]:
    """Take what a crawl was told since it looked last, the oldest first."""
    rows = connection.execute(
        "UPDATE wishes SET taken_at = ? WHERE crawl = ? AND taken_at IS NULL AND at > ? "
        "RETURNING id, verb, bytes",
        (now, crawl, now - _STALE_SECONDS),
    ).fetchall()
    return tuple(Wish(*row) for row in sorted(rows))


def has_wishes(connection: sqlite3.Connection, crawl: str) -> bool:
    """Tell whether there is something to take: a look, which keeps no writer waiting."""
    row = connection.execute(
        "SELECT 1 FROM wishes WHERE crawl = ? AND taken_at IS NULL LIMIT 1", (crawl,)
    ).fetchone()
    return row is not None


def put_answer(connection: sqlite3.Connection, wish: int, said: Answer) -> None:
    """Write down what the crawl says to a word."""
    connection.execute(
        "UPDATE wishes SET is_done = ?, answer = ? WHERE id = ?", (said.is_done, said.text, wish)
    )


def get_answer(connection: sqlite3.Connection, wish: int) -> Answer | None:
    """Return what the crawl has said to a word, if it has."""
    row = connection.execute("SELECT is_done, answer FROM wishes WHERE id = ?", (wish,)).fetchone()
    return Answer(bool(row[0]), row[1]) if row and row[1] is not None else None


def take_back(connection: sqlite3.Connection, wish: int) -> bool:
    """Take a word back; False when the crawl has taken it already."""
    done = connection.execute("DELETE FROM wishes WHERE id = ? AND taken_at IS NULL", (wish,))
    return bool(done.rowcount)


async def ask(
    session: Session,
    crawl: str,
    verb: Verb,
    limit_bytes: int | None = None,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Answer:
    """Tell a crawl something, and wait for what it says.

    Raises:
        StateError: `state.db` cannot be used.
    """
    state, clock = session.state, session.clock
    wish = await state.run(
        put_wish, session.key, crawl, verb=verb, limit_bytes=limit_bytes, now=clock.wall()
    )
    for glance in range(2 * max(1, round(patience_seconds / _GLANCE_SECONDS))):
        said = await state.read(get_answer, wish)
        if said is not None:
            return said
        late = (glance + 1) * _GLANCE_SECONDS >= patience_seconds
        if late and await state.run(take_back, wish):
            return Answer(False, _DEAF.format(seconds=patience_seconds))
        await clock.sleep(_GLANCE_SECONDS)
    return Answer(False, _SILENT)
